"""The network and its adjoint in plain numpy: a witness for the compiled kernels, written to be read.

Update equations, one named line of `step` each, for steps t = 0 .. T-1 of length dt:

    I[t]_j = sum_i W_in[i,j] x_i[t-d_ij] + sum_i W_rec[i,j] z_i[t-d_ij]      d = 1 .. d_max steps
    v[t]   = alpha v[t-1] + (1-alpha) I[t] - B[t-1] z[t-1]                   alpha = exp(-dt/tau_m)
    b[t]   = rho b[t-1] + (1-rho) z[t-1]                                     rho   = exp(-dt/tau_a)
    B[t]   = b0 + beta b[t]                                                  beta = 0: no adaptation (LIF)
    u[t]   = (v[t] - B[t]) / b0
    r[t]   = kappa r[t-1] + (1-kappa) z[t] W_out                             kappa = exp(-dt/tau_out)
    y[t]   = r[t] + bias

Spike condition: z[t] = 1 if u[t] > 0, that is v[t] > B[t], and the neuron is not refractory. After a spike at t the
next comes at t + refractory_steps at the earliest; v goes on evolving meanwhile.
Reset: by B[t] at the step after a spike (the last term of v).
Surrogate derivative: dz/du := gamma max(0, 1-|u|), and 0 while refractory; all else is differentiated exactly.

Shapes: T steps, E episodes, N neurons, S synapses. v, b, B, I and weights share one unit (that of b0); z and x count
spikes. The arrays of `Parameters` and `Network` set the dtype, float32 or float64.
Source: Bellec et al., NeurIPS 2018 (LSNN); Bellec et al., Nature Communications 2020 (u divided by b0).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lsnn.errors import InputError

Array = np.ndarray
Spike = Callable[[Array], Array]
Surrogate = Callable[[Array, float], Array]


class Parameters(NamedTuple):
    """Neuron parameters; arrays have shape (N,). `kappa` is a Python float, lest it widen float32 arrays."""

    alpha: Array
    rho: Array
    kappa: float
    b0: Array
    beta: Array
    refractory_steps: Array  # int
    gamma: float = 0.3


class Wiring(NamedTuple):
    """Synapses in coordinate form, arrays of shape (S,); synapse s joins pre[s] to post[s], delay[s] steps later."""

    pre: Array  # int
    post: Array  # int
    delay: Array  # int, 1 .. d_max
    weight: Array


class Network(NamedTuple):
    """Input and recurrent synapses, readout weights W_out (N, n_out) and bias (n_out,)."""

    input: Wiring
    recurrent: Wiring
    W_out: Array
    bias: Array

    @property
    def max_delay(self) -> int:
        return int(max(wiring.delay.max(initial=1) for wiring in (self.input, self.recurrent)))


class State(NamedTuple):
    """All that a step needs to go on; as after step t-1, the histories holding steps t-d_max .. t-1, oldest first."""

    v: Array  # (E, N)
    b: Array  # (E, N)
    refractory: Array  # (E, N) int, how many of the coming steps cannot spike
    z_history: Array  # (d_max, E, N)
    x_history: Array  # (d_max, E, n_in)
    r: Array  # (E, n_out)


class Record(NamedTuple):
    """What `adjoint` needs of a run: its start and, for t = 0 .. T-1, what happened in step t."""

    start: State
    x: Array  # (T, E, n_in)
    v: Array  # (T, E, N)
    b: Array  # (T, E, N)
    free: Array  # (T, E, N) bool, not refractory
    z: Array  # (T, E, N)
    y: Array  # (T, E, n_out)


class Gradients(NamedTuple):
    """dL/d(weight) in the order of each wiring's synapses (S,), dL/dW_out (N, n_out) and dL/dbias (n_out,)."""

    input: Array
    recurrent: Array
    W_out: Array
    bias: Array


def heaviside(u: Array) -> Array:
    """1 where u > 0, else 0."""
    return (u > 0).astype(u.dtype)


def triangle(u: Array, gamma: float) -> Array:
    """gamma max(0, 1-|u|): the surrogate derivative of the spike (Bellec et al. 2018)."""
    return gamma * np.maximum(0, 1 - np.abs(u))


