// The closed loop of lsnn/kernels/roll_out.py: a network with its state acts in a task with its state. The task is TASK,
// a family's own (families/NAME/task.js): begin, observe, transition, and the action that the readout stands for.

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

class Simulation {
  constructor(network, task, key) {
    Object.assign(this, { network, task, key, t: 0 });
    this.state = silent_state(network);
    this.world = TASK.begin(key, task.parameters);
    this.input_spikes = new Uint8Array(network.n_in);
  }

  // Step t; what the task's transition says of it. Held: no input cell fires, and the task stands still.
  step(held = false) {
    const { network, task, key, t, state, world, input_spikes } = this;
    input_spikes.fill(0);
    if (!held) {
      task.encode(key, t, TASK.observe(world, task.parameters), task.encoder_parameters, input_spikes);
    }
    step(t, network, state, input_spikes);
    this.t += 1;
    return held ? null : TASK.transition(key, t, TASK.action(state.y), task.parameters, world);
  }
}
