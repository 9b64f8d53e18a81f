"""The outer loop of meta-learning: roll out, update, repeat (docs/design.md, section 4).

Each iteration draws new worlds. The inner loop has no weight updates: whatever an episode teaches stays in the
network's state, which starts from zero with the episode and is carried from trial to trial within it.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lsnn import guards
from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.learning import calls, descent
from lsnn.learning import parameters as learnt
from lsnn.learning.config import LearningConfig, Stage, outputs_of, stages_of
from lsnn.learning.optimiser import Adam, Arrays, added_up, clip_norm
from lsnn.learning.outer_loop import OuterLoop
from lsnn.learning.shard import Prepared, batch_statistics
from lsnn.learning.stages import Staged, entered
from lsnn.learning.state import LearnerState
from lsnn.network import Network, NetworkConfig, build_network
from lsnn.refine import origin_of, refined
from lsnn.seeds import NETWORK_BRANCH, REWIRE_BRANCH, TRAIN_BRANCH, episode_keys
from lsnn.task import Task
from lsnn.tried import measured
from lsnn.workers.cluster import Cluster


def new_network(task: Task, config: NetworkConfig, learning: LearningConfig, seed: int) -> Network:
    """A network with random weights for a task."""
    branch = np.random.SeedSequence(seed, spawn_key=(NETWORK_BRANCH,))
    log_std = np.full(task.n_action if task.action_kind == "gaussian" else 0, np.log(learning.initial_std))
    return build_network(config, task.encoder.n_inputs, outputs_of(task, learning), log_std, branch)


class Present(NamedTuple):
    """A network as blocks are given it."""

    weights: Weights
    network: Network  # without its synapses


class MetaLearner(OuterLoop):
    """Meta-trains a network on a task by reward (or by target), an iteration at a time."""

    def __init__(
        self, task: Task, network: Network, learning: LearningConfig, seed: int, threads: int | Threads | Cluster = 2
    ):
        super().__init__(task, learning, seed)
        self.adam, self.out_of_range = Adam(), ""  # what is not finite, while that has kept every step from being taken
        self.threads = Threads(threads) if isinstance(threads, int) else threads
        self._take_up(network)

    def _take_up(self, network: Network) -> None:
        """Make the blocks in which a network learns the present task."""
        self.network, task, learning = network, self.task, self.learning
        self.average = {name: array.copy() for name, array in descent.arrays_of(self.network).items()}
        segment = int(np.ceil(np.sqrt(task.duration_ms))) if learning.gradient_checkpointing else 0
        make = partial(calls.make_block, task, calls.bare(network), segment)
        self.blocks: Sequence[Any] = self.threads.blocks(make, learning.episodes // LANES)

    def state(self) -> LearnerState:
        """Everything `restore` needs, to go on to the same bits."""
        first, second = dict(self.adam.first), dict(self.adam.second)
        return LearnerState(
            self.iteration, self.level, self.widest_at, self.running_return, self.adam.step, first, second,
            dict(self.average), self.watch,
        )  # fmt: skip

    def restore(self, state: LearnerState) -> None:
        """Go on from a state."""
        self.go_on_from(*state[:4])
        self.adam = Adam(step=state.adam_step, first=dict(state.first), second=dict(state.second))
        self.average, self.watch = dict(state.average), state.watch

    def averaged(self) -> Network:
        """The network with its weights averaged over the last iterations (Polyak & Juditsky 1992): what is frozen."""
        return descent.with_arrays(self.network, self.average)

    def _follow(self) -> None:
        """Move the average towards the present weights."""
        rate = self.average_rate()
        for name, array in descent.arrays_of(self.network).items():
            self.average[name] = self.average[name] + rate * (array - self.average[name])

    def step(self) -> dict[str, float]:
        """One iteration; returns its row of the history."""
        task = self.present_task()
        self.threads.begin()
        rolled, shards = zip(*self._roll_out(task), strict=True)
        row, self.finite = self._measure(task, rolled), all(block.finite for block in rolled)
        for epoch in range(self.learning.epochs):
            if epoch > 0:
                shards = self._replay()
            signs, fault = self._update(self._gradient(shards), row)
            if fault:
                break
        if self.out_of_range and self.iteration + 1 >= guards.AT_ONCE:
            raise guards.no_beginning(self.iteration + 1, self.out_of_range)
        self.watch = guards.followed(self.watch, signs, fault)
        row |= {"gradient_norm": signs.gradient_norm, **guards.counted(fault)}
        if signs.rate_hz is not None:
            row["rate_hz"] = signs.rate_hz
        self._follow()
        if np.isfinite(row["return"]):
            acted = float(np.mean([block.acted.mean() for block in rolled]))
            self._advance_curriculum(self.counted_return(row["return"], acted))
        self.iteration += 1
        for stage in stages_of(self.learning.stages):
            if stage.after == self.iteration:
                self._enter(stage)
        return row

    def _enter(self, stage: Stage) -> None:
        """Go on with the settings of a stage, as a resumed run would."""
        before, network, state = self.task, self.network, self.state()
        self.task, self.learning = entered(Staged(self.task, self.learning), stage)
        origin = origin_of(self.task.encoder, before.encoder)
        if origin is not None:
            network, state = refined(network, state, origin)
        self._take_up(network)
        self.restore(state)

    def require_beginning(self) -> None:
        """DivergedError if no iteration has taken a step yet, and the last had no finite gradient."""
        if self.out_of_range:
            raise guards.no_beginning(self.iteration, self.out_of_range)

    def _take_present(self) -> None:
        """The network as it is now is what blocks are given, until the next roll-out or replay."""
        self.present = Present(self.network.weights(), calls.bare(self.network))

    def _roll_out(self, task: Task) -> list[tuple[calls.Rolled, Prepared]]:
        self._take_present()
        keys = episode_keys(self.seed, TRAIN_BRANCH, self.iteration, self.learning.episodes).reshape(-1, LANES)
        log_std = self.network.log_std if self.task.action_kind == "gaussian" else np.zeros(1)
        run = partial(
            calls.rolled_and_summed_up, learning=self.learning, task=task, log_std=log_std,
            hold=self.learning.hold_ms, mean_norm=self.learning.mean_norm or np.inf, **self.present._asdict(),
        )  # fmt: skip
        return self.threads.map(run, self.blocks, list(keys))

    def _replay(self) -> list[Prepared]:
        self._take_present()
        run = partial(calls.replayed_and_summed_up, learning=self.learning, **self.present._asdict())
        return self.threads.map(run, self.blocks)

    def _measure(self, task: Task, rolled: Sequence[calls.Rolled]) -> dict[str, float]:
        reward, acted = (np.concatenate([getattr(block, name) for block in rolled]) for name in ("reward", "acted"))
        row = {"iteration": float(self.iteration), "return": float(reward.sum(axis=1).mean())}
        row |= {"level": self.level, "learning_rate": self.learning_rate()}
        if len(self.network.log_std):
            added = np.mean([block.log_std for block in rolled], axis=0) if "spread" in self.network.outputs else 0.0
            row["std"] = float(np.exp(self.network.log_std + added).mean())
        return row | measured(task, reward, acted)

    def _gradient(self, shards: Sequence[Prepared]) -> Arrays:
        """Gradient of the batch."""
        if not any(shard.decisions for shard in shards):
            raise InputError(
                f"duration_ms of {self.task.name} must leave a step that counts (lsnn/task.py), got "
                f"{self.task.duration_ms}: in no episode was anything decided or taught before the last step"
            )
        statistics = batch_statistics(shards, self.task.duration_ms, self.network.config.dt_ms)
        self.rate_hz = statistics.rate_hz
        run = partial(
            calls.gradient, statistics=statistics, learning=self.learning, target_weight=self.target_weight(),
            loss=self.task.loss, **self.present._asdict(),
        )  # fmt: skip
        parts = self.threads.map(run, self.blocks)
        found = [descent.by_what_learns(self.network, part.weights) | {"log_std": part.log_std} for part in parts]
        return added_up(found, self.learning.shard_norm)

    def _update(self, gradient: Arrays, row: dict[str, float]) -> tuple[guards.Signs, str]:
        """A step of the optimiser and of DEEP R, or what the guards want instead; what was seen, and the fault."""
        learning = self.learning
        signs = guards.Signs(
            guards.finite_norm(gradient), self._mean_rate(), row.get("std", np.nan), row["return"], self.finite
        )
        limits = guards.Limits(learning.exploded_norm, self.network.config.refractory_ms, learning.min_std)
        fault, where = guards.fault_of(signs, limits, self.watch), ""
        begun = self.watch.in_a_row < self.iteration
        if fault == "not_finite" and not begun:
            where = self._first_out_of_range(gradient)
        if not fault and not self._descend(clip_norm(gradient, learning.gradient_norm)):
            fault, where = "not_finite", "the weights after a step are not"
        self.out_of_range = "" if begun else where
        if fault:
            self._go_back()
            if fault in ("not_finite", "exploded"):
                self._calm_down()
        return signs, fault

    def _mean_rate(self) -> float | None:
        """Mean firing rate of the neurons that spike, Hz; None where all send numbers."""
        spiking = ~self.network.sends()
        return float(self.rate_hz[spiking].mean()) if spiking.any() else None

    def _first_out_of_range(self, gradient: Arrays) -> str:
        """The first state variable that is NaN or infinite in the roll-outs of this iteration, in words."""
        look = partial(calls.left_range, weights=self.network.weights(), network=calls.bare(self.network))
        found = [seen for seen in self.threads.map(look, self.blocks) if seen is not None]
        if found:
            return min(found, key=lambda seen: seen[0])[1]
        names = [name for name, array in gradient.items() if not np.isfinite(array).all()]
        which = f"the gradient of {', '.join(names)} is not" if names else "its norm, the return or the spread is not"
        return f"all state variables are, {which}"

    def _go_back(self) -> None:
        """In place of a step: the averaged weights, at rest; what is learnt of the gradient's size is kept."""
        network, average = self.network, self.average
        network.synapses = network.synapses._replace(theta=average["theta"].copy())
        network.readout, network.bias = average["readout"].copy(), average["bias"].copy()
        network.learn(learnt.values_in(average))
        network.log_std = np.fmax(network.log_std, np.log(self.learning.min_std))
        self.adam.first = {name: np.zeros_like(moment) for name, moment in self.adam.first.items()}

    def _calm_down(self) -> None:
        """In place of a step along a gradient that exploded on its way through time: weaker recurrent weights."""
        theta = self.network.synapses.theta.copy()
        theta[self.network.n_input_synapses :] *= self.learning.exploded_shrink
        self.network.synapses = self.network.synapses._replace(theta=theta)

    def _descend(self, gradient: Arrays) -> bool:
        """A step of the optimiser; whether the kernels can go on with the weights that it leaves."""
        log_std, before = self.network.log_std, self.network.learnt
        with np.errstate(over="ignore", invalid="ignore"):  # seen at the end
            self._take(gradient)
        sound = self.network.is_finite()
        if not sound:
            self.network.log_std = log_std
            self.network.learn(before)
        return sound

    def _take(self, gradient: Arrays) -> None:
        network, rate = self.network, self.learning_rate()
        change = self.adam.update(gradient, rate)
        descent.take(network, change, self.learning, rate)
        network.log_std = np.maximum(network.log_std + change["log_std"], np.log(self.learning.min_std))
        branch = np.random.SeedSequence(self.seed, spawn_key=(REWIRE_BRANCH, self.adam.step))
        descent.rewired(network, self.learning, rate, branch, (self.adam.first, self.adam.second, self.average))