def zero_state(network: Network, parameters: Parameters, n_episodes: int, n_inputs: int) -> State:
    """The silent network at rest: all zero, nobody refractory. Raises InputError for a delay below 1 step."""
    for wiring in (network.input, network.recurrent):
        if wiring.delay.min(initial=1) < 1:
            raise InputError(f"delay: every synapse takes at least 1 step, received {wiring.delay.min()}")
    n_neurons, dtype = parameters.alpha.size, network.W_out.dtype
    return State(
        v=np.zeros((n_episodes, n_neurons), dtype),
        b=np.zeros((n_episodes, n_neurons), dtype),
        refractory=np.zeros((n_episodes, n_neurons), np.int64),
        z_history=np.zeros((network.max_delay, n_episodes, n_neurons), dtype),
        x_history=np.zeros((network.max_delay, n_episodes, n_inputs), dtype),
        r=np.zeros((n_episodes, network.bias.size), dtype),
    )


def threshold(b: Array, parameters: Parameters) -> Array:
    """B = b0 + beta b."""
    return parameters.b0 + parameters.beta * b


def arriving(history: Array, wiring: Wiring, n_neurons: int) -> Array:
    """sum_i W[i,j] s_i[t-d_ij] of the spikes s in `history` (d_max, E, n_pre), which ends at step t-1; (E, N)."""
    delayed = history[-wiring.delay, :, wiring.pre]
    total = np.zeros((n_neurons, history.shape[1]), history.dtype)
    np.add.at(total, wiring.post, wiring.weight[:, None] * delayed)
    return total.T


def pushed(history: Array, newest: Array) -> Array:
    """The history one step later: the oldest step dropped, `newest` appended."""
    return np.concatenate([history[1:], newest[None].astype(history.dtype)])


def step(
    x: Array, state: State, network: Network, parameters: Parameters, spike: Spike = heaviside
) -> tuple[Array, Array, State]:
    """One step of the equations above.

    Takes the input spikes x[t] (E, n_in) and the state after step t-1; returns z[t] (E, N), y[t] (E, n_out) and the
    state after step t. `spike` maps u to z; whatever it is, u > 0 makes a neuron refractory.
    """
    alpha, rho, kappa, b0, _, refractory_steps, _ = parameters
    z_before, B_before, free = state.z_history[-1], threshold(state.b, parameters), state.refractory == 0
    W_in, W_rec, n_neurons = network.input, network.recurrent, alpha.size

    I = arriving(state.x_history, W_in, n_neurons) + arriving(state.z_history, W_rec, n_neurons)  # noqa: E741
    v = alpha * state.v + (1 - alpha) * I - B_before * z_before
    b = rho * state.b + (1 - rho) * z_before
    B = threshold(b, parameters)
    u = (v - B) / b0
    z = spike(u) * free
    refractory = np.maximum(np.where(free & (u > 0), refractory_steps, state.refractory) - 1, 0)
    r = kappa * state.r + (1 - kappa) * z @ network.W_out
    y = r + network.bias
    return z, y, State(v, b, refractory, pushed(state.z_history, z), pushed(state.x_history, x), r)


def forward(
    x: Array, state: State, network: Network, parameters: Parameters, spike: Spike = heaviside
) -> tuple[Record, State]:
    """Runs the steps t = 0 .. T-1 on input spikes x (T, E, n_in); returns the record and the state after the last."""
    start, rows = state, []
    for x_t in x:
        free = state.refractory == 0
        z, y, state = step(x_t, state, network, parameters, spike)
        rows.append((state.v, state.b, free, z, y))
    v, b, free, z, y = (np.stack(column) for column in zip(*rows, strict=True))
    return Record(start, x, v, b, free, z, y), state


def leaving(I_bar: Array, t: int, wiring: Wiring, n_neurons: int) -> Array:
    """sum_j W[i,j] dL/dI_j[t+d_ij], what the spikes of step t did later; (E, N). I_bar: (T + d_max, E, N)."""
    later = I_bar[t + wiring.delay, :, wiring.post]
    total = np.zeros((n_neurons, I_bar.shape[1]), I_bar.dtype)
    np.add.at(total, wiring.pre, wiring.weight[:, None] * later)
    return total.T


