"""A network learns from samples of one's own: `lsnn.fit`."""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas

from lsnn.arrays import losses
from lsnn.arrays.data import ORDER, Data, Several, data_of, generator_of, require_loss, split
from lsnn.arrays.kinds import learner_of
from lsnn.arrays.learners import Learner, Pass, through
from lsnn.arrays.losses import OVERS, Losses, LossName, Over, Scored
from lsnn.arrays.spikes import eights
from lsnn.blocks import Threads
from lsnn.circuits.circuit import Circuit
from lsnn.errors import DivergedError, Interrupted
from lsnn.learning.config import LearningConfig
from lsnn.learning.optimiser import Adam, Arrays, added_up, clip_norm, global_norm
from lsnn.learning.rates import rate_gradient
from lsnn.network import Network
from lsnn.progress import meter
from lsnn.seeds import REWIRE_BRANCH
from lsnn.simulation.frozen import FrozenNetwork
from lsnn.validation import require, require_flag, require_integer, require_number


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
        history: a row an epoch: loss and accuracy (NaN without labels) of the samples and of validation, the mean rate
            in Hz, seconds since the beginning.
        best_epoch: the epoch of `network`, from 1.
    """

    network: FrozenNetwork | Circuit
    history: pandas.DataFrame
    best_epoch: int
    state: Any = field(repr=False)  # to go on from

    def __repr__(self) -> str:
        last = self.history.iloc[-1]
        told = _line(last.to_dict())
        return f"<fit of {len(self.history)} epochs, the network of epoch {self.best_epoch}; at the end: {told}>"


class _State(NamedTuple):
    """Where a fit has come to."""

    network: Learner
    best: Learner
    best_loss: float
    best_epoch: int
    average: Arrays  # of what learns
    adam: Adam
    rows: list[dict[str, float]]
    made_of: dict[str, object]  # what has to be the same where it goes on

    def copied(self) -> "_State":
        """The same, which learning leaves alone."""
        adam, average = copy.deepcopy((self.adam, self.average))
        return self._replace(network=self.network.copied(), average=average, adam=adam, rows=list(self.rows))


def fit(
    network: FrozenNetwork | Network | Circuit,
    inputs: Any,
    targets: Any,
    *,
    loss: LossName | Mapping[str, LossName] = "cross_entropy",
    over: Over = "mean",
    of: str | None = None,
    currents: bool = False,
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

    Ctrl-C ends it with an `lsnn.Interrupted`, whose `so_far` is the Fit of the epochs that are over (or None), to go on
    from with `resume`.

    Args:
        network: of `lsnn.create` or `lsnn.load`; what learns beside its weights is what its setting `learnt` names. Or
            a `lsnn.Circuit`; `learn` of its projections, `learnt` of its populations and readout say what learns.
        inputs: spikes (samples, steps, cells), zeros and ones; see `lsnn.spikes_from_times` for times. Those of a
            circuit may be a mapping, as of `Circuit.run`, with values of driven variables among them.
        targets: labels (samples,) of `cross_entropy`, 0 to outputs - 1; traces (samples, steps, outputs) of
            `squared_error`; of `rates`, the rate of each neuron in Hz, (neurons,). Of a circuit with a list of readouts
            a mapping of labels or traces by readout, whose losses are added; readouts that it does not name are left
            out.
        loss: cross-entropy of a softmax over the readout's mean, maximum or last value (`over`), squared error, or how
            far each neuron's mean rate over the samples of a batch is from its target. Of targets by readout one for
            all of them, or by readout as well.
        of: a population of a circuit whose membranes stand for the readout: a class or a trace a neuron. Membranes are
            those at the threshold, in the scale of the threshold (at the start, b0 of `alif`); the readout stays. Or
            one of a list of readouts, whose loss alone is taken.
        currents: whether inputs are numbers of any size, which go through the input weights as spikes of that size.
        epochs: in all, those of `resume` included. batch: samples a step of the optimiser.
        learning_rate: of Adam, in normalised weights, in a circuit in the mean size of the weights of a projection; it
            falls by a cosine to `final_learning_rate` (a tenth of it).
        validation: a share of the samples that is not learnt from, or (inputs, targets) of others.
        patience: epochs without a smaller loss of validation after which it stops; None = it does not.
        average_rate: share of the newest weights in the running average that comes back; 1 = the weights themselves.
        weight_decay: of input and recurrent weights, times the learning rate, a step.
        only_readout: whether input and recurrent weights stay as they are.
        rate_hz, rate_weight: rate to which each neuron is pulled, and how much.
        seed: of the order of samples and of the split. The same bits for any number of threads.
        resume: what an earlier call with the same arguments left; it goes on to the bits of an unbroken run. `epochs`,
            `patience`, `threads` and `progress` may be others.

    Raises:
        InputError: an argument that breaks its rule. DivergedError: a loss or gradient that is not finite.
    """
    learner = learner_of(network, of)
    _require_settings(epochs, batch, learning_rate, final_learning_rate, patience, rate_hz, rate_weight, seed, threads)
    require_number("average_rate", average_rate, 1e-9, 1.0)
    require_number("weight_decay", weight_decay, 0.0, 1e6)
    for name, flag in (("progress", progress), ("only_readout", only_readout), ("currents", currents)):
        require_flag(name, flag)
    require_loss(loss, targets)
    require(isinstance(over, str) and over in OVERS, "over", f"one of {OVERS}", over)
    spiking = not (isinstance(learner.network, Network) and learner.network.sends().any())
    rule = "0, and the loss another than 'rates', where neurons send numbers: they have no firing rate"
    require(spiking or (rate_weight == 0 and loss != "rates"), "rate_weight", rule, rate_weight)
    whole = data_of(learner, inputs, targets, loss, currents=currents)
    data, held_out = split(whole, validation, learner, loss, seed, currents)
    require(patience is None or held_out is not None, "patience", "None without validation", patience)
    learning = LearningConfig(
        learning_rate=float(learning_rate), final_learning_rate=float(final_learning_rate or learning_rate / 10),
        rate_target_hz=float(rate_hz), rate_weight=float(rate_weight), input_rate=float(not only_readout),
        recurrent_rate=float(not only_readout), average_rate=float(average_rate), weight_decay=float(weight_decay),
    )  # fmt: skip
    fitting = _Fitting(learner, data, held_out, learning, min(int(batch), len(data.targets)), int(seed),
                       Threads(int(threads)), loss, over, of, currents)  # fmt: skip
    state = fitting.begun(resume)
    try:
        with meter() as shown:
            while len(state.rows) < epochs:
                state = fitting.epoch(state.copied(), len(state.rows), epochs)
                if progress:
                    shown.show(len(state.rows) / epochs, _line(state.rows[-1]))
                if patience is not None and len(state.rows) - state.best_epoch >= patience:
                    break
    except KeyboardInterrupt as error:
        raise Interrupted("lsnn.fit", _left(state, int(seed)) if state.rows else None) from error
    return _left(state, int(seed))


