// The bandit on the page: an animal that pulls arms beside Thompson sampling, and what the reader makes the arms pay.

const ARM_NAMES = ["left", "right"];

class Puller extends Animal {
  constructor(...given) {
    super(...given);
    this.held = 0; // ms left of a dark
    this.thompson = stays(this.parameters) ? new Thompson(this.simulation.key) : null;
  }

  get dark() {
    return this.held > 0;
  }

  // A trial that ended: { arm, paid, better, regret, thompson }, the last two cumulative.
  act() {
    const { world } = this, before = world.slice(), pull = this.simulation.step(this.held > 0);
    if (this.held > 0) this.held -= 1;
    if (pull) this.trials.push(this.judged(pull, before));
    return pull !== null;
  }

  judged({ arm, paid }, world) {
    const pays_of = ARMS.map((i) => world[PAYS + i]), best = Math.max(...pays_of), last = this.trials.at(-1);
    const other = this.thompson?.pull(world[TRIAL], world), missed = this.thompson ? best - pays_of[other] : 0;
    return {
      arm, paid, better: pays_of[arm] === best, regret: (last?.regret ?? 0) + best - pays_of[arm],
      thompson: (last?.thompson ?? 0) + missed,
    };
  }

  // Hold the animal where no input cell fires; then its trial begins again, and no flag tells of the pull before.
  lights_out(ms) {
    [this.held, this.world[STEP_OF_TRIAL], this.world[LAST_ARM]] = [ms, 0, -1];
  }

  pay(arm, probability) {
    const chance = Math.min(1, Math.max(0, probability));
    this.world[PAYS + arm] = chance;
    if (opposed(this.parameters)) this.world[PAYS + 1 - arm] = 1 - chance;
  }
}

// The arms as columns, as high as they pay.
const SCENE_LEFT = 46, SCENE_TOP = 14, SCENE_BOTTOM = 74;

function bandit_scale({ clientWidth: width, clientHeight: height }) {
  const tall = height - SCENE_TOP - SCENE_BOTTOM, half = (width - SCENE_LEFT) / 2;
  return {
    tall, wide: 0.56 * half, middle: (arm) => SCENE_LEFT + half * (arm + 0.5), floor: SCENE_TOP + tall,
    y_of: (chance) => SCENE_TOP + tall * (1 - chance), chance_at: (y) => 1 - (y - SCENE_TOP) / tall,
  };
}

function draw_bandit(canvas, puller, read, selected) {
  const { pen, width, height } = prepared(canvas), scale = bandit_scale(canvas), { world } = puller;
  if (scale.tall <= 0) return; // not laid out yet
  pen.textAlign = "right";
  for (const chance of [0, 0.25, 0.5, 0.75, 1]) {
    pen.fillStyle = PALE;
    pen.fillRect(SCENE_LEFT, scale.y_of(chance), width - SCENE_LEFT, 1);
    pen.fillStyle = DARK_GREY;
    pen.fillText(`${100 * chance} %`, SCENE_LEFT - 6, scale.y_of(chance) + 4);
  }
  for (const arm of ARMS) {
    draw_column(pen, scale, arm, world[PAYS + arm], selected === ARM_NAMES[arm]);
    if (read) draw_estimate(pen, scale, arm, read.values[arm], read.sd);
    pen.fillStyle = DARK_GREY;
    pen.textAlign = "center";
    const name = scale.wide < 80 ? ARM_NAMES[arm] : `${ARM_NAMES[arm]} arm pays`;
    pen.fillText(`${name} ${Math.round(100 * world[PAYS + arm])} %`, scale.middle(arm), height - 6);
  }
  if (puller.dark) draw_dark(pen, width, height, puller.held);
  else draw_pull(pen, scale, puller.trials.at(-1));
}

function draw_column(pen, scale, arm, chance, selected) {
  const left = scale.middle(arm) - scale.wide / 2, top = scale.y_of(chance);
  pen.fillStyle = WATER;
  pen.fillRect(left, top, scale.wide, scale.floor - top);
  pen.strokeStyle = GREEN;
  pen.lineWidth = selected ? 4 : 2.5;
  pen.setLineDash([5, 4]);
  pen.strokeRect(left, top, scale.wide, scale.floor - top);
  pen.setLineDash([]);
  pen.fillStyle = GREEN;
  pen.fillRect(scale.middle(arm) - 16, top - 3, 32, 6); // what is taken hold of
}

// What is read off the thresholds, plus and minus its standard deviation.
function draw_estimate(pen, scale, arm, value, sd) {
  const within = (chance) => scale.y_of(Math.min(1, Math.max(0, chance)));
  const left = scale.middle(arm) - 0.36 * scale.wide, wide = 0.72 * scale.wide, top = within(value + sd);
  pen.fillStyle = "#E69F0055";
  pen.fillRect(left, top, wide, within(value - sd) - top);
  pen.fillStyle = "#B87700";
  pen.fillRect(left, within(value) - 2, wide, 4);
}

// The last pull, below its arm: a full disc where it paid, an open one where it did not.
function draw_pull(pen, scale, last) {
  if (!last) return;
  const x = scale.middle(last.arm), y = scale.floor + 20;
  pen.beginPath();
  pen.arc(x, y, 11, 0, 2 * Math.PI);
  pen.fillStyle = last.paid ? GREEN : "#FFFFFF";
  pen.fill();
  pen.lineWidth = 3;
  pen.strokeStyle = last.paid ? GREEN : VERMILLION;
  pen.stroke();
  pen.fillStyle = DARK_GREY;
  pen.textAlign = "center";
  pen.fillText(last.paid ? "paid" : "nothing", x, y + 29);
}

