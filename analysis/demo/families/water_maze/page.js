// The maze on the page: an animal that swims, its pool from above, and what the reader does there.

class Swimmer extends Animal {
  constructor(...given) {
    super(...given);
    this.trail = [];
    this.first_trail = []; // that of the first search
    this.start_trial();
  }

  // A trial that ended: { latency, oracle }.
  start_trial() {
    this.trial = { start: this.t, oracle: straight_ms(this.parameters, this.world) };
    this.trail = [];
  }

  // Milliseconds since the release of the present trial; null while the animal is not in the water.
  get searching() {
    return this.trial && this.t - this.trial.start;
  }

  get dark() {
    return this.world[WAIT] > 0 && this.world[ON_PLATFORM] === 0;
  }

  act() {
    const { world } = this, waited = world[WAIT] > 0, visit = this.simulation.step();
    if (!this.dark) this.trail.push(world[X], world[Y]);
    if (visit) {
      this.trials.push({ latency: this.t - this.trial.start, oracle: this.trial.oracle });
      this.trial = null;
      if (this.trials.length === 1) this.first_trail = [...this.trail];
    } else if (waited && world[WAIT] <= 0) this.start_trial();
    return visit;
  }

  move_platform(x, y) {
    const { world } = this, far = Math.hypot(x, y), most = 1 - world[RADIUS] / 2, scale = far > most ? most / far : 1;
    [world[PLATFORM_X], world[PLATFORM_Y]] = [x * scale, y * scale];
    [world[OTHER_X], world[OTHER_Y], world[FOUND]] = [x * scale, y * scale, 0];
    if (many(world)) [world[PLACES + 2 * world[GOAL]], world[PLACES + 2 * world[GOAL] + 1]] = [x * scale, y * scale];
    if (this.trial) this.trial.oracle = this.searching + straight_ms(this.parameters, world);
  }

  // Release the animal there; a trial begins.
  release(x, y) {
    const { world } = this, far = Math.hypot(x, y), scale = far > 0.99 ? 0.99 / far : 1;
    [world[X], world[Y], world[WAIT], world[WALL], world[ON_PLATFORM]] = [x * scale, y * scale, 0, 0, 0];
    if (many(world)) world[SINCE] = 0;
    this.start_trial();
  }

  // Hold the animal where no input cell fires; then it is released.
  lights_out(ms) {
    const { world } = this, rest = world[ON_PLATFORM] ? Math.max(0, world[WAIT] - world[DARK]) : 0;
    [world[DARK], world[WAIT], world[WALL]] = [ms, rest + ms, 0];
    this.trial = null;
    this.trail = [];
  }
}

// The pool from above.
const POOL_MARGIN = 10, FIRST_TRAIL = "#A9A9A9";

function pool_scale(canvas) {
  const size = Math.min(canvas.clientWidth, canvas.clientHeight), radius = size / 2 - POOL_MARGIN;
  const centre = [canvas.clientWidth / 2, canvas.clientHeight / 2];
  return {
    radius,
    to_screen: (x, y) => [centre[0] + x * radius, centre[1] - y * radius],
    to_pool: (x, y) => [(x - centre[0]) / radius, (centre[1] - y) / radius],
  };
}

const HEAT_SIDE = 48, heat_canvas = document.createElement("canvas");
heat_canvas.width = heat_canvas.height = HEAT_SIDE;

// A Gaussian about the place that was read, over the pool.
function draw_heat(pen, scale, { values: [x, y], sd }) {
  const small = heat_canvas.getContext("2d"), image = small.createImageData(HEAT_SIDE, HEAT_SIDE);
  const colours = new Uint32Array(image.data.buffer);
  const middles = Array.from({ length: HEAT_SIDE }, (_, i) => (2 * i + 1) / HEAT_SIDE - 1);
  const along = (centre) => middles.map((middle) => Math.exp(-((middle - centre) ** 2) / (2 * sd ** 2)));
  const across = along(x), down = along(-y), strength = 235 * Math.min(1, 0.35 / sd);
  for (let i = 0; i < colours.length; i++) {
    colours[i] = opaque(HEAT, strength * across[i % HEAT_SIDE] * down[Math.floor(i / HEAT_SIDE)]);
  }
  small.putImageData(image, 0, 0);
  const [left, top] = scale.to_screen(-1, 1);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(heat_canvas, left, top, 2 * scale.radius, 2 * scale.radius);
}

function circle(pen, scale, x, y, radius) {
  pen.beginPath();
  pen.arc(...scale.to_screen(x, y), radius * scale.radius, 0, 2 * Math.PI);
}

