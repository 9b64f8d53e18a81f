"""The network in Brian2, from the equations of the design page: an independent oracle, spike for spike.

Brian2's order within a step is start, groups, thresholds, synapses, resets, end. So in one step t
  groups      v and b decay; v takes up I, all that reached it since it was last used; then I is cleared
  thresholds  z[t] is found; v and b are recorded after it, as v[t] and b[t], still without the reset
  synapses    the spikes of step t are added to I: with Brian2's delay 0 they reach v at t+1, our delay of 1 step
  resets      v and b jump, by amounts that the decay of the next step turns into -B[t] z[t] and (1-rho) z[t]
  end         the readout, to which the spikes of step t were added at once, is recorded as r[t]
"""

from typing import NamedTuple

import brian2 as br
import numpy as np

MEMBRANE = """
dv/dt = (I - v)/tau_m : 1
db/dt = -b/tau_a : 1
I : 1
tau_m : second (constant)
tau_a : second (constant)
b0 : 1 (constant)
beta : 1 (constant)
t_ref : second (constant)
"""
THRESHOLD = "v > b0 + beta*b"
RESET = """
v -= (b0 + beta*b)*exp(dt/tau_m)
b += exp(dt/tau_a) - 1
"""
READOUT = "dr/dt = -r/tau_out : 1"


class Neurons(NamedTuple):
    """Neuron parameters in physical units; arrays (N,), tau_out_ms a scalar."""

    tau_m_ms: np.ndarray
    tau_a_ms: np.ndarray
    tau_out_ms: float
    b0: np.ndarray
    beta: np.ndarray
    refractory_ms: np.ndarray


class Trace(NamedTuple):
    """What Brian2 computed, float64: v, b, z (T, N) and r (T, n_out)."""

    v: np.ndarray
    b: np.ndarray
    z: np.ndarray
    r: np.ndarray


def neuron_group(neurons, clock):
    """The recurrent neurons, at rest."""
    group = br.NeuronGroup(
        len(neurons.b0), MEMBRANE, threshold=THRESHOLD, reset=RESET, refractory="t_ref", method="exact", clock=clock
    )
    group.tau_m, group.tau_a = neurons.tau_m_ms * br.ms, neurons.tau_a_ms * br.ms
    group.b0, group.beta, group.t_ref = neurons.b0, neurons.beta, neurons.refractory_ms * br.ms
    group.run_regularly("I = 0", when="before_synapses", clock=clock)
    return group


def connected(source, target, on_pre, wiring, dt, namespace=None):
    """Synapses from a wiring (pre, post, delay in steps, weight); a delay of d steps there is d - 1 in Brian2."""
    pre, post, delay, weight = wiring
    synapses = br.Synapses(source, target, "w : 1 (constant)", on_pre=on_pre, clock=source.clock, namespace=namespace)
    synapses.connect(i=pre, j=post)
    synapses.w, synapses.delay = weight, (np.asarray(delay) - 1) * dt
    return synapses


def readout_group(group, W_out, tau_out_ms, dt):
    """The leaky readout and its all-to-all synapses, which act in the step of the spike."""
    n_neurons, n_out = W_out.shape
    tau_out = tau_out_ms * br.ms
    constants = {"tau_out": tau_out, "kappa": float(np.exp(-dt / tau_out))}
    readout = br.NeuronGroup(n_out, READOUT, method="exact", clock=group.clock, namespace=constants)
    pre, post = np.indices((n_neurons, n_out)).reshape(2, -1)
    at_once = (pre, post, np.ones(pre.size), W_out.ravel())
    return readout, connected(group, readout, "r_post += (1 - kappa)*w", at_once, dt, constants)


def spikes_source(x, clock):
    """Input cells that spike where x (T, n_in) is 1."""
    steps, cells = np.nonzero(x)
    return br.SpikeGeneratorGroup(x.shape[1], cells, steps * clock.dt, clock=clock)


def simulate(x, wiring_in, wiring_rec, W_out, neurons, dt_ms=1.0):
    """One episode from rest, driven by the input spikes x (T, n_in).

    wiring_in, wiring_rec: (pre, post, delay in steps, weight), arrays (S,). W_out (N, n_out). Weights in the units of
    the equations. neurons: a `Neurons`. Returns a `Trace`.
    """
    br.prefs.codegen.target = "numpy"
    clock = br.Clock(dt_ms * br.ms)
    source, group = spikes_source(x, clock), neuron_group(neurons, clock)
    readout, to_readout = readout_group(group, W_out, neurons.tau_out_ms, clock.dt)
    from_input = connected(source, group, "I_post += w", wiring_in, clock.dt)
    recurrent = connected(group, group, "I_post += w", wiring_rec, clock.dt)
    spikes = br.SpikeMonitor(group)
    membrane = br.StateMonitor(group, ["v", "b"], record=True, when="after_thresholds", clock=clock)
    output = br.StateMonitor(readout, "r", record=True, when="end", clock=clock)
    network = br.Network(source, group, readout, to_readout, from_input, recurrent, spikes, membrane, output)
    network.run(len(x) * clock.dt, namespace={})
    z = np.zeros((len(x), len(neurons.b0)))
    z[np.rint(spikes.t / clock.dt).astype(int), spikes.i] = 1
    return Trace(membrane.v.T, membrane.b.T, z, output.r.T)