// Choices in two rows, full where they paid; beneath them regret, the animal's and Thompson sampling's.
const SHOWN_PULLS = 80, ROW = 13;

function draw_pulls(canvas, puller) {
  const { pen, width, height } = prepared(canvas), { trials } = puller, top = 2 * ROW + 12;
  const first = Math.max(0, trials.length - SHOWN_PULLS), shown = trials.slice(first), tall = height - BOTTOM - top;
  const apart = (width - LEFT - 12) / SHOWN_PULLS, x_of = (trial) => LEFT + 6 + (trial - first) * apart;
  const most = Math.max(2, ...shown.map(({ regret, thompson }) => Math.max(regret, thompson)));
  const y_of = (regret) => top + tall * (1 - regret / most);
  pen.textAlign = "right";
  pen.fillStyle = DARK_GREY;
  ARM_NAMES.forEach((name, arm) => pen.fillText(name, LEFT - 6, ROW * (arm + 1) - 1));
  shown.forEach(({ arm, paid }, i) => {
    pen.strokeStyle = pen.fillStyle = BLUE;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.arc(x_of(first + i), ROW * (arm + 0.6), Math.min(4, 0.42 * apart), 0, 2 * Math.PI);
    if (paid) pen.fill();
    pen.stroke();
  });
  for (const tick of [0, most / 2, most]) {
    pen.fillStyle = DARK_GREY;
    pen.fillText(tick.toFixed(1), LEFT - 6, y_of(tick) + 4);
    pen.fillStyle = PALE;
    pen.fillRect(LEFT, y_of(tick), width - LEFT, 1);
  }
  draw_notes(pen, puller.notes, first, (trial) => x_of(trial) - apart / 2, 0, height - BOTTOM);
  const lines = [["regret", BLUE, []], ...(puller.thompson ? [["thompson", "#000000", [4, 3]]] : [])];
  for (const [part, colour, dash] of lines) {
    pen.strokeStyle = colour;
    pen.setLineDash(dash);
    pen.lineWidth = 2;
    pen.beginPath();
    shown.forEach((trial, i) => pen.lineTo(x_of(first + i), y_of(trial[part])));
    pen.stroke();
  }
  pen.setLineDash([]);
  draw_trial_numbers(pen, shown.length, first, x_of, height, 20);
}

// What the shared page asks of a family.

const LATELY = 20; // pulls

function headline_after({ text, since }) {
  const better = since.filter((trial) => trial.better).length;
  return since.length ? `After ${text}: ${better} of ${since.length} pulls of the better arm.` : `After ${text}: …`;
}

const SCENE = {
  Animal: Puller,
  prepare: (own) => { own.parameters[TRIALS] = Infinity; }, // it goes on for as long as the reader looks
  draw: draw_bandit,
  sorted_by: ["neurons", "by", "preferred", "arm"],
  draw_trials: draw_pulls,

  // The column of an arm: what it pays follows the pointer.
  grab(canvas, puller, left) {
    const { chance_at, middle } = bandit_scale(canvas);
    if (left < SCENE_LEFT) return null;
    const arm = Math.abs(left - middle(0)) < Math.abs(left - middle(1)) ? 0 : 1;
    return { what: ARM_NAMES[arm], move: (_, top) => puller.pay(arm, chance_at(top)), at_once: true };
  },

  // Up and down change what an arm pays; left and right pick the arm.
  key(puller, what, x, y, fine) {
    const arm = x ? (x < 0 ? 0 : 1) : ARM_NAMES.indexOf(what);
    if (y) puller.pay(arm, puller.world[PAYS + arm] + y * (fine ? 0.01 : 0.05));
    return ARM_NAMES[arm];
  },

  moving: (what) => `changing the ${what} arm`,
  moved: ({ world }, what) =>
    `The ${what} arm now pays on ${Math.round(100 * world[PAYS + ARM_NAMES.indexOf(what)])} % of the pulls.`,
  new_episode: "New arms: they pay otherwise, and the state starts from rest.",
  second: "A second animal pulls arms of its own.",
  after_dark: "then it pulls on, and nothing tells it what came of the last pull",

  last_trial({ trials }) {
    const last = trials.at(-1);
    if (!last) return "It knows nothing of these arms yet.";
    return `Pull ${trials.length}: the ${ARM_NAMES[last.arm]} arm ${last.paid ? "paid" : "paid nothing"}.`;
  },

  headline({ trials, done }) {
    const lately = trials.slice(-LATELY), better = lately.filter((trial) => trial.better).length;
    if (done && done.since.length < LATELY) return headline_after(done);
    if (!lately.length) return "First pull …";
    return `Of the last ${lately.length} pulls ${better} were of the better arm.`;
  },

  numbers(puller, read) {
    const { trials, world } = puller, last = trials.at(-1), paid = trials.filter((trial) => trial.paid).length;
    const numbers = {
      phase: puller.dark ? "in the dark" : `pulls again in ${this.until(puller)} ms`, pulls: trials.length,
      paid: trials.length ? `${paid} (${Math.round((100 * paid) / trials.length)} %)` : "–",
      regret: last ? last.regret.toFixed(2) : "–",
      thompson: last && puller.thompson ? last.thompson.toFixed(2) : "–",
      pays: ARMS.map((arm) => `${ARM_NAMES[arm]} ${world[PAYS + arm].toFixed(2)}`).join(", "),
    };
    if (read) numbers.decoded = ARMS.map((arm) => `${ARM_NAMES[arm]} ${read.values[arm].toFixed(2)}`).join(", ");
    return numbers;
  },

  until: ({ world, parameters }) => parameters[TRIAL_STEPS] - world[STEP_OF_TRIAL],
};
