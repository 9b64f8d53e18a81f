// Runs episodes from start to end; prints what happened in them. Reads { data, keys, steps } from the standard input.
const { data, keys, steps } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { network, task } = unpacked(data, MODELS);
const indices = (flags) => Array.from(flags.keys()).filter((i) => flags[i]);
const episodes = keys.map((key) => {
  const simulation = new Simulation(network, task, key), found = { spikes: [], inputs: [], action: [], world: [] };
  for (let t = 0; t < steps; t++) {
    simulation.step();
    const action = TASK.action(simulation.state.y);
    found.spikes.push(indices(simulation.state.spikes));
    found.inputs.push(indices(simulation.input_spikes));
    found.action.push(typeof action === "number" ? [action] : Array.from(action.slice(0, 2)));
    found.world.push(Array.from(simulation.world));
  }
  return found;
});
console.log(JSON.stringify(episodes));
