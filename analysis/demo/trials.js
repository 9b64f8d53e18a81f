// A swimmer: an animal with its trials, and what an experiment does to its state.

// The parts of a state that hold activity, beside what the neurons keep in further slots (their thresholds).
const BRIEF = ["refractory", "pending", "r", "y", "spikes", "blocked"];

class Swimmer {
  constructor(network, task, key, clock = 0) {
    this.animal = new Animal(network, task, key);
    this.animal.t = clock; // of two animals it is the same, so that currents under way can be exchanged
    this.trials = []; // those that ended: { latency, oracle, note }
    this.notes = []; // what was done to it: { trial, text }
    this.frozen = null; // kept variables that are held
    this.noise = 0; // standard deviation of the membranes' noise in a ms, in the unit of each threshold
    this.silenced = new Uint8Array(network.n_neurons);
    this.trail = [];
    this.start_trial();
  }

  start_trial() {
    const { animal } = this;
    this.trial = { start: animal.t, oracle: straight_ms(animal.task.parameters, animal.maze) };
    this.trail = [];
  }

  // Milliseconds since the release of the present trial; null while the animal is not in the water.
  get searching() {
    return this.trial && this.animal.t - this.trial.start;
  }

  get dark() {
    const { maze } = this.animal;
    return maze[WAIT] > 0 && maze[ON_PLATFORM] === 0;
  }

  // One millisecond; returns "visit", "release" or null. scale: the unit of each neuron's threshold.
  step(scale) {
    const { animal } = this, { maze, state, network } = animal, waited = maze[WAIT] > 0;
    if (this.frozen) state.x.set(this.frozen, network.n_neurons);
    if (this.noise > 0) this.shake(scale);
    for (let i = 0; i < network.n_neurons; i++) if (this.silenced[i]) state.refractory[i] = 2;
    const visit = animal.step();
    if (!this.dark) this.trail.push(maze[X], maze[Y]);
    if (visit) {
      this.trials.push({ latency: animal.t - this.trial.start, oracle: this.trial.oracle });
      this.trial = null;
      return "visit";
    }
    if (!waited || maze[WAIT] > 0) return null;
    this.start_trial();
    return "release";
  }

  shake(scale) {
    const { x } = this.animal.state, stepped = step_key(this.animal.key, this.animal.t, PAGE_NOISE);
    const n = this.animal.network.n_neurons;
    for (let i = 0; i < n; i++) x[i] += this.noise * scale[i] * normal_of(stepped, i);
  }

  note(text) {
    this.notes.push({ trial: this.trials.length, text });
  }

  move_platform(x, y) {
    const { maze, task } = this.animal, far = Math.hypot(x, y), most = 1 - maze[RADIUS] / 2;
    const scale = far > most ? most / far : 1;
    [maze[PLATFORM_X], maze[PLATFORM_Y]] = [x * scale, y * scale];
    [maze[OTHER_X], maze[OTHER_Y], maze[FOUND]] = [x * scale, y * scale, 0];
    if (this.trial) this.trial.oracle = this.searching + straight_ms(task.parameters, maze);
  }

  // Set the animal down; a trial begins there.
  set_down(x, y) {
    const { maze } = this.animal, far = Math.hypot(x, y), scale = far > 0.99 ? 0.99 / far : 1;
    [maze[X], maze[Y], maze[WAIT], maze[WALL], maze[ON_PLATFORM]] = [x * scale, y * scale, 0, 0, 0];
    this.start_trial();
  }

  // Hold the animal where no input cell fires; then it is released.
  lights_out(ms) {
    const { maze } = this.animal;
    maze[DARK] = ms;
    maze[WAIT] = ms + (maze[ON_PLATFORM] ? Math.max(0, maze[WAIT]) : 0);
    maze[WALL] = 0;
    this.trial = null;
    this.trail = [];
  }

  // Everything but what the neurons keep: membranes, refractoriness, currents under way, readout.
  erase_activity() {
    const { state, network } = this.animal;
    state.x.fill(0, 0, network.n_neurons);
    for (const part of BRIEF) state[part].fill(0);
  }

  erase_thresholds() {
    const { state, network } = this.animal;
    state.x.fill(0, network.n_neurons);
    if (this.frozen) this.frozen.fill(0);
  }

  freeze(on) {
    const { state, network } = this.animal;
    this.frozen = on ? state.x.slice(network.n_neurons) : null;
  }

  // Keep a fraction of the neurons from spiking; which ones follows from the maze's key.
  silence(fraction) {
    const stepped = step_key(this.animal.key, 0, PAGE_NOISE + 1);
    this.silenced = this.silenced.map((_, i) => (uniform_of(stepped, i) < fraction ? 1 : 0));
  }
}

// Exchange the states of two animals: the whole, "thresholds" or "activity".
function swap_states(one, other, part) {
  const a = one.animal.state, b = other.animal.state, n = one.animal.network.n_neurons;
  const exchange = (left, right) => {
    const kept = left.slice();
    left.set(right);
    right.set(kept);
  };
  if (part !== "thresholds") {
    exchange(a.x.subarray(0, n), b.x.subarray(0, n));
    for (const name of BRIEF) exchange(a[name], b[name]);
  }
  if (part !== "activity") exchange(a.x.subarray(n), b.x.subarray(n));
}

// The platform's place as it is read off what the neurons keep: { x, y, sd }.
function read_place(reading, state) {
  const place = [...reading.offset];
  for (let i = 0; i < reading.slots.length; i++) {
    const value = state.x[reading.slots[i]];
    place[0] += value * reading.weight[2 * i];
    place[1] += value * reading.weight[2 * i + 1];
  }
  const far = Math.hypot(place[0] - reading.offset[0], place[1] - reading.offset[1]);
  const level = reading.edges.filter((edge) => far > edge).length;
  return { x: place[0], y: place[1], sd: reading.sd[level] };
}
