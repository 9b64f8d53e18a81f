// An animal: a network with its state in a maze with its state (the closed loop of lsnn/kernels/roll_out.py).

const bytes_of = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const floats = (text) => new Float32Array(bytes_of(text).buffer);
const doubles_of = (text) => new Float64Array(bytes_of(text).buffer);
const integers = (text) => new Int32Array(bytes_of(text).buffer);

// The network and the task of a page's data, whose arrays are texts; `models` are its functions update_NAME.
function unpacked(data, models) {
  const { network, task } = data;
  const rows = ({ start, offset, weight }) => ({
    start: integers(start), offset: integers(offset), weight: floats(weight),
  });
  const { cells, readout } = network;
  return {
    network: {
      ...network,
      cells: {
        groups: integers(cells.groups), constants: floats(cells.constants), refractory: floats(cells.refractory),
      },
      inputs: rows(network.inputs),
      recurrent: rows(network.recurrent),
      readout: { weight: floats(readout.weight), bias: floats(readout.bias), kappa: floats(readout.kappa) },
      updates: network.models.map((name) => models[name]),
    },
    task: {
      ...task, parameters: doubles_of(task.parameters), encoder_parameters: doubles_of(task.encoder_parameters),
      encode: ENCODERS[task.encoder],
    },
  };
}

class Animal {
  constructor(network, task, key) {
    Object.assign(this, { network, task, key, t: 0 });
    this.state = silent_state(network);
    this.maze = begin(key, task.parameters);
    this.input_spikes = new Uint8Array(network.n_in);
  }

  // Step t; whether the platform was reached in it. The mean of the policy acts: the first two outputs.
  step() {
    const { network, task, key, t, state, maze, input_spikes } = this;
    input_spikes.fill(0);
    task.encode(key, t, observe(maze), task.encoder_parameters, input_spikes);
    step(t, network, state, input_spikes);
    this.t += 1;
    return transition(key, t, state.y, task.parameters, maze);
  }
}