def weight_gradient(history: Array, spikes: Array, I_bar: Array, wiring: Wiring) -> Array:
    """dL/dW[i,j] = sum_t s_i[t-d_ij] dL/dI_j[t] for each synapse (S,).

    history (d_max, E, n_pre): spikes before step 0; spikes (T, E, n_pre); I_bar (T, E, N).
    """
    past, n_steps = np.concatenate([history, spikes.astype(history.dtype)]), len(spikes)
    gradient = np.zeros_like(wiring.weight)
    for delay in np.unique(wiring.delay):
        first = len(history) - delay
        dense = np.tensordot(past[first : first + n_steps], I_bar, axes=([0, 1], [0, 1]))
        chosen = wiring.delay == delay
        gradient[chosen] = dense[wiring.pre[chosen], wiring.post[chosen]]
    return gradient


def adjoint(
    record: Record,
    network: Network,
    parameters: Parameters,
    dL_dy: Array,
    dL_dz: Array,
    surrogate: Surrogate = triangle,
    detach_reset: bool = False,
) -> Gradients:
    """The gradient of a loss L by backpropagation through time, the start state held constant.

    dL_dy (T, E, n_out): dL/dy[t]. dL_dz (N,): dL/dz[t] over and above what z does through y, one constant a neuron
    (the rate regulariser). Name_bar is the total dL/dname[t], name_next that of step t+1, derived line by line:

        r_bar[t] = dL/dy[t] + kappa r_bar[t+1]
        z_bar[t] = dL/dz + (1-kappa) r_bar[t] W_out' + sum_j W_rec[i,j] I_bar_j[t+d_ij]
                   + (1-rho) b_bar[t+1] - B[t] v_bar[t+1]
        u_bar[t] = z_bar[t] dz/du, 0 while refractory
        v_bar[t] = alpha v_bar[t+1] + u_bar[t] / b0
        B_bar[t] = -u_bar[t] / b0 - z[t] v_bar[t+1]
        b_bar[t] = rho b_bar[t+1] + beta B_bar[t]
        I_bar[t] = (1-alpha) v_bar[t]

    `detach_reset` takes z in the reset term for a constant: the term -B[t] v_bar[t+1] of z_bar goes, B stays exact.
    """
    alpha, rho, kappa, b0, beta, _, gamma = parameters
    n_steps, n_episodes, n_neurons = record.z.shape
    I_bar = np.zeros((n_steps + network.max_delay, n_episodes, n_neurons), record.v.dtype)
    r_bars = np.zeros_like(record.y)
    v_next, b_next, r_next = np.zeros_like(I_bar[0]), np.zeros_like(I_bar[0]), np.zeros_like(r_bars[0])
    for t in reversed(range(n_steps)):
        B = threshold(record.b[t], parameters)
        u = (record.v[t] - B) / b0
        r_bar = dL_dy[t] + kappa * r_next
        z_bar = dL_dz + (1 - kappa) * r_bar @ network.W_out.T + leaving(I_bar, t, network.recurrent, n_neurons)
        z_bar = z_bar + (1 - rho) * b_next - (0 if detach_reset else B * v_next)
        u_bar = z_bar * surrogate(u, gamma) * record.free[t]
        v_bar = alpha * v_next + u_bar / b0
        B_bar = -u_bar / b0 - record.z[t] * v_next
        b_bar = rho * b_next + beta * B_bar
        I_bar[t] = (1 - alpha) * v_bar
        r_bars[t] = r_bar
        v_next, b_next, r_next = v_bar, b_bar, r_bar
    return Gradients(
        input=weight_gradient(record.start.x_history, record.x, I_bar[:n_steps], network.input),
        recurrent=weight_gradient(record.start.z_history, record.z, I_bar[:n_steps], network.recurrent),
        W_out=(1 - kappa) * np.tensordot(record.z, r_bars, axes=([0, 1], [0, 1])),
        bias=dL_dy.sum(axis=(0, 1)),
    )
