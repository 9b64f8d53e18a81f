// Input cells that read what a task shows (tasks/encoders/); double precision. `spikes` (n_in) gets a 1 where a cell spikes.

const REACH = Math.sqrt(-2 * Math.log(1e-6)), OUT_OF_POOL = 1.5;

function spike_line(stepped, value, centre, spacing, n_cells, width, peak, offset, spikes) {
  const first = Math.max(0, Math.ceil((value - centre - REACH * width) / spacing));
  const last = Math.min(n_cells - 1, Math.floor((value - centre + REACH * width) / spacing));
  const distance = centre + first * spacing - value, halved = 0.5 / (width * width);
  let probability = peak * Math.exp(-distance * distance * halved);
  let ratio = Math.exp(-(2 * distance + spacing) * spacing * halved);
  const curvature = Math.exp(-2 * spacing * spacing * halved);
  for (let i = first; i <= last; i++) {
    if (uniform_of(stepped, offset + i) < probability) spikes[offset + i] = 1;
    probability *= ratio;
    ratio *= curvature;
  }
}

function spike_alike(stepped, n_cells, probability, offset, spikes) {
  for (let i = offset; i < offset + n_cells; i++) if (uniform_of(stepped, i) < probability) spikes[i] = 1;
}

function spike_anyhow(stepped, n_cells, probability, spikes) {
  if (probability <= 0) return;
  for (let i = 0; i < n_cells; i++) if (uniform_of(stepped, spikes.length + i) < probability) spikes[i] = 1;
}

function encode_places(key, t, [x, y, on_platform, wall], p, spikes) {
  const [width, peak, n_reward, n_wall, flag, background] = p, n_side = (p.length - 6) / 2;
  const stepped = step_key(key, t, ENCODER), spacing = 2 / n_side, in_pool = x * x + y * y < OUT_OF_POOL;
  let offset = 0;
  for (let row = 0; row < n_side; row++) {
    const skipped = p[6 + row], n_cells = p[6 + n_side + row], distance = -1 + (row + 0.5) * spacing - y;
    if (in_pool && Math.abs(distance) <= REACH * width) {
      const row_peak = peak * Math.exp(-0.5 * (distance / width) ** 2), left = -1 + (skipped + 0.5) * spacing;
      spike_line(stepped, x, left, spacing, n_cells, width, row_peak, offset, spikes);
    }
    offset += n_cells;
  }
  if (in_pool) spike_anyhow(stepped, offset, background, spikes);
  if (on_platform > 0) spike_alike(stepped, n_reward, flag, offset, spikes);
  if (wall > 0) spike_alike(stepped, n_wall, flag, offset + n_reward, spikes);
}

function encode_coordinates(key, t, [x, y, on_platform, wall], p, spikes) {
  const [n_cells, width, peak, n_reward, n_wall, flag, background] = p, stepped = step_key(key, t, ENCODER);
  if (x * x + y * y < OUT_OF_POOL) {
    const spacing = 2 / (n_cells - 1);
    spike_line(stepped, x, -1, spacing, n_cells, width, peak, 0, spikes);
    spike_line(stepped, y, -1, spacing, n_cells, width, peak, n_cells, spikes);
    spike_anyhow(stepped, 2 * n_cells, background, spikes);
  }
  if (on_platform > 0) spike_alike(stepped, n_reward, flag, 2 * n_cells, spikes);
  if (wall > 0) spike_alike(stepped, n_wall, flag, 2 * n_cells + n_reward, spikes);
}

// The cells of places, and behind them those of cues.
function encode_cued_places(key, t, observation, p, spikes) {
  const cells = p[0], stepped = step_key(key, t, ENCODER), cues = observation.slice(4);
  encode_places(key, t, observation, p.subarray(1), spikes);
  cues.forEach((shown, cue) => {
    if (shown > 0) spike_alike(stepped, cells, p[5], spikes.length - (cues.length - cue) * cells, spikes);
  });
}

function encode_flags(key, t, observation, [n_cells, flag], spikes) {
  const stepped = step_key(key, t, ENCODER);
  observation.forEach((up, i) => { if (up > 0) spike_alike(stepped, n_cells, flag, i * n_cells, spikes); });
}

// Cells on a ring, each tuned to a direction of (x, y), and behind them those of a cue.
function encode_ring(key, t, [x, y, cue], [n_cells, peak, concentration, n_cue, flag], spikes) {
  const stepped = step_key(key, t, ENCODER), strength = Math.min(1, Math.hypot(x, y)), angle = Math.atan2(y, x);
  for (let i = 0; strength > 0 && i < n_cells; i++) {
    const away = Math.cos(angle - (2 * Math.PI * i) / n_cells) - 1;
    if (uniform_of(stepped, i) < strength * peak * Math.exp(concentration * away)) spikes[i] = 1;
  }
  if (cue > 0) spike_alike(stepped, n_cue, flag, n_cells, spikes);
}

const ENCODERS = { encode_places, encode_cued_places, encode_coordinates, encode_flags, encode_ring };