function draw_pool(canvas, swimmer, read, selected) {
  const { pen, width, height } = prepared(canvas), scale = pool_scale(canvas), { world } = swimmer;
  if (scale.radius <= 0) return; // not laid out yet
  circle(pen, scale, 0, 0, 1);
  pen.fillStyle = swimmer.dark ? NIGHT : WATER;
  pen.fill();
  pen.save();
  pen.clip(); // what of a platform lies outside the pool is reached by nobody
  if (read) draw_heat(pen, scale, read);
  draw_platforms(pen, scale, swimmer, selected === "platform");
  pen.restore();
  circle(pen, scale, 0, 0, 1);
  pen.lineWidth = 2;
  pen.strokeStyle = GREY;
  pen.stroke();
  draw_trail(pen, scale, swimmer.first_trail, FIRST_TRAIL);
  draw_trail(pen, scale, swimmer.trail, BLUE);
  if (swimmer.dark) draw_dark(pen, width, height, world[WAIT]);
  else draw_animal(pen, scale, swimmer, selected === "animal");
}

// The platform of the trial, dashed; dotted and thin those of other trials.
function draw_platforms(pen, scale, { world, dark }, selected) {
  pen.strokeStyle = dark ? "#7FD6BC" : GREEN;
  pen.lineWidth = 1;
  pen.setLineDash([1.5, 4]);
  for (let place = PLACES; many(world) && place < PLACES + 2 * world[COUNT]; place += 2) {
    circle(pen, scale, world[place], world[place + 1], world[RADIUS]);
    pen.stroke();
  }
  pen.setLineDash([5, 4]);
  pen.lineWidth = selected ? 4 : 2.5;
  circle(pen, scale, world[PLATFORM_X], world[PLATFORM_Y], world[RADIUS]);
  pen.stroke();
  pen.setLineDash([]);
}

function draw_trail(pen, scale, trail, colour) {
  pen.beginPath();
  for (let i = 0; i < trail.length; i += 2) pen.lineTo(...scale.to_screen(trail[i], trail[i + 1]));
  pen.lineWidth = 2;
  pen.strokeStyle = colour;
  pen.stroke();
}

// A dart that points where it swims; black-rimmed, larger where the keys move it.
function draw_animal(pen, scale, { world, trail }, selected) {
  const n = trail.length, heading = n > 3 ? Math.atan2(trail[n - 1] - trail[n - 3], trail[n - 2] - trail[n - 4]) : 0;
  const size = selected ? 12 : 9;
  pen.save();
  pen.translate(...scale.to_screen(world[X], world[Y]));
  pen.rotate(-heading);
  pen.beginPath();
  pen.moveTo(size, 0);
  for (const [x, y] of [[-0.8, 0.7], [-0.4, 0], [-0.8, -0.7]]) pen.lineTo(x * size, y * size);
  pen.closePath();
  pen.fillStyle = world[ON_PLATFORM] ? GREEN : VERMILLION;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = "#000000";
  pen.stroke();
  pen.restore();
}

// Escape latency by trial, logarithmic: dots joined by a line for the animal, crosses for the oracle.
const SHOWN_TRIALS = 40, TICKS = [1, 10, 100, 1000], LONGEST_MS = 5000;

