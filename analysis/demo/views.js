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

// A colour of an image, blue, green and red, with an opacity of 0 to 255.
const HEAT = 0x009fe6, RAISED = 0x824e00;
const opaque = (colour, opacity) => ((Math.round(opacity) << 24) | colour) >>> 0;

const NIGHT = "#4A4A4A";

// How much longer it is dark, in the middle of a scene.
function draw_dark(pen, width, height, ms) {
  pen.fillStyle = NIGHT;
  const [half, size] = width < 200 ? [42, "12px"] : [56, "15px"];
  pen.fillRect(width / 2 - half, height / 2 - 18, 2 * half, 26);
  pen.fillStyle = "#FFFFFF";
  pen.textAlign = "center";
  pen.font = FONT.replace("12px", size);
  pen.fillText(`dark: ${Math.ceil(ms)} ms`, width / 2, height / 2);
}

// Dashed lines where something was done to the animal.
function draw_notes(pen, notes, first, x_of, top, tall) {
  pen.strokeStyle = VERMILLION;
  pen.lineWidth = 1.5;
  pen.setLineDash([3, 3]);
  pen.beginPath();
  for (const trial of new Set(notes.map((note) => note.trial))) {
    if (trial < first) continue;
    pen.moveTo(x_of(trial), top);
    pen.lineTo(x_of(trial), top + tall);
  }
  pen.stroke();
  pen.setLineDash([]);
}

// The numbers of the trials, from 1, below an axis: 1 and every `each`-th.
function draw_trial_numbers(pen, count, first, x_of, height, each = 5) {
  pen.fillStyle = DARK_GREY;
  pen.textAlign = "center";
  for (let trial = first; trial < first + count; trial++) {
    if (trial === 0 || trial % each === each - 1) pen.fillText(String(trial + 1), x_of(trial), height - 6);
  }
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
  for (let t = Math.max(0, Math.ceil(from / unit) * unit); t <= to; t += unit) {
    const x = left + ((t - from) / (to - from)) * (right - left);
    pen.moveTo(x, bottom);
    pen.lineTo(x, bottom + 4);
    pen.fillText(String(t), Math.min(x, right - 14), bottom + 16);
  }
  pen.stroke();
}

const LEFT = 64, BOTTOM = 22;

function draw_raster(canvas, history, populations, names, now) {
  const { pen, width, height } = prepared(canvas), n = populations.length, tall = height - BOTTOM - 2;
  const from = now - RASTER_MS, x_of = (t) => LEFT + ((t - from) / RASTER_MS) * (width - LEFT);
  const dot = Math.max(1.2, tall / n), wide = Math.max(1.2, (width - LEFT) / RASTER_MS);
  [DARK_GREY, VERMILLION, BLUE].forEach((colour, population) => {
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

function draw_thresholds(canvas, history, now, words) {
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
  words.forEach((word, i) => pen.fillText(word, LEFT - 6, tall / 2 + 15 * (i - 1.2)));
  time_axis(pen, LEFT, width, height - BOTTOM, from, now, 500);
}