def _left(state: _State, seed: int) -> Fit:
    command, history = f"lsnn.fit(epochs={len(state.rows)}, seed={seed})", pandas.DataFrame(state.rows)
    best = state.best.network
    if isinstance(best, Network):
        best = FrozenNetwork(best, seed=seed, command=command, history=history.copy())
    return Fit(best, history, state.best_epoch, state)


class _Fitting:
    """The settings of a fit, its samples, and the blocks that it works on."""

    def __init__(
        self, network: Learner, data: Data, held_out: Data | None, learning: LearningConfig, batch: int, seed: int,
        threads: Threads, loss: Losses, over: Over, of: str | None, currents: bool,
    ) -> None:  # fmt: skip
        self.start, self.data, self.held_out, self.learning = network, data, held_out, learning
        self.batch, self.seed, self.threads, self.loss, self.over, self.of, self.currents = (
            batch, seed, threads, loss, over, of, currents,
        )  # fmt: skip
        steps = data.inputs.shape[1]
        self.seconds = steps * network.dt
        self.score: Callable[[np.ndarray, Any], Scored] = losses.squared_error
        if isinstance(data.targets, Several):
            self.score = partial(losses.of_several, columns=network.columns, losses=loss, over=over)
        elif loss == "cross_entropy":
            self.score = partial(losses.cross_entropy, over=over)
        elif loss == "rates":
            self.score = losses.nothing
        self.passes = network.passes(batch, steps, currents)

    def made_of(self) -> dict[str, object]:
        """What decides about the bits of an epoch, by the names of the arguments."""
        c = self.learning
        inputs, targets = self.data.sha256
        return {
            "network": self.start.sha256, "inputs": inputs, "targets": targets,
            "validation": self.held_out and self.held_out.sha256, "loss": self.loss, "over": self.over,
            "of": self.of,
            "currents": self.currents, "batch": self.batch, "learning_rate": c.learning_rate,
            "final_learning_rate": c.final_learning_rate, "rate_hz": c.rate_target_hz, "rate_weight": c.rate_weight,
            "only_readout": c.input_rate == 0, "average_rate": c.average_rate, "weight_decay": c.weight_decay,
            "seed": self.seed,
        }  # fmt: skip

    def begun(self, resume: Fit | None) -> _State:
        """From the network given, or from where an earlier fit has come to."""
        made_of = self.made_of()
        if resume is None:
            network = self.start.copied()
            return _State(network, self.start, np.inf, 0, dict(network.arrays()), Adam(), [], made_of)
        require(isinstance(resume, Fit), "resume", "what lsnn.fit has left", resume)
        old: _State = resume.state
        other = [name for name, value in made_of.items() if value != old.made_of.get(name)]
        rule = "what an earlier call with the same arguments has left (to learn with others, fit its network)"
        require(not other, "resume", rule, f"one with another {', '.join(other)}")
        return old

    def epoch(self, state: _State, epoch: int, epochs: int) -> _State:
        """Every sample once, then the validation."""
        network, begun, data = state.network, time.monotonic(), self.data
        generator = generator_of(self.seed, ORDER, epoch)
        order, total = generator.permutation(len(data.targets)), np.zeros(2)
        counts = np.zeros(network.n_neurons)
        batches = [order[first : first + self.batch] for first in range(0, len(order), self.batch)]
        for i, chosen in enumerate(batches):
            part = self._step(state, data.of(chosen), (epoch + i / len(batches)) / epochs)
            total += part.loss, part.right
            counts += part.spike_count
        row = {"epoch": epoch + 1.0, "loss": total[0] / len(order), "accuracy": total[1] / len(order)}
        judged = row["loss"]
        averaged = network.with_arrays(state.average)
        if self.held_out is not None:
            row |= self._validate(averaged, self.held_out)
            judged = row["validation_loss"]
        row["rate_hz"] = float(counts.mean() / (len(order) * self.seconds))
        before = state.rows[-1]["seconds"] if state.rows else 0.0
        row["seconds"] = before + time.monotonic() - begun
        state.rows.append(row)
        better = self.held_out is None or judged < state.best_loss
        if not better:
            return state
        return state._replace(best=averaged.copied(), best_loss=judged, best_epoch=epoch + 1)

    def _step(self, state: _State, data: Data, share: float) -> Part:
        """One step of the optimiser; share: of all epochs, that is over."""
        network, average, adam = state.network, state.average, state.adam
        part = self.summed(network, data)
        assert part.gradient is not None
        if not np.isfinite(part.loss) or not np.isfinite(global_norm(part.gradient)):
            rule = "lower learning_rate, network.input_gain or network.recurrent_gain"
            raise DivergedError(f"the loss or its gradient is not finite (loss {part.loss}): {rule}")
        low, high = self.learning.final_learning_rate, self.learning.learning_rate
        rate = float(low + (high - low) * 0.5 * (1 + np.cos(np.pi * share)))
        change = adam.update(clip_norm(part.gradient, self.learning.gradient_norm), rate)
        branch = np.random.SeedSequence(self.seed, spawn_key=(REWIRE_BRANCH, adam.step))
        network.take(change, self.learning, rate, branch, (adam.first, adam.second, average))
        follow = max(self.learning.average_rate, 1 / adam.step)
        for name, array in network.arrays().items():
            average[name] = average[name] + follow * (array - average[name])
        if not network.is_finite():
            raise DivergedError("the weights after a step are not finite: lower learning_rate")
        return part

    def summed(self, network: Learner, data: Data) -> Part:
        """Loss and gradient of a batch."""
        held, parts = network.held(), eights(len(data.targets))
        passes = self.passes[: len(parts)]
        scored = self.threads.map(partial(self._forward, held, data), passes, parts)
        count = np.sum([count for _, count in scored], axis=0)
        loss, g_z = sum(float(each.loss.sum()) for each, _ in scored), np.zeros(len(count))
        if self.loss == "rates":
            seconds = len(data.targets) * self.seconds
            loss = len(data.targets) * losses.rates_apart(count / seconds, data.targets[0])
            g_z = rate_gradient(count / seconds, data.targets[0], 1.0, seconds)
        work = partial(self._back, held, len(data.targets), g_z)
        gradients = self.threads.map(work, passes, [len(part) for part in parts], scored)
        right = sum(float(each.right.sum()) for each, _ in scored)
        return Part(loss, right, added_up(gradients, np.inf), count)

    def _forward(self, held: Any, data: Data, own: Pass, chosen: np.ndarray) -> tuple[Scored, np.ndarray]:
        """What up to eight samples score, and their spikes of each neuron."""
        y, count = own.forward(held, data.inputs[chosen])
        return self.score(y, losses.lanes_last(data.targets[chosen])), count

    def _back(
        self, held: Any, samples: int, g_z: np.ndarray, own: Pass, n: int, of: tuple[Scored, np.ndarray]
    ) -> Arrays:
        """The gradient of a pass of n among so many samples; g_z (N,): dL/dz of every spike beside its own."""
        (scored, count), learning, seconds = of, self.learning, n * self.seconds
        of_rates = rate_gradient(count / seconds, learning.rate_target_hz, learning.rate_weight, seconds)
        return own.back(held, scored.slope / samples, of_rates * n / samples + g_z)

    def _validate(self, network: Learner, data: Data) -> dict[str, float]:
        y, counts = through(network, data.inputs, self.threads, self.currents)
        scored = self.score(y.transpose(1, 2, 0), losses.lanes_last(data.targets))
        loss = float(scored.loss.mean())
        if self.loss == "rates":
            loss = losses.rates_apart(counts / (len(y) * self.seconds), data.targets[0])
        return {"validation_loss": loss, "validation_accuracy": float(scored.right.mean())}


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
    require_number("learning_rate", learning_rate, 1e-12, 1.0)
    if final is not None:
        require_number("final_learning_rate", final, 1e-12, 1.0)
    require_number("rate_hz", rate_hz, 1e-3, 1e6)
    require_number("rate_weight", rate_weight, 0.0, 1e6)


def _line(row: dict[str, float]) -> str:
    parts = [f"epoch {row['epoch']:.0f}", f"loss {row['loss']:.4f}"]
    names: Sequence[tuple[str, str]] = (
        ("accuracy", "accuracy"), ("validation_loss", "validation loss"), ("validation_accuracy", "accuracy"),
    )  # fmt: skip
    parts += [f"{label} {row[name]:.3f}" for name, label in names if np.isfinite(row.get(name, np.nan))]
    return " | ".join([*parts, f"{row['rate_hz']:.0f} Hz"])