function draw_latencies(canvas, swimmer) {
  const { pen, width, height } = prepared(canvas), tall = height - BOTTOM - 14, top = 6, { trials } = swimmer;
  const first = Math.max(0, trials.length - SHOWN_TRIALS), shown = trials.slice(first);
  const y_of = (ms) => top + tall * (1 - Math.log(Math.min(LONGEST_MS, Math.max(1, ms))) / Math.log(LONGEST_MS));
  const apart = (width - LEFT - 16) / Math.max(10, shown.length), x_of = (trial) => LEFT + 12 + (trial - first) * apart;
  pen.textAlign = "right";
  for (const tick of TICKS) {
    pen.fillStyle = DARK_GREY;
    pen.fillText(tick, LEFT - 6, y_of(tick) + 4);
    pen.fillStyle = PALE;
    pen.fillRect(LEFT, y_of(tick), width - LEFT, 1);
  }
  draw_notes(pen, swimmer.notes, first, (trial) => x_of(trial) - apart / 2, top, tall);
  pen.strokeStyle = pen.fillStyle = BLUE;
  pen.lineWidth = 1.5;
  pen.beginPath();
  shown.forEach(({ latency }, i) => pen.lineTo(x_of(first + i), y_of(latency)));
  pen.stroke();
  shown.forEach(({ latency, oracle }, i) => {
    const x = x_of(first + i);
    pen.fillStyle = BLUE;
    pen.beginPath();
    pen.arc(x, y_of(latency), 3.5, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = "#000000";
    pen.fillRect(x - 4, y_of(oracle) - 0.75, 8, 1.5);
    pen.fillRect(x - 0.75, y_of(oracle) - 4, 1.5, 8);
  });
  draw_trial_numbers(pen, shown.length, first, x_of, height);
  pen.textAlign = "right";
  pen.fillText("ms", LEFT - 6, height - 6);
}

const SHOWN_LATENCIES = 4;

function headline_after({ text, before, since }) {
  const latencies = since.map((trial) => trial.latency), usual = before.slice(1).map((trial) => trial.latency);
  const later = `${latencies[0]} ms, then ${median(latencies.slice(1))} ms (median).`;
  const own = latencies.length > SHOWN_LATENCIES ? later : latencies.length ? `${latencies.join(", ")} ms.` : "…";
  return `After ${text}: ${own}${usual.length ? ` Before: ${median(usual)} ms (median).` : ""}`;
}

// What the shared page asks of a family.

const told_place = (place) => `(${place.map((c) => c.toFixed(2)).join(", ")})`;
const place_of = (swimmer, what) => {
  const x = what === "platform" ? PLATFORM_X : X;
  return [swimmer.world[x], swimmer.world[x + 1]];
};

function move_to(swimmer, what, x, y) {
  if (what === "platform") swimmer.move_platform(x, y);
  else swimmer.release(x, y);
}

const SCENE = {
  Animal: Swimmer,
  draw: draw_pool,
  sorted_by: ["neurons", "by", "preferred", "place"],
  draw_trials: draw_latencies,

  // What lies at a place of the canvas: { what, move(x, y), at_once }, null for nothing.
  grab(canvas, swimmer, left, top) {
    const { to_pool } = pool_scale(canvas), [x, y] = to_pool(left, top), { world } = swimmer;
    if (Math.hypot(x, y) > 1.05) return null;
    const offset = [x - world[PLATFORM_X], y - world[PLATFORM_Y]];
    const near = Math.hypot(x - world[X], y - world[Y]) < 0.08 && !swimmer.dark;
    const what = !near && Math.hypot(...offset) <= world[RADIUS] ? "platform" : "animal";
    const [from_x, from_y] = what === "platform" ? offset : [0, 0];
    const move = (to_left, to_top) => {
      const [to_x, to_y] = to_pool(to_left, to_top);
      move_to(swimmer, what, to_x - from_x, to_y - from_y);
    };
    return { what, move, at_once: what === "animal" };
  },

  // What the keys move, by (x, y) steps, small ones with `fine`.
  key(swimmer, what, x, y, fine) {
    const length = fine ? 0.02 : 0.1, from = place_of(swimmer, what);
    move_to(swimmer, what, from[0] + x * length, from[1] + y * length);
    return what;
  },

  moving: (what) => `moving the ${what}`,
  moved: (swimmer, what) => `The ${what} is now at ${told_place(place_of(swimmer, what))}.`,
  new_episode: "A new maze: its platform lies elsewhere, and the state starts from rest.",
  second: "A second animal swims in a pool of its own.",
  after_dark: "then the animal is released",

  // The last trial in a sentence, and what is to be seen at once.
  last_trial({ trials }) {
    const last = trials.at(-1);
    if (!last) return "It does not know this pool yet.";
    return `Trial ${trials.length}: found after ${last.latency} ms; a straight swim takes ${last.oracle} ms.`;
  },

  headline({ trials, done }) {
    if (done) return headline_after(done);
    if (!trials.length) return "First search …";
    const later = trials.slice(1), first = `First search: ${trials[0].latency} ms.`;
    if (!later.length) return `${first} Now it is released elsewhere.`;
    const [own, oracle] = ["latency", "oracle"].map((part) => median(later.map((trial) => trial[part])));
    return `${first} Since then: ${own} ms (median), a straight swim: ${oracle} ms.`;
  },

  numbers(swimmer, read) {
    const { trials, world } = swimmer, last = trials.at(-1), recent = trials.slice(1).slice(-10);
    const rests = swimmer.dark ? "in the dark" : world[ON_PLATFORM] ? "on the platform" : null;
    const numbers = {
      phase: rests || `searching for ${swimmer.searching} ms`, visits: trials.length,
      "last-latency": last ? `${last.latency} ms` : "–",
      oracle: last ? `${last.oracle} ms` : "–",
      median: recent.length ? `${median(recent.map((trial) => trial.latency))} ms` : "–",
      "platform-place": told_place(place_of(swimmer, "platform")),
    };
    if (read) {
      const [x, y] = read.values, wrong = Math.hypot(x - world[PLATFORM_X], y - world[PLATFORM_Y]);
      numbers.decoded = `${told_place([x, y])}, ${wrong.toFixed(2)} pool radii from the platform`;
    }
    return numbers;
  },
};
