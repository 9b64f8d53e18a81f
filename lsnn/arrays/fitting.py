"""A network learns from samples of one's own: `lsnn.fit`."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas

from lsnn.arrays import losses
from lsnn.arrays.blocks import ArrayBlock, outputs_of
from lsnn.arrays.losses import LOSSES, OVERS, LossName, Over, Scored
from lsnn.arrays.spikes import eights, spikes_of
from lsnn.blocks import Threads
from lsnn.errors import DivergedError
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.learning import descent
from lsnn.learning.config import LearningConfig
from lsnn.learning.optimiser import Adam, Arrays, added_up, clip_norm, global_norm
from lsnn.learning.rates import rate_gradient, spike_counts
from lsnn.network import Network
from lsnn.progress import meter
from lsnn.seeds import FIT_BRANCH, REWIRE_BRANCH
from lsnn.simulation.frozen import FrozenNetwork, network_in
from lsnn.validation import plain_numbers, require, require_flag, require_integer, require_number

SPLIT, ORDER = 0, 1  # draws of FIT_BRANCH: the samples of validation, the order in an epoch (by its number)


class Data(NamedTuple):
    """Samples with their targets."""

    spikes: np.ndarray  # (S, T, n_in) bool
    targets: np.ndarray  # (S,) int labels, or (S, T, n_out) traces

    def of(self, chosen: np.ndarray) -> "Data":
        """Some of the samples."""
        return Data(self.spikes[chosen], self.targets[chosen])


class Part(NamedTuple):
    """What a block's worth of samples leaves."""

    loss: float  # sums over samples
    right: float
    gradient: Arrays | None
    spike_count: np.ndarray  # (N,)


@dataclass(frozen=True)
class Fit:
    """What `lsnn.fit` leaves.

    Attributes:
        network: as it was after the epoch with the smallest loss of validation, the last one without validation.
        history: a row an epoch: loss and accuracy (NaN for traces) of the samples and of validation, the mean rate in
            Hz, seconds since the beginning.
        best_epoch: the epoch of `network`, from 1.
    """

    network: FrozenNetwork
    history: pandas.DataFrame
    best_epoch: int
    state: Any = field(repr=False)  # to go on from


class _State(NamedTuple):
    """Where a fit has come to."""

    network: Network
    best: Network
    best_loss: float
    best_epoch: int
    average: Arrays  # of what learns
    adam: Adam
    rows: list[dict[str, float]]


