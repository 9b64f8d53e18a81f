// Angle recall on the page: a ring of cells, the angle or colour that the reader shows, and the animal's answer.

const RESULT_MS = 300, LATER_DARK_MS = 500; // how long an answer stays to be seen; the dark after the first trial
const TURN = 2 * Math.PI, PAGE_ANGLE = PAGE_NOISE + 2;

const turned = (angle) => ((angle % TURN) + TURN) % TURN;
const degrees = (angle) => Math.round((turned(angle) * 360) / TURN) % 360;
const degrees_apart = (a, b) => (Math.abs(turned(a - b + Math.PI) - Math.PI) * 360) / TURN;

// Where on the ring the cells of a colour land: by a cell's number, the ring cell whose synapses it has. The network was
// trained on "same" alone.
const MAPS = {
  same: (n) => (i) => i,
  mirrored: (n) => (i) => (n - i) % n,
  warped: (n) => (i) => Math.round(i + (n / TURN) * 0.75 * Math.sin((TURN * i) / n) + n) % n,
  shuffled: (n) => {
    const stepped = step_key({ high: 0, low: 1 }, 0, PAGE_ANGLE), order = Array.from({ length: n }, (_, i) => i);
    const drawn = order.map((i) => uniform_of(stepped, i));
    order.sort((a, b) => drawn[a] - drawn[b]);
    return (i) => order[i];
  },
};
let lands = null; // where each cell lands

// The same cells spike, at the places where they land.
const mapped = (encode) => (key, t, observation, p, spikes) => {
  encode(key, t, observation, p, spikes);
  const fired = spikes.slice(0, lands.length);
  spikes.fill(0, 0, lands.length);
  fired.forEach((spike, i) => { if (spike) spikes[lands[i]] = 1; });
};

class Recaller extends Animal {
  constructor(...given) {
    super(...given);
    this.held = 0; // ms left of lights out
    this.rests = 0; // ms left until the next trial
    this.next = null; // the angle that the reader picked
    this.answer = null;
  }

  get dark() {
    return this.held > 0 || this.world[PART] === WAITING;
  }

  // ms of dark that are left.
  get left() {
    return this.held + Math.max(0, this.parameters[SHOW_STEPS] + this.world[DARK] - this.world[STEP_OF_TRIAL]);
  }

  // A trial that ended: { angle, answer, error } in rad, rad, degrees.
  act() {
    const answer = this.simulation.step(this.held > 0 || this.rests > 0);
    if (this.held > 0) this.held -= 1;
    if (answer) this.end(answer);
    else if (this.rests > 0 && --this.rests === 0) this.start_trial();
    return answer !== null;
  }

  end([x, y]) {
    const angle = this.world[ANGLE], told = hue_at(Math.atan2(y, x));
    this.trials.push({ angle, answer: told, error: degrees_apart(angle, told) });
    [this.answer, this.rests] = [[x, y], RESULT_MS];
  }

  // A trial from rest, as it was trained, of the angle that was picked or of a drawn one.
  start_trial() {
    const { simulation, world, trials } = this;
    const drawn = TURN * uniform_of(step_key(simulation.key, trials.length, PAGE_ANGLE), 0);
    simulation.state = silent_state(simulation.network);
    if (this.frozen) simulation.state.x.set(this.frozen, this.n_neurons);
    [world[STEP_OF_TRIAL], world[PART], world[ANGLE], world[DARK]] = [0, SHOWN, this.next ?? drawn, LATER_DARK_MS];
    [this.answer, this.next, this.held, this.rests] = [null, null, 0, 0];
  }

  show(angle) {
    this.next = turned(angle);
    this.start_trial();
  }

  lights_out(ms) {
    if (this.rests === 0) this.held = ms;
  }
}

const place_of = (hue) => {
  const n = lands.length, i = Math.round((turned(hue) * n) / TURN) % n;
  return $("map").value === "same" ? turned(hue) : (lands[i] * TURN) / n;
};

