// What is drawn. Colours that colour-blind readers tell apart (Okabe & Ito 2008), with shapes beside them.

const BLUE = "#0072B2", ORANGE = "#E69F00", VERMILLION = "#D55E00", GREEN = "#009E73", DARK_GREY = "#3A3A3A";
const GREY = "#6E6E6E", PALE = "#D9D9D9", WATER = "#EAF3F8";
const FONT = '12px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif';

// The canvas as sharp as the screen; drawing is in CSS pixels.
function prepared(canvas) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  return { pen, width, height };
}

// The pool from above.
const POOL_MARGIN = 10;

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

// A colour of an image, blue, green and red, with an opacity of 0 to 255.
const HEAT = 0x009fe6, RAISED = 0x824e00;
const opaque = (colour, opacity) => ((Math.round(opacity) << 24) | colour) >>> 0;

// A Gaussian about the place that was read, over the pool.
function draw_heat(pen, scale, place) {
  const small = heat_canvas.getContext("2d"), image = small.createImageData(HEAT_SIDE, HEAT_SIDE);
  const colours = new Uint32Array(image.data.buffer);
  const middles = Array.from({ length: HEAT_SIDE }, (_, i) => (2 * i + 1) / HEAT_SIDE - 1);
  const along = (centre) => middles.map((middle) => Math.exp(-((middle - centre) ** 2) / (2 * place.sd ** 2)));
  const across = along(place.x), down = along(-place.y), strength = 235 * Math.min(1, 0.35 / place.sd);
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

function draw_pool(canvas, swimmer, reading, shows_heat, selected) {
  const { pen, width, height } = prepared(canvas), scale = pool_scale(canvas), { maze } = swimmer.animal;
  if (scale.radius <= 0) return; // not laid out yet
  circle(pen, scale, 0, 0, 1);
  pen.fillStyle = swimmer.dark ? "#4A4A4A" : WATER;
  pen.fill();
  pen.save();
  pen.clip();
  if (shows_heat && reading) draw_heat(pen, scale, read_place(reading, swimmer.animal.state));
  pen.restore();
  circle(pen, scale, 0, 0, 1);
  pen.lineWidth = 2;
  pen.strokeStyle = GREY;
  pen.stroke();
  circle(pen, scale, maze[PLATFORM_X], maze[PLATFORM_Y], maze[RADIUS]);
  pen.setLineDash([5, 4]);
  pen.lineWidth = selected === "platform" ? 4 : 2.5;
  pen.strokeStyle = swimmer.dark ? "#7FD6BC" : GREEN;
  pen.stroke();
  pen.setLineDash([]);
  draw_trail(pen, scale, swimmer.trail);
  if (swimmer.dark) {
    pen.fillStyle = "#FFFFFF";
    pen.textAlign = "center";
    pen.font = FONT.replace("12px", "15px");
    pen.fillText(`lights out: ${Math.ceil(maze[WAIT])} ms`, width / 2, height / 2);
  } else {
    draw_animal(pen, scale, swimmer, selected === "animal");
  }
}

function draw_trail(pen, scale, trail) {
  pen.beginPath();
  for (let i = 0; i < trail.length; i += 2) pen.lineTo(...scale.to_screen(trail[i], trail[i + 1]));
  pen.lineWidth = 2;
  pen.strokeStyle = BLUE;
  pen.stroke();
}

// A dart that points where it swims; black-rimmed, larger where the keys move it.
function draw_animal(pen, scale, swimmer, selected) {
  const { maze } = swimmer.animal, { trail } = swimmer, n = trail.length;
  const heading = n > 3 ? Math.atan2(trail[n - 1] - trail[n - 3], trail[n - 2] - trail[n - 4]) : 0;
  const size = selected ? 12 : 9;
  pen.save();
  pen.translate(...scale.to_screen(maze[X], maze[Y]));
  pen.rotate(-heading);
  pen.beginPath();
  pen.moveTo(size, 0);
  for (const [x, y] of [[-0.8, 0.7], [-0.4, 0], [-0.8, -0.7]]) pen.lineTo(x * size, y * size);
  pen.closePath();
  pen.fillStyle = maze[ON_PLATFORM] ? GREEN : VERMILLION;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = "#000000";
  pen.stroke();
  pen.restore();
}

// Spikes of the last milliseconds, and the thresholds as columns of an image.
const RASTER_MS = 500, COLUMN_MS = 10, COLUMNS = 200;

class History {
  constructor(reading) {
    this.spikes = []; // of each of the last RASTER_MS steps: { t, cells }
    this.sorted = reading ? reading.sorted : [];
    this.columns = []; // of each of the last COLUMNS * COLUMN_MS steps: { t, values }
    this.marks = []; // times of visits
  }

  add(animal, visit) {
    const { state, t } = animal, cells = [];
    for (let i = 0; i < state.spikes.length; i++) if (state.spikes[i]) cells.push(i);
    this.spikes.push({ t, cells });
    if (this.spikes.length > RASTER_MS) this.spikes.shift();
    if (visit) this.marks.push(t);
    if (t % COLUMN_MS) return;
    this.columns.push({ t, values: Float32Array.from(this.sorted, (slot) => state.x[slot]) });
    if (this.columns.length > COLUMNS) this.columns.shift();
    this.marks = this.marks.filter((time) => time > t - COLUMNS * COLUMN_MS);
  }
}

function time_axis(pen, left, right, bottom, from, to, unit) {
  pen.strokeStyle = GREY;
  pen.fillStyle = DARK_GREY;
  pen.lineWidth = 1;
  pen.textAlign = "center";
  pen.beginPath();
  pen.moveTo(left, bottom + 0.5);
  pen.lineTo(right, bottom + 0.5);
  for (let t = Math.ceil(from / unit) * unit; t <= to; t += unit) {
    const x = left + ((t - from) / (to - from)) * (right - left);
    pen.moveTo(x, bottom);
    pen.lineTo(x, bottom + 4);
    if (t >= 0) pen.fillText(String(t), Math.min(x, right - 14), bottom + 16);
  }
  pen.stroke();
}

const LEFT = 64, BOTTOM = 22;

function draw_raster(canvas, history, populations, names, now) {
  const { pen, width, height } = prepared(canvas), n = populations.length, tall = height - BOTTOM - 2;
  const from = now - RASTER_MS, x_of = (t) => LEFT + ((t - from) / RASTER_MS) * (width - LEFT);
  const dot = Math.max(1.2, tall / n), wide = Math.max(1.2, (width - LEFT) / RASTER_MS);
  [DARK_GREY, ORANGE, BLUE].forEach((colour, population) => {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const { t, cells } of history.spikes) {
      for (const cell of cells) if (populations[cell] === population) pen.rect(x_of(t), (cell / n) * tall, wide, dot);
    }
    pen.fill();
  });
  pen.fillStyle = DARK_GREY;
  pen.textAlign = "right";
  let first = 0;
  for (let p = 0; p < 3; p++) {
    const count = populations.filter((own) => own === p).length;
    const repeated = p > 0 && names[p] === names[p - 1];
    if (count && !repeated) pen.fillText(names[p], LEFT - 6, ((first + count / 2) / n) * tall + 4);
    first += count;
  }
  time_axis(pen, LEFT, width, height - BOTTOM, from, now, 100);
}

