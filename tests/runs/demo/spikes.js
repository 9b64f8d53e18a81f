// Runs episodes from start to end; prints what happened in them. Reads { data, keys, steps } from the standard input.
const { data, keys, steps } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { network, task } = unpacked(data, MODELS);
const indices = (flags) => Array.from(flags.keys()).filter((i) => flags[i]);
const episodes = keys.map((key) => {
  const animal = new Animal(network, task, key), found = { spikes: [], inputs: [], action: [], maze: [] };
  for (let t = 0; t < steps; t++) {
    animal.step();
    found.spikes.push(indices(animal.state.spikes));
    found.inputs.push(indices(animal.input_spikes));
    found.action.push(Array.from(animal.state.y.slice(0, 2)));
    found.maze.push(Array.from(animal.maze));
  }
  return found;
});
console.log(JSON.stringify(episodes));
