"""Small networks for the kernel tests, and the compiled kernels called the way the reference is."""

import numpy as np

from lsnn.equations.host import host_model
from lsnn.kernels import reference
from lsnn.kernels.build import network_module
from lsnn.kernels.layout import (
    Cells,
    Readout,
    Rows,
    Weights,
    adjoint_zeros,
    gradient_zeros,
    record_zeros,
    state_zeros,
)
from lsnn.kernels.simd import LANES
from lsnn.neurons import ALIF, LIF
from lsnn.populations import Group, cells_of

N_LIF, N_ADAPTIVE, N_IN, N_OUT, D_MAX = 14, 10, 9, 3, 10
N = N_LIF + N_ADAPTIVE
DT = 0.001  # seconds


def random_wiring(generator, n_pre, probability, scale, d_max):
    """COO arrays in kernel order: by source, delay and target; no autapses among neurons."""
    mask = generator.random((n_pre, N)) < probability
    if n_pre == N:
        np.fill_diagonal(mask, False)
    pre, post = np.nonzero(mask)
    delay = generator.integers(1, d_max + 1, len(pre))
    order = np.lexsort((post, delay, pre))
    weight = scale * generator.standard_normal(len(pre))
    return reference.Wiring(pre[order], post[order], delay[order], weight[order])


def random_network(seed, d_max=D_MAX, refractory=3):
    """A network of LIF and adaptive neurons that spikes at some 30 Hz under `random_input`."""
    g = np.random.default_rng(seed)
    tau_m, b0 = g.uniform(15, 30, N), g.uniform(0.008, 0.012, N)
    beta = np.where(np.arange(N) < N_LIF, 0.0, 1.7)
    steps = np.full(N, refractory)
    parameters = reference.Parameters(
        np.exp(-1 / tau_m), np.full(N, np.exp(-1 / 200.0)), float(np.exp(-1 / 20)), b0, beta, steps
    )
    network = reference.Network(
        random_wiring(g, N_IN, 0.5, 0.08, d_max),
        random_wiring(g, N, 0.4, 0.08, d_max),
        g.standard_normal((N, N_OUT)),
        g.standard_normal(N_OUT),
    )
    return network, parameters


def random_input(seed, steps):
    """Spikes (steps, 8, N_IN) of 0 and 1."""
    return (np.random.default_rng(seed).random((steps, LANES, N_IN)) < 0.15).astype(float)


def groups_of(parameters) -> list[Group]:
    """LIF neurons, then adaptive ones, in the units of the equations."""
    p = parameters
    given = {
        "b0": p.b0, "beta": p.beta, "tau_m": -DT / np.log(p.alpha), "tau_a": -DT / np.log(p.rho),
        "t_ref": DT * p.refractory_steps,
    }  # fmt: skip
    parts = (LIF, slice(0, N_LIF)), (ALIF, slice(N_LIF, N))
    return [Group(host_model(model), part, {key: x[part] for key, x in given.items()}) for model, part in parts]


def compiled_weights(network, parameters, dtype) -> Weights:
    """The reference's network in the kernels' layout."""
    gain, cells = 1 - parameters.kappa, cells_of(groups_of(parameters), DT)
    kappa = np.array([parameters.kappa], dtype)
    rows = _rows(network.input, N_IN, dtype), _rows(network.recurrent, N, dtype)
    return Weights(
        Cells(cells.groups, cells.constants.astype(dtype), cells.refractory.astype(dtype)),
        *rows,
        Readout((gain * network.W_out).astype(dtype), network.bias.astype(dtype), kappa),
        *rows,
    )


def _rows(wiring, n_pre, dtype):
    start = np.searchsorted(wiring.pre, np.arange(n_pre + 1)).astype(np.int64)
    return Rows(start, (wiring.delay * N + wiring.post).astype(np.int32), wiring.weight.astype(dtype))


def record_of(x, weights, dtype, d_max=D_MAX, stops=()):
    """Replay input spikes x (T, 8, N_IN) from rest, stopping and going on at the given steps."""
    record = record_zeros(len(x), N, N + N_ADAPTIVE, N_IN, N_OUT, dtype)
    record.input_spikes[:] = np.packbits(x.astype(bool), axis=1, bitorder="little")[:, 0]
    state = state_zeros(N, N + N_ADAPTIVE, N_OUT, d_max + 1, dtype)
    edges = [0, *stops, len(x)]
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        part = type(record)(*(a[first:last] for a in record))
        network_module().replay(first, weights, state, part)
    return record


def spikes_of(record):
    """(T, 8, N) of 0 and 1."""
    return np.unpackbits(record.spikes[:, None], axis=1, bitorder="little").astype(float)


def gradient_of(record, weights, g_y, g_z, dtype, d_max=D_MAX, detach_reset=False, stops=()):
    """The compiled adjoint over a record, in the reference's units: input, recurrent, W_out, bias."""
    adjoint = adjoint_zeros(N, N + N_ADAPTIVE, N_OUT, d_max + 1, dtype)
    gradient = gradient_zeros(weights)
    edges = [0, *stops, len(record.y)]
    lanes_last = np.ascontiguousarray(np.moveaxis(g_y, 1, 2), dtype)
    for first, last in list(zip(edges[:-1], edges[1:], strict=True))[::-1]:
        network_module().back(
            first, weights, type(record)(*(a[first:last] for a in record)), lanes_last[first:last],
            g_z.astype(dtype), dtype(0.3), dtype(not detach_reset), adjoint, gradient,
        )  # fmt: skip
    gain = 1 - weights.readout.kappa[0]
    return {
        "input": gradient.inputs,
        "recurrent": gradient.recurrent,
        "W_out": gradient.readout.sum(-1) * gain,
        "bias": gradient.bias.sum(-1),
    }