def fit(
    network: FrozenNetwork | Network,
    inputs: Any,
    targets: Any,
    *,
    loss: LossName = "cross_entropy",
    over: Over = "mean",
    epochs: int = 20,
    batch: int = 64,
    learning_rate: float = 3e-3,
    final_learning_rate: float | None = None,
    validation: float | tuple[Any, Any] = 0.0,
    patience: int | None = None,
    rate_hz: float = 20.0,
    rate_weight: float = 0.0,
    only_readout: bool = False,
    average_rate: float = 0.02,
    weight_decay: float = 0.0,
    seed: int = 0,
    threads: int = 2,
    progress: bool = True,
    resume: Fit | None = None,
) -> Fit:
    """Teach a network samples of one's own by the exact adjoint and Adam: `lsnn.fit`. The network given stays as it is.

    Args:
        network: of `lsnn.create` or `lsnn.load`. What learns beside its weights is what its setting `learnt` names.
        inputs: spikes (samples, steps, cells), zeros and ones; see `lsnn.spikes_from_times` for times.
        targets: labels (samples,) of `cross_entropy`, 0 to outputs - 1; traces (samples, steps, outputs) of
            `squared_error`.
        loss: cross-entropy of a softmax over the readout's mean, maximum or last value (`over`), or squared error.
        epochs: in all, those of `resume` included. batch: samples a step of the optimiser.
        learning_rate: of Adam, in normalised weights; it falls by a cosine to `final_learning_rate` (a tenth of it).
        validation: a share of the samples that is not learnt from, or (inputs, targets) of others.
        patience: epochs without a smaller loss of validation after which it stops; None = it does not.
        average_rate: share of the newest weights in the running average that comes back; 1 = the weights themselves.
        weight_decay: of input and recurrent weights, times the learning rate, a step.
        only_readout: whether input and recurrent weights stay as they are.
        rate_hz, rate_weight: rate to which each neuron is pulled, and how much.
        seed: of the order of samples and of the split. The same bits for any number of threads.
        resume: what an earlier call left; with the same arguments it goes on to the bits of an unbroken run.

    Raises:
        InputError: an argument that breaks its rule. DivergedError: a loss or gradient that is not finite.
    """
    of, _ = network_in(network)
    require_number("average_rate", average_rate, 1e-9, 1.0)
    require_number("weight_decay", weight_decay, 0.0, 1e6)
    _require_settings(epochs, batch, learning_rate, final_learning_rate, patience, rate_hz, rate_weight, seed, threads)
    require_flag("progress", progress)
    require_flag("only_readout", only_readout)
    require(loss in LOSSES, "loss", f"one of {LOSSES}", loss)
    require(over in OVERS, "over", f"one of {OVERS}", over)
    data, held_out = _split(data_of(of, inputs, targets, loss), validation, of, loss, seed)
    require(patience is None or held_out is not None, "patience", "None without validation", patience)
    learning = LearningConfig(
        learning_rate=float(learning_rate), final_learning_rate=float(final_learning_rate or learning_rate / 10),
        rate_target_hz=float(rate_hz), rate_weight=float(rate_weight), input_rate=float(not only_readout),
        recurrent_rate=float(not only_readout), average_rate=float(average_rate), weight_decay=float(weight_decay),
    )  # fmt: skip
    fitting = _Fitting(of, data.spikes.shape[1], learning, int(batch), int(seed), Threads(int(threads)), loss, over)
    state = fitting.begun(resume)
    with meter() as shown:
        for epoch in range(len(state.rows), epochs):
            state = fitting.epoch(state, data, held_out, epoch, epochs)
            if progress:
                shown.show((epoch + 1) / epochs, _line(state.rows[-1]))
            if patience is not None and epoch + 1 - state.best_epoch >= patience:
                break
    command = f"lsnn.fit(epochs={len(state.rows)}, seed={seed})"
    best = FrozenNetwork(state.best, seed=int(seed), command=command, history=pandas.DataFrame(state.rows))
    return Fit(best, pandas.DataFrame(state.rows), state.best_epoch, state)