// White to blue by how far a threshold is raised, up to the most in view; a column of the image every COLUMN_MS.
const threshold_image = document.createElement("canvas");

function draw_thresholds(canvas, history, now) {
  const { pen, width, height } = prepared(canvas), tall = height - BOTTOM - 2, rows = history.sorted.length;
  const span = COLUMNS * COLUMN_MS, from = now - span, small = threshold_image.getContext("2d");
  threshold_image.width = COLUMNS;
  threshold_image.height = rows;
  const image = small.createImageData(COLUMNS, rows), colours = new Uint32Array(image.data.buffer);
  let greatest = 0;
  for (const { values } of history.columns) for (const value of values) greatest = Math.max(greatest, Math.abs(value));
  for (const { t, values } of history.columns) {
    const column = Math.floor((t - 1 - from) / COLUMN_MS);
    if (column < 0) continue;
    const scale = 255 / (greatest || 1);
    for (let row = 0; row < rows; row++) {
      colours[row * COLUMNS + column] = opaque(RAISED, scale * Math.abs(values[row]));
    }
  }
  small.putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(threshold_image, LEFT, 8, width - LEFT, tall - 8);
  pen.strokeStyle = VERMILLION;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const t of history.marks) {
    const x = LEFT + ((t - from) / span) * (width - LEFT);
    pen.moveTo(x, 0);
    pen.lineTo(x, 6);
  }
  pen.stroke();
  pen.fillStyle = DARK_GREY;
  pen.textAlign = "right";
  ["neurons", "by", "preferred", "place"].forEach((word, i) => pen.fillText(word, LEFT - 6, tall / 2 + 15 * (i - 1.2)));
  time_axis(pen, LEFT, width, height - BOTTOM, from, now, 500);
}

// Escape latency by trial, logarithmic: dots joined by a line for the animal, crosses for the oracle.
const SHOWN_TRIALS = 40, TICKS = [1, 10, 100, 1000];

function draw_latencies(canvas, swimmer) {
  const { pen, width, height } = prepared(canvas), tall = height - BOTTOM - 14, top = 6, { trials } = swimmer;
  const first = Math.max(0, trials.length - SHOWN_TRIALS), shown = trials.slice(first);
  const y_of = (ms) => top + tall * (1 - Math.log(Math.max(1, ms)) / Math.log(3000));
  const apart = (width - LEFT - 16) / Math.max(10, shown.length), x_of = (trial) => LEFT + 12 + (trial - first) * apart;
  pen.textAlign = "right";
  for (const tick of TICKS) {
    pen.fillStyle = DARK_GREY;
    pen.fillText(tick, LEFT - 6, y_of(tick) + 4);
    pen.fillStyle = PALE;
    pen.fillRect(LEFT, y_of(tick), width - LEFT, 1);
  }
  pen.strokeStyle = VERMILLION;
  pen.setLineDash([3, 3]);
  pen.beginPath();
  for (const { trial } of swimmer.notes) {
    if (trial < first) continue;
    const x = x_of(trial) - 4;
    pen.moveTo(x, top);
    pen.lineTo(x, top + tall);
  }
  pen.stroke();
  pen.setLineDash([]);
  pen.strokeStyle = pen.fillStyle = BLUE;
  pen.lineWidth = 1.5;
  pen.beginPath();
  shown.forEach(({ latency }, i) => pen.lineTo(x_of(first + i), y_of(latency)));
  pen.stroke();
  pen.lineWidth = 2;
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
  pen.fillStyle = DARK_GREY;
  pen.textAlign = "center";
  shown.forEach((_, i) => {
    if ((first + i) % 5 === 0) pen.fillText(String(first + i + 1), x_of(first + i), height - 6);
  });
  pen.textAlign = "right";
  pen.fillText("ms", LEFT - 6, height - 6);
}
