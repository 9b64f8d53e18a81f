// The network: one step of all neurons, their synapses and the readout (docs/design.md, section 1).
//
//   n_neurons, n_in, n_out, n_slots, ring     ring = greatest delay + 1, in steps
//   cells: groups (first neuron, end, first further slot, first constant of each), constants, refractory
//   inputs, recurrent: synapses by source: start, offset (delay * n_neurons + target), weight
//   readout: weight (neuron, output), bias, kappa
// The state variables of all neurons stand in slots: the membrane potentials, then group after group the further ones.

function silent_state(network) {
  return {
    x: new Float32Array(network.n_slots), // after the reset
    seen: new Float32Array(network.n_slots), // at the threshold
    refractory: new Float32Array(network.n_neurons),
    pending: new Float32Array(2 * network.ring * network.n_neurons), // currents under way
    r: new Float32Array(network.n_out),
    y: new Float32Array(network.n_out),
    spikes: new Uint8Array(network.n_neurons),
    blocked: new Uint8Array(network.n_neurons),
  };
}

// Add the synapses of all cells that spike to the delay ring; base = slot * n_neurons.
function send(rows, spikes, base, pending) {
  const { start, offset, weight } = rows;
  for (let i = 0; i < spikes.length; i++) {
    if (spikes[i]) for (let s = start[i]; s < start[i + 1]; s++) pending[base + offset[s]] += weight[s];
  }
}

// r[t] = kappa r[t-1] + (1 - kappa) z[t] W_out, y[t] = r[t] + bias; the weights hold 1 - kappa.
function read_out(readout, spikes, r, y) {
  const n_out = r.length;
  for (let o = 0; o < n_out; o++) r[o] *= readout.kappa[0];
  for (let i = 0; i < spikes.length; i++) {
    if (spikes[i]) for (let o = 0; o < n_out; o++) r[o] += readout.weight[i * n_out + o];
  }
  for (let o = 0; o < n_out; o++) y[o] = r[o] + readout.bias[o];
}

// Step t of a network whose input cells spike where input_spikes (n_in) is 1.
function step(t, network, state, input_spikes) {
  const { ring, n_neurons, cells } = network, slot = t % ring;
  network.updates.forEach((update, group) => {
    update(group, slot, ring, cells, state, state.seen, state.spikes, state.blocked);
  });
  send(network.inputs, input_spikes, slot * n_neurons, state.pending);
  send(network.recurrent, state.spikes, slot * n_neurons, state.pending);
  read_out(network.readout, state.spikes, state.r, state.y);
}