class _Fitting:
    """The settings of a fit, and the blocks that it works on."""

    def __init__(
        self, network: Network, steps: int, learning: LearningConfig, batch: int, seed: int, threads: Threads,
        loss: LossName, over: Over,
    ) -> None:  # fmt: skip
        self.start, self.learning, self.batch, self.seed, self.threads = network, learning, batch, seed, threads
        self.seconds = steps * network.config.dt_ms / 1000
        self.score: Callable[[np.ndarray, np.ndarray], Scored] = losses.squared_error
        if loss == "cross_entropy":
            self.score = partial(losses.cross_entropy, over=over)
        self.blocks = [ArrayBlock(network, steps) for _ in range(-(-batch // LANES))]

    def begun(self, resume: Fit | None) -> _State:
        """From the network given, or from where an earlier fit has come to."""
        if resume is None:
            network = _copied(self.start)
            return _State(network, self.start, np.inf, 0, descent.arrays_of(network), Adam(), [])
        require(isinstance(resume, Fit), "resume", "what lsnn.fit has left", resume)
        old: _State = resume.state
        now, then = ((n.config, n.wiring.key, n.n_in, n.n_out) for n in (self.start, old.network))
        require(now == then, "network", "the one that `resume` began with", self.start.config)
        adam, average = copy.deepcopy((old.adam, old.average))
        return old._replace(network=_copied(old.network), average=average, adam=adam, rows=list(old.rows))

    def epoch(self, state: _State, data: Data, held_out: Data | None, epoch: int, epochs: int) -> _State:
        """Every sample once, then the validation."""
        network, begun = state.network, time.monotonic()
        generator = _generator(self.seed, ORDER, epoch)
        order, total = generator.permutation(len(data.targets)), np.zeros(2)
        counts = np.zeros(network.config.n_neurons)
        batches = [order[first : first + self.batch] for first in range(0, len(order), self.batch)]
        for i, chosen in enumerate(batches):
            part = self._step(state, data.of(chosen), (epoch + i / len(batches)) / epochs)
            total += part.loss, part.right
            counts += part.spike_count
        row = {"epoch": epoch + 1.0, "loss": total[0] / len(order), "accuracy": total[1] / len(order)}
        judged = row["loss"]
        averaged = descent.with_arrays(network, state.average)
        if held_out is not None:
            row |= self._validate(averaged, held_out)
            judged = row["validation_loss"]
        row["rate_hz"] = float(counts.mean() / (len(order) * self.seconds))
        before = state.rows[-1]["seconds"] if state.rows else 0.0
        row["seconds"] = before + time.monotonic() - begun
        state.rows.append(row)
        better = held_out is None or judged < state.best_loss
        if not better:
            return state
        return state._replace(best=_copied(averaged), best_loss=judged, best_epoch=epoch + 1)

    def _step(self, state: _State, data: Data, share: float) -> Part:
        """One step of the optimiser; share: of all epochs, that is over."""
        network, average, adam = state.network, state.average, state.adam
        part = self._summed(network, data)
        assert part.gradient is not None
        if not np.isfinite(part.loss) or not np.isfinite(global_norm(part.gradient)):
            rule = "lower learning_rate, network.input_gain or network.recurrent_gain"
            raise DivergedError(f"the loss or its gradient is not finite (loss {part.loss}): {rule}")
        low, high = self.learning.final_learning_rate, self.learning.learning_rate
        rate = float(low + (high - low) * 0.5 * (1 + np.cos(np.pi * share)))
        change = adam.update(clip_norm(part.gradient, self.learning.gradient_norm), rate)
        descent.take(network, change, self.learning, rate)
        branch = np.random.SeedSequence(self.seed, spawn_key=(REWIRE_BRANCH, adam.step))
        descent.rewired(network, self.learning, rate, branch, (adam.first, adam.second, average))
        follow = max(self.learning.average_rate, 1 / adam.step)
        for name, array in descent.arrays_of(network).items():
            average[name] = average[name] + follow * (array - average[name])
        if not network.is_finite():
            raise DivergedError("the weights after a step are not finite: lower learning_rate")
        return part

    def _summed(self, network: Network, data: Data) -> Part:
        weights, parts = network.weights(), eights(len(data.targets))
        work = partial(self._part, network, weights, data)
        found = self.threads.map(work, self.blocks[: len(parts)], parts)
        gradient = added_up([part.gradient for part in found if part.gradient is not None], np.inf)
        count = np.sum([part.spike_count for part in found], axis=0)
        return Part(sum(p.loss for p in found), sum(p.right for p in found), gradient, count)

    def _part(self, network: Network, weights: Weights, data: Data, block: ArrayBlock, chosen: np.ndarray) -> Part:
        y = block.forward(weights, data.spikes[chosen]).astype(float)
        n, learning = len(chosen), self.learning
        scored = self.score(y[..., :n], _lanes_last(data.targets[chosen]))
        g_y = np.zeros(y.shape)
        g_y[..., :n] = scored.slope / len(data.targets)
        spikes = block.record.spikes & np.uint8((1 << n) - 1)
        count = spike_counts(spikes)
        seconds = n * self.seconds
        g_z = rate_gradient(count / seconds, learning.rate_target_hz, learning.rate_weight, seconds)
        gradient = block.back(weights, g_y, g_z * n / len(data.targets))
        found = descent.by_what_learns(network, gradient)
        return Part(float(scored.loss.sum()), float(scored.right.sum()), found, count)

    def _validate(self, network: Network, data: Data) -> dict[str, float]:
        y = outputs_of(network, data.spikes, self.threads.count).astype(float)
        scored = self.score(y.transpose(1, 2, 0), _lanes_last(data.targets))
        return {"validation_loss": float(scored.loss.mean()), "validation_accuracy": float(scored.right.mean())}


def _lanes_last(targets: np.ndarray) -> np.ndarray:
    return targets if targets.ndim == 1 else targets.transpose(1, 2, 0)


def _copied(network: Network) -> Network:
    """A network whose learning leaves the other alone."""
    return replace(
        network, readout=network.readout.copy(), bias=network.bias.copy(),
        synapses=network.synapses._replace(theta=network.synapses.theta.copy()), learnt=dict(network.learnt),
    )  # fmt: skip


def _generator(seed: int, *place: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(FIT_BRANCH, *place))))


def data_of(network: Network, inputs: Any, targets: Any, loss: LossName, name: str = "") -> Data:
    """Samples and targets that fit the network and the loss; InputError, which names them, unless they do."""
    spikes = spikes_of(f"{name}inputs", inputs, network.n_in)
    array, n_out = plain_numbers(f"{name}targets", targets), network.n_out
    if loss == "cross_entropy":
        rule = f"a label in 0..{n_out - 1} of each of {len(spikes)} samples"
        require(array.shape == (len(spikes),), f"{name}targets", rule, array)
        sound = (array >= 0) & (array < n_out) & (array == np.floor(array))
        require(bool(sound.all()), f"{name}targets", rule, array[~sound])
        return Data(spikes, array.astype(np.int64))
    shape = (*spikes.shape[:2], n_out)
    require(array.shape == shape, f"{name}targets", f"traces (samples, steps, outputs) = {shape}", array)
    require(bool(np.isfinite(array).all()), f"{name}targets", "finite numbers", array)
    return Data(spikes, array.astype(float))


def _split(data: Data, validation: Any, network: Network, loss: LossName, seed: int) -> tuple[Data, Data | None]:
    """Samples to learn from, and those of validation."""
    if isinstance(validation, tuple):
        require(len(validation) == 2, "validation", "a share, or (inputs, targets)", len(validation))
        inputs, targets = validation
        other = data_of(network, inputs, targets, loss, "validation ")
        steps = data.spikes.shape[1], other.spikes.shape[1]
        require(steps[0] == steps[1], "validation inputs", f"of {steps[0]} steps, as the inputs", steps[1])
        return data, other
    require_number("validation", validation, 0.0, 0.9)
    count = int(np.ceil(float(validation) * len(data.targets)))
    if count == 0:
        return data, None
    require(count < len(data.targets), "validation", "a share that leaves samples to learn from", validation)
    order = _generator(seed, SPLIT).permutation(len(data.targets))
    return data.of(np.sort(order[count:])), data.of(np.sort(order[:count]))


def _require_settings(
    epochs: Any, batch: Any, learning_rate: Any, final: Any, patience: Any, rate_hz: Any, rate_weight: Any, seed: Any,
    threads: Any,
) -> None:  # fmt: skip
    require_integer("epochs", epochs, 1, 10**9)
    require_integer("batch", batch, 1, 10**6)
    require_integer("seed", seed, 0, 2**63 - 1)
    require_integer("threads", threads, 1, 1024)
    if patience is not None:
        require_integer("patience", patience, 1)
    for name, value in (("learning_rate", learning_rate), ("final_learning_rate", final)):
        if value is not None:
            require_number(name, value, 1e-12, 1.0)
    require_number("rate_hz", rate_hz, 1e-3, 1e6)
    require_number("rate_weight", rate_weight, 0.0, 1e6)


def _line(row: dict[str, float]) -> str:
    parts = [f"epoch {row['epoch']:.0f}", f"loss {row['loss']:.4f}"]
    names: Sequence[tuple[str, str]] = (
        ("accuracy", "accuracy"), ("validation_loss", "validation loss"), ("validation_accuracy", "accuracy"),
    )  # fmt: skip
    parts += [f"{label} {row[name]:.3f}" for name, label in names if np.isfinite(row.get(name, np.nan))]
    return " | ".join([*parts, f"{row['rate_hz']:.0f} Hz"])
