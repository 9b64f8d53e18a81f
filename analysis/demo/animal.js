// An animal: a simulation, and what an experiment does to its state. What it does in its world is a family's own: a class
// of families/NAME/page.js made from this one.

// The parts of a state that hold activity, beside what the neurons keep in further slots (their thresholds).
const BRIEF = ["refractory", "pending", "r", "y", "spikes", "blocked"];

class Animal {
  constructor(network, task, key, clock = 0) {
    this.simulation = new Simulation(network, task, key);
    this.simulation.t = clock; // of two animals it is the same, so that currents under way can be exchanged
    this.trials = []; // those that ended
    this.notes = []; // what was done to it: { trial, text }
    this.frozen = null; // kept variables that are held
    this.noise = 0; // standard deviation of the membranes' noise in a ms, in the unit of each threshold
    this.silenced = new Uint8Array(network.n_neurons);
  }

  get t() {
    return this.simulation.t;
  }

  get state() {
    return this.simulation.state;
  }

  get world() {
    return this.simulation.world;
  }

  get parameters() {
    return this.simulation.task.parameters;
  }

  get n_neurons() {
    return this.simulation.network.n_neurons;
  }

  // One millisecond; whether a trial ended. scale: the unit of each neuron's threshold.
  step(scale) {
    const { state, n_neurons } = this;
    if (this.frozen) state.x.set(this.frozen, n_neurons);
    if (this.noise > 0) this.shake(scale);
    for (let i = 0; i < n_neurons; i++) if (this.silenced[i]) state.refractory[i] = 2;
    return this.act();
  }

  shake(scale) {
    const stepped = step_key(this.simulation.key, this.t, PAGE_NOISE), { x } = this.state;
    for (let i = 0; i < this.n_neurons; i++) x[i] += this.noise * scale[i] * normal_of(stepped, i);
  }

  note(text) {
    this.notes.push({ trial: this.trials.length, text });
  }

  // What was done last, and the trials before it and from it on; null if nothing was.
  get done() {
    const last = this.notes.at(-1);
    return last && { text: last.text, before: this.trials.slice(0, last.trial), since: this.trials.slice(last.trial) };
  }

  // Everything but what the neurons keep: membranes, refractoriness, currents under way, readout.
  erase_activity() {
    this.state.x.fill(0, 0, this.n_neurons);
    for (const part of BRIEF) this.state[part].fill(0);
  }

  erase_thresholds() {
    this.state.x.fill(0, this.n_neurons);
    if (this.frozen) this.frozen.fill(0);
  }

  freeze(on) {
    this.frozen = on ? this.state.x.slice(this.n_neurons) : null;
  }

  // Keep a fraction of the neurons from spiking; which ones follows from the episode's key.
  silence(fraction) {
    const stepped = step_key(this.simulation.key, 0, PAGE_NOISE + 1);
    this.silenced = this.silenced.map((_, i) => (uniform_of(stepped, i) < fraction ? 1 : 0));
  }
}

// Exchange the states of two animals: the whole, "thresholds" or "activity".
function swap_states(one, other, part) {
  const a = one.state, b = other.state, n = one.n_neurons;
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

// What the task hides, as it is read off what the neurons keep: { values, sd }.
function read_off(reading, state) {
  const { offset, slots, weight, edges } = reading, values = [...offset], k = offset.length;
  for (let i = 0; i < slots.length; i++) {
    for (let j = 0; j < k; j++) values[j] += state.x[slots[i]] * weight[k * i + j];
  }
  const far = Math.hypot(...values.map((value, j) => value - offset[j]));
  return { values, sd: reading.sd[edges.filter((edge) => far > edge).length] };
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