// The hue whose cell lies nearest to a place on the ring.
function hue_at(place) {
  const n = lands.length;
  if ($("map").value === "same") return turned(place);
  const away = lands.map((land) => degrees_apart((land * TURN) / n, place));
  return (away.indexOf(Math.min(...away)) * TURN) / n;
}

function ring_scale({ clientWidth: width, clientHeight: height }) {
  const radius = Math.min(width, height) / 2.5, centre = [width / 2, height / 2];
  return {
    radius, centre, to_screen: (angle, r) =>
      [centre[0] + r * radius * Math.cos(angle), centre[1] - r * radius * Math.sin(angle)],
    to_angle: (x, y) => Math.atan2(centre[1] - y, x - centre[0]),
  };
}

const hue_colour = (hue) => `hsl(${degrees(hue)}, 75%, 50%)`;

function draw_ring(canvas, animal, read, selected) {
  const { pen, width, height } = prepared(canvas), scale = ring_scale(canvas), { world } = animal;
  if (scale.radius <= 0) return; // not laid out yet
  pen.beginPath();
  pen.arc(...scale.centre, 0.9 * scale.radius, 0, TURN);
  pen.fillStyle = animal.dark ? NIGHT : WATER;
  pen.fill();
  lands.forEach((land, i) => {
    const fires = animal.simulation.input_spikes[land], hue = (TURN * i) / lands.length;
    pen.beginPath();
    pen.arc(...scale.to_screen((TURN * land) / lands.length, 1), (fires ? 0.07 : 0.04) * scale.radius, 0, TURN);
    pen.fillStyle = hue_colour(hue);
    pen.fill();
    if (fires) pen.stroke();
  });
  if (read) draw_read(pen, scale, read);
  draw_mark(pen, scale, place_of(world[ANGLE]), world[PART] === SHOWN, selected);
  draw_answer(pen, scale, animal);
  if (animal.dark) draw_dark(pen, width, height, animal.left);
}

// What is read off the thresholds: a wedge as wide as its error, none where the direction is lost.
function draw_read(pen, scale, { values: [x, y], sd }) {
  const length = Math.hypot(x, y), angle = Math.atan2(y, x), half = Math.atan2(sd, length);
  if (length < sd) return;
  pen.beginPath();
  pen.moveTo(...scale.centre);
  pen.arc(...scale.centre, 0.88 * scale.radius, -angle - half, -angle + half);
  pen.fillStyle = "#E69F0088";
  pen.fill();
}

// The angle that has to be kept: a triangle outside the ring, full while it is shown.
function draw_mark(pen, scale, angle, shown, selected) {
  const size = selected ? 0.09 : 0.06;
  pen.beginPath();
  pen.moveTo(...scale.to_screen(angle, 1.07));
  for (const side of [-1, 1]) pen.lineTo(...scale.to_screen(angle + side * size, 1.22));
  pen.closePath();
  pen.lineWidth = 2;
  pen.strokeStyle = GREEN;
  pen.fillStyle = shown ? GREEN : "#FFFFFF";
  pen.fill();
  pen.stroke();
}

// The readout while it is asked: an arrow, thick once it is the answer.
function draw_answer(pen, scale, { answer, state, world }) {
  if (!answer && world[PART] !== RECALL) return; // before it is asked it may say anything
  const [x, y] = answer ?? state.y, angle = Math.atan2(y, x), length = Math.min(1, Math.hypot(x, y)) * 0.85;
  if (length < 0.02) return;
  pen.strokeStyle = BLUE;
  pen.lineWidth = answer ? 5 : 2;
  pen.beginPath();
  pen.moveTo(...scale.centre);
  pen.lineTo(...scale.to_screen(angle, length));
  for (const side of [-1, 1]) {
    pen.moveTo(...scale.to_screen(angle, length));
    pen.lineTo(...scale.to_screen(angle + side * 0.1, length * 0.86));
  }
  pen.stroke();
}

// Error by trial.
const SHOWN_ERRORS = 40;

