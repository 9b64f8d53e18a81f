"""The network, the input spikes and the loss that every simulator is given; needs numpy alone.

All of it is in units of the baseline threshold b0, with the gains folded into the weights (w' = w (1-alpha)/b0, readout
w' = w (1-kappa)), so that one step of the network is the least arithmetic a simulator can do:

    v[t] = alpha v[t-1] + I[t] - B[t-1] z[t-1]             B[t] = 1 + beta b[t]
    b[t] = rho b[t-1] + (1-rho) z[t-1]                     z[t] = 1 if v[t] > B[t] and not refractory
    r[t] = kappa r[t-1] + z[t] W_out                       y[t] = r[t] + bias
    dz/dv := gamma max(0, 1 - |v - B|), 0 while refractory

The loss is L = sum over t, episodes and readouts of g y, so that dL/dy = g.
Shapes: T steps, E episodes (8 a block), N neurons, S synapses.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LANES = 8


class Synapses(NamedTuple):
    """Synapses in coordinate form, sorted by pre, delay and post; arrays (S,)."""

    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray  # steps, 1..d_max
    weight: np.ndarray


class Problem(NamedTuple):
    """What is simulated."""

    inputs: Synapses
    recurrent: Synapses
    readout: np.ndarray  # (N, n_out)
    bias: np.ndarray  # (n_out,)
    tau_m_ms: np.ndarray  # (N,)
    beta: np.ndarray  # (N,) in units of b0, 0 for a neuron that does not adapt; those that do come last
    tau_a_ms: float
    tau_out_ms: float
    b0: float
    gamma: float
    refractory: int  # steps from a spike to the next that is possible
    d_max: int
    input_bits: np.ndarray  # (E/8, T, n_in) uint8, bit l is lane l
    g_y: np.ndarray  # (E/8, T, n_out, 8) float32, dL/dy

    @property
    def alpha(self) -> np.ndarray:
        """exp(-dt/tau_m), (N,)."""
        return np.exp(-1 / self.tau_m_ms)

    @property
    def rho(self) -> float:
        """exp(-dt/tau_a)."""
        return float(np.exp(-1 / self.tau_a_ms))

    @property
    def kappa(self) -> float:
        """exp(-dt/tau_out)."""
        return float(np.exp(-1 / self.tau_out_ms))

    @property
    def n_in(self) -> int:
        """Input cells."""
        return self.input_bits.shape[2]

    @property
    def n_neurons(self) -> int:
        """N."""
        return len(self.tau_m_ms)

    @property
    def n_out(self) -> int:
        """Readouts."""
        return len(self.bias)

    @property
    def steps(self) -> int:
        """T."""
        return self.input_bits.shape[1]

    @property
    def episodes(self) -> int:
        """E."""
        return LANES * len(self.input_bits)

    def head(self, blocks: int, steps: int) -> "Problem":
        """The first steps of the first blocks of episodes."""
        return self._replace(input_bits=self.input_bits[:blocks, :steps], g_y=self.g_y[:blocks, :steps])

    def without_delays(self) -> "Problem":
        """The nearest problem for a simulator that knows only a delay of one step."""
        return self._replace(inputs=at_once(self.inputs), recurrent=at_once(self.recurrent), d_max=1)

    def input_spikes(self, dtype) -> np.ndarray:
        """(T, E, n_in) of 0 and 1."""
        return episodes_apart(self.input_bits).astype(dtype)

    def g(self, dtype) -> np.ndarray:
        """dL/dy, (T, E, n_out)."""
        blocks, steps, n_out, _ = self.g_y.shape
        return self.g_y.transpose(1, 0, 3, 2).reshape(steps, blocks * LANES, n_out).astype(dtype)

    def save(self, path: Path) -> None:
        """Write all of it to an npz file."""
        fields = {f"inputs_{name}": array for name, array in self.inputs._asdict().items()}
        fields |= {f"recurrent_{name}": array for name, array in self.recurrent._asdict().items()}
        fields |= {name: value for name, value in self._asdict().items() if name not in ("inputs", "recurrent")}
        np.savez(path, **fields)


def at_once(synapses: Synapses) -> Synapses:
    """The same with a delay of one step each, sorted again."""
    order = np.lexsort((synapses.post, synapses.pre))
    return Synapses(*(array[order] for array in synapses))._replace(delay=np.ones_like(synapses.delay))


def load(path: Path) -> Problem:
    """Read what `Problem.save` wrote."""
    with np.load(path) as file:
        parts = {
            part: Synapses(*(file[f"{part}_{name}"] for name in Synapses._fields)) for part in ("inputs", "recurrent")
        }
        rest = {name: file[name] for name in Problem._fields if name not in parts}
    scalars = {name: rest[name].item() for name in ("tau_a_ms", "tau_out_ms", "b0", "gamma", "refractory", "d_max")}
    fields: dict[str, Any] = {**parts, **rest, **scalars}
    return Problem(**fields)


def episodes_apart(bits: np.ndarray) -> np.ndarray:
    """(E/8, T, n) uint8 with a lane a bit to (T, E, n) of 0 and 1; episode = 8 block + lane."""
    blocks, steps, n = bits.shape
    apart = np.unpackbits(bits[:, :, None], axis=2, bitorder="little")
    return apart.transpose(1, 0, 2, 3).reshape(steps, blocks * LANES, n)


def episodes_together(spikes: np.ndarray) -> np.ndarray:
    """(T, E, n) of 0 and 1 to (E/8, T, n) uint8 with a lane a bit."""
    steps, episodes, n = spikes.shape
    lanes = spikes.astype(np.uint8).reshape(steps, episodes // LANES, LANES, n)
    return np.packbits(lanes, axis=2, bitorder="little")[:, :, 0].transpose(1, 0, 2)


def in_equation_units(synapses: Synapses, problem: Problem) -> np.ndarray:
    """Weights (S,) in the units of the equations of the network, w = w' b0 / (1-alpha)."""
    return synapses.weight * (problem.b0 / (1 - problem.alpha))[synapses.post]


def dense(synapses: Synapses, n_pre: int, n_post: int, d_max: int, dtype) -> np.ndarray:
    """(d_max, n_pre, n_post): slice k holds the synapses with a delay of k + 1 steps."""
    matrix = np.zeros((d_max, n_pre, n_post), dtype)
    matrix[synapses.delay - 1, synapses.pre, synapses.post] = synapses.weight
    return matrix


def of_synapses(gradient: np.ndarray, synapses: Synapses) -> np.ndarray:
    """The entries (S,) of a dense gradient (d_max, n_pre, n_post) that belong to synapses."""
    return gradient[synapses.delay - 1, synapses.pre, synapses.post]