function draw_errors(canvas, animal) {
  const { pen, width, height } = prepared(canvas), tall = height - BOTTOM - 14, top = 6, { trials } = animal;
  const first = Math.max(0, trials.length - SHOWN_ERRORS), shown = trials.slice(first);
  const apart = (width - LEFT - 16) / Math.max(10, shown.length), x_of = (trial) => LEFT + 12 + (trial - first) * apart;
  const y_of = (error) => top + tall * (1 - error / 180);
  pen.textAlign = "right";
  for (const tick of [0, 90, 180]) {
    pen.fillStyle = DARK_GREY;
    pen.fillText(`${tick}°`, LEFT - 6, y_of(tick) + 4);
    pen.fillStyle = PALE;
    pen.fillRect(LEFT, y_of(tick), width - LEFT, 1);
  }
  draw_notes(pen, animal.notes, first, (trial) => x_of(trial) - apart / 2, top, tall);
  shown.forEach(({ error }, i) => {
    pen.fillStyle = BLUE;
    pen.beginPath();
    pen.arc(x_of(first + i), y_of(error), 4, 0, TURN);
    pen.fill();
  });
  draw_trial_numbers(pen, shown.length, first, x_of, height);
}

function headline_after({ text, since }) {
  const errors = since.slice(0, 4).map((trial) => `${Math.round(trial.error)}°`);
  return `After ${text}: ${errors.length ? `wrong by ${errors.join(", ")}.` : "…"}`;
}

// What the shared page asks of a family.

const PARTS = ["sees the angle", "keeps it in the dark", "is asked", "has answered"];

const SCENE = {
  Animal: Recaller,
  draw: draw_ring,
  sorted_by: ["neurons", "by", "preferred", "angle"],
  draw_trials: draw_errors,

  prepare(own) {
    lands = Array.from({ length: own.encoder_parameters[0] }, (_, i) => i);
    own.encode = mapped(own.encode);
    $("speed").value = "0.5"; // a trial takes a second
    $("map").addEventListener("change", () => {
      const land = MAPS[$("map").value](lands.length);
      lands = lands.map((_, i) => land(i));
      for (const animal of page.animals) {
        animal.note(`the map “${$("map").value}”`);
        animal.show(animal.world[ANGLE]);
      }
      tell("Another map: each colour has the synapses of the place where it now lies on the ring.");
      draw();
    });
  },

  // The ring: the angle of the next trial, which begins at once.
  grab(canvas, animal, left, top) {
    const { to_angle } = ring_scale(canvas);
    return { what: "angle", move: (x, y) => animal.show(hue_at(to_angle(x, y))), at_once: true };
  },

  key(animal, what, x, y, fine) {
    animal.show(animal.world[ANGLE] + ((y || -x) * (fine ? 2 : 15) * TURN) / 360);
    return what;
  },

  moving: () => "picking the angle",
  moved: ({ world }) => `${degrees(world[ANGLE])}° is shown; then it has to be kept in the dark.`,
  new_episode: "Another angle, and the state starts from rest.",
  second: "A second animal keeps an angle of its own.",
  after_dark: "then the trial goes on",

  last_trial({ trials }) {
    const last = trials.at(-1);
    if (!last) return "It has not answered yet.";
    return `Trial ${trials.length}: ${degrees(last.angle)}° was shown, ${degrees(last.answer)}° is told.`;
  },

  headline({ trials, done }) {
    if (done) return headline_after(done);
    if (!trials.length) return "The first angle …";
    return `Wrong by ${Math.round(trials.at(-1).error)}°. Median: ${median(trials.map((t) => t.error)).toFixed(1)}°.`;
  },

  numbers(animal, read) {
    const { trials, world } = animal, last = trials.at(-1), recent = trials.slice(-10).map((trial) => trial.error);
    const numbers = {
      phase: animal.held ? "in the dark" : PARTS[world[PART]], answers: trials.length,
      angle: `${degrees(world[ANGLE])}°`, error: last ? `${last.error.toFixed(1)}°` : "–",
      median: recent.length ? `${median(recent).toFixed(1)}°` : "–",
    };
    if (read) {
      const [x, y] = read.values, sure = Math.hypot(x, y) >= read.sd;
      numbers.decoded = sure ? `${degrees(hue_at(Math.atan2(y, x)))}°` : "nothing";
    }
    return numbers;
  },
};
