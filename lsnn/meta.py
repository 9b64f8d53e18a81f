"""The outer loop of meta-learning: roll out, update, repeat (docs/design.md, section 4).

Each iteration draws new worlds. The inner loop has no weight updates: whatever an episode teaches stays in the
network's state, which starts from zero with the episode and is carried from trial to trial within it.
"""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from lsnn.blocks import Block, Threads
from lsnn.errors import InputError
from lsnn.gym_blocks import block_for
from lsnn.kernels.layout import Gradient
from lsnn.kernels.simd import LANES
from lsnn.learning import ppo
from lsnn.learning.optimiser import Adam, Arrays, clip_norm, global_norm
from lsnn.learning.rates import rate_gradient, spike_counts
from lsnn.learning.returns import advantages
from lsnn.network import Network, NetworkConfig, build_network
from lsnn.task import Task
from lsnn.wiring import rewire

# Branches of the one SeedSequence; a test never shares one with meta-training.
NETWORK_BRANCH, TRAIN_BRANCH, TEST_BRANCH, REWIRE_BRANCH, VALIDATION_BRANCH = range(5)


POSITIVE = (
    "learning_rate", "final_learning_rate", "gradient_norm", "exploded_norm", "rate_target_hz", "initial_std",
    "min_std", "clip",
)  # fmt: skip
NOT_NEGATIVE = (
    "anneal_iterations", "recurrent_rate", "weight_decay", "value_weight", "entropy_weight", "rate_weight",
    "auxiliary_weight", "auxiliary_until", "l1", "temperature", "theta_new",
)  # fmt: skip


@dataclass(frozen=True)
class LearningConfig:
    """The outer loop; weights are learnt in units of effect."""

    episodes: int = 64
    learning_rate: float = 3e-3
    final_learning_rate: float = 1e-3
    anneal_iterations: int = 0
    discount: float = 0.99
    gae_lambda: float = 0.97
    clip: float = 0.2
    epochs: int = 1
    value_weight: float = 0.5
    entropy_weight: float = 0.0
    gradient_norm: float = 1.0
    exploded_norm: float = 10.0
    exploded_shrink: float = 0.95
    recurrent_rate: float = 1.0
    weight_decay: float = 0.0
    rate_target_hz: float = 20.0
    rate_weight: float = 0.1
    initial_std: float = 0.6
    min_std: float = 0.05
    spread: str = "learnt"
    hold_ms: int = 1
    auxiliary: bool = False
    auxiliary_weight: float = 1.0
    auxiliary_until: int = 0
    curriculum: bool = True
    curriculum_warm_up: float = 12.0
    curriculum_bar: float = 28.0
    curriculum_step: float = 0.005
    l1: float = 0.0
    temperature: float = 0.0
    theta_new: float = 1e-3

    def __post_init__(self):
        whole_blocks = self.episodes > 0 and self.episodes % LANES == 0
        _require(whole_blocks, "episodes", f"must be a positive multiple of {LANES}", self.episodes)
        _require(self.spread in ("learnt", "readout"), "spread", "must be 'learnt' or 'readout'", self.spread)
        _require(0 < self.discount < 1, "discount", "must lie in (0, 1)", self.discount)
        _require(0 <= self.gae_lambda <= 1, "gae_lambda", "must lie in [0, 1]", self.gae_lambda)
        for name in ("epochs", "hold_ms"):
            _require(getattr(self, name) >= 1, name, "must be >= 1", getattr(self, name))
        for name in POSITIVE:
            _require(getattr(self, name) > 0, name, "must be > 0", getattr(self, name))
        for name in NOT_NEGATIVE:
            _require(getattr(self, name) >= 0, name, "must be >= 0", getattr(self, name))
        for item in fields(self):
            value = getattr(self, item.name)
            _require(not isinstance(value, float) or np.isfinite(value), item.name, "must be finite", value)


def _require(holds: bool, key: str, rule: str, value) -> None:
    if not holds:
        raise InputError(f"learning.{key} {rule}, got {value!r}")


def first_level(learning: LearningConfig) -> float:
    """Where the curriculum starts: -1 the warm-up, 0 the easiest task, 1 the task itself."""
    if not learning.curriculum:
        return 1.0
    return -1.0 if learning.curriculum_warm_up > 0 else 0.0


class BatchStatistics(NamedTuple):
    """What a shard must know of all the others before its gradient."""

    steps: float  # decisions that count, over the batch
    advantage_mean: float
    advantage_std: float
    rate_hz: np.ndarray  # (N,)


def outputs_of(task: Task, learning: LearningConfig) -> dict[str, int]:
    """Widths of the readouts a task needs, in their order."""
    acts = task.action_kind != "none"
    gaussian = task.action_kind == "gaussian"
    names = task.loss == "target" or learning.auxiliary
    widths = {
        "action": task.n_action if acts else 0,
        "value": 1 if task.loss == "reward" else 0,
        "spread": task.n_action if gaussian and learning.spread == "readout" else 0,
        "target": task.n_target if names else 0,
    }
    return {name: width for name, width in widths.items() if width}


def new_network(task: Task, config: NetworkConfig, learning: LearningConfig, seed: int) -> Network:
    """A network with random weights for a task."""
    branch = np.random.SeedSequence(seed, spawn_key=(NETWORK_BRANCH,))
    log_std = np.full(task.n_action if task.action_kind == "gaussian" else 0, np.log(learning.initial_std))
    return build_network(config, task.encoder.n_inputs, outputs_of(task, learning), log_std, branch)


def episode_keys(seed: int, branch: int, iteration: int, count: int) -> np.ndarray:
    """Keys of the episodes of an iteration, (count,) uint64."""
    return np.random.SeedSequence(seed, spawn_key=(branch, iteration)).generate_state(count, np.uint64)


class LearnerState(NamedTuple):
    """What the outer loop needs to go on, beside the network, the configuration and the seed."""

    iteration: int
    level: float
    widest_at: int
    running_return: float
    adam_step: int
    first: Arrays  # moments of Adam, empty before the first update
    second: Arrays


class MetaLearner:
    """Meta-trains a network on a task by reward (or by target), an iteration at a time."""

    def __init__(self, task: Task, network: Network, learning: LearningConfig, seed: int, threads: int = 2):
        self.task, self.network, self.learning, self.seed = task, network, learning, seed
        self.adam, self.iteration, self.running_return = Adam(), 0, 0.0
        self.level = first_level(learning)
        self.widest_at = 0
        self.threads = Threads(threads)
        self.blocks = [block_for(task, network, task.duration_ms) for _ in range(learning.episodes // LANES)]

    def state(self) -> LearnerState:
        """Everything `restore` needs, to go on to the same bits."""
        first, second = dict(self.adam.first), dict(self.adam.second)
        return LearnerState(
            self.iteration, self.level, self.widest_at, self.running_return, self.adam.step, first, second
        )

    def restore(self, state: LearnerState) -> None:
        """Go on from a state."""
        self.iteration, self.level, self.widest_at, self.running_return = state[:4]
        self.adam = Adam(step=state.adam_step, first=dict(state.first), second=dict(state.second))

    def step(self) -> dict[str, float]:
        """One iteration; returns its row of the history."""
        task = self.task.at_difficulty(self.level) if 0 <= self.level < 1 else self.task
        self._roll_out(task)
        row = self._measure(task)
        old = None
        for _ in range(self.learning.epochs):
            if old is not None:
                weights = self.network.weights()
                self.threads.map(lambda block, w=weights: block.replay(w), self.blocks)
            gradient, old = self._gradient(old)
            row["gradient_norm"] = global_norm(gradient)
            row["exploded"] = float(not row["gradient_norm"] < self.learning.exploded_norm)
            if row["exploded"]:
                self._calm_down()
            else:
                self._update(clip_norm(gradient, self.learning.gradient_norm))
        self._advance_curriculum(row)
        self.iteration += 1
        return row

    def _roll_out(self, task: Task) -> None:
        keys = episode_keys(self.seed, TRAIN_BRANCH, self.iteration, self.learning.episodes).reshape(-1, LANES)
        weights, log_std = self.network.weights(), self._policy_spread()

        def run(block: Block, block_keys: np.ndarray) -> None:
            block.begin(task, block_keys)
            block.roll_out(weights, log_std, hold=self.learning.hold_ms)

        self.threads.map(run, self.blocks, list(keys))

    def _policy_spread(self) -> np.ndarray:
        if self.task.action_kind == "categorical":
            return np.zeros(1)
        return self.network.log_std

    def _measure(self, task: Task) -> dict[str, float]:
        reward = np.concatenate([block.trace.reward.T for block in self.blocks])
        acted = np.concatenate([block.trace.acted.T for block in self.blocks])
        row = {"iteration": float(self.iteration), "return": float(reward.sum(axis=1).mean())}
        row |= {"level": self.level, "learning_rate": self.learning_rate()}
        if len(self.network.log_std):
            row["std"] = float(np.exp(self.network.log_std).mean())
        return row | task.metrics(reward, acted)

    def _gradient(self, old):
        """Gradient of the batch, and the log-likelihood of its actions for later epochs."""
        prepared = self.threads.map(self._prepare, self.blocks)
        statistics = self._reduce(prepared)
        olds = old or [None] * len(self.blocks)
        weights = self.network.weights()
        parts = self.threads.map(partial(self._block_gradient, weights, statistics), self.blocks, prepared, olds)
        total = _sum([part[0] for part in parts])
        g_log_std = sum(part[1] for part in parts)
        return self._to_units_of_effect(total, g_log_std), [part[2] for part in parts]

    def _prepare(self, block: Block):
        """Advantages (T-1, 8) of a block, whose last step serves as the bootstrap only, and its spike counts."""
        counts = spike_counts(block.record.spikes)
        if self.task.loss == "target":
            return None, counts
        value = block.record.y[:, self.network.columns("value").start].astype(float)
        trace = block.trace
        a_t = advantages(
            trace.reward[:-1], value[:-1], trace.terminated[:-1], trace.truncated[:-1], value[-1],
            self.learning.discount, self.learning.gae_lambda,
        )  # fmt: skip
        return np.where(trace.between[:-1], 0.0, a_t), counts

    def _reduce(self, prepared) -> BatchStatistics:
        """Statistics over the batch, added up in the order of the blocks."""
        seconds = len(self.blocks) * LANES * self.task.duration_ms * self.network.config.dt_ms / 1000
        rate = sum(counts for _, counts in prepared) / seconds
        self.rate_hz = rate
        if self.task.loss == "target":
            weight = sum(float(np.sum(block.trace.target_weight)) for block in self.blocks)
            return BatchStatistics(max(weight, 1.0), 0.0, 1.0, rate)
        n = total = square = 0.0
        for block, (a_t, _) in zip(self.blocks, prepared, strict=True):
            acted = block.trace.acted[:-1]
            n += np.count_nonzero(acted)
            total += float(np.sum(a_t, where=acted))
            square += float(np.sum(a_t * a_t, where=acted))
        mean = total / max(n, 1.0)
        return BatchStatistics(max(n, 1.0), mean, float(np.sqrt(max(square / max(n, 1.0) - mean**2, 1e-12))), rate)

    def _block_gradient(self, weights, statistics: BatchStatistics, block: Block, prepared, old):
        g_y = np.zeros_like(block.record.y)
        g_log_std = np.zeros(len(self.network.log_std))
        log_likelihood = None
        if self.task.loss == "reward":
            g_log_std, log_likelihood = self._reward_gradient(statistics, block, prepared[0], old, g_y)
        self._target_gradient(statistics, block, g_y)
        seconds = len(self.blocks) * LANES * self.task.duration_ms * self.network.config.dt_ms / 1000
        g_z = rate_gradient(statistics.rate_hz, self.learning.rate_target_hz, self.learning.rate_weight, seconds)
        c = self.network.config
        return block.back(weights, g_y, g_z, c.surrogate_gamma, c.detach_reset), g_log_std, log_likelihood

    def _reward_gradient(self, statistics: BatchStatistics, block: Block, a_t: np.ndarray, old, g_y: np.ndarray):
        """Policy and value gradient of a block, written into g_y (T, n_out, 8)."""
        y, trace, learning = block.record.y[:-1].astype(float), block.trace, self.learning
        value = self.network.columns("value").start
        g_y[:-1, value] = ppo.value_gradient(y[:, value], a_t + y[:, value], learning.value_weight, statistics.steps)
        normalised = (a_t - statistics.advantage_mean) / statistics.advantage_std * trace.acted[:-1]
        mean = y[:, self.network.columns("action")]
        action = trace.action[:-1].transpose(0, 2, 1)
        if self.task.action_kind == "categorical":
            log_likelihood = ppo.categorical_log_likelihood(action[:, 0], mean)
            score_mean, score_spread = ppo.categorical_score(action[:, 0], mean), np.zeros((0, 0, LANES))
        else:
            log_std = np.broadcast_to(self.network.log_std[:, None], mean.shape)
            if "spread" in self.network.outputs:
                log_std = log_std + y[:, self.network.columns("spread")]
            log_likelihood = ppo.gaussian_log_likelihood(action, mean, log_std)
            score_mean, score_spread = ppo.gaussian_score(action, mean, log_std)
        log_ratio = np.zeros_like(log_likelihood) if old is None else log_likelihood - old
        weight = ppo.clipped_weight(log_ratio, normalised, learning.clip)[:, None] / statistics.steps
        g_y[:-1, self.network.columns("action")] = -weight * score_mean
        if self.task.action_kind == "categorical":
            return np.zeros(0), log_likelihood if old is None else old
        g_spread = -weight * score_spread - learning.entropy_weight * trace.acted[:-1, None] / statistics.steps
        if "spread" in self.network.outputs:
            g_y[:-1, self.network.columns("spread")] = g_spread
        return g_spread.sum(axis=(0, 2)), log_likelihood if old is None else old

    def _target_gradient(self, statistics: BatchStatistics, block: Block, g_y: np.ndarray) -> None:
        weight = self.auxiliary_weight()
        if "target" in self.network.outputs and weight > 0:
            columns = self.network.columns("target")
            target = block.trace.target.transpose(0, 2, 1)
            g_y[:, columns] = ppo.target_gradient(
                block.record.y[:, columns], target, block.trace.target_weight, weight, statistics.steps
            )

    def auxiliary_weight(self) -> float:
        """1 for a supervised task; else the auxiliary readout's weight, falling linearly to 0 at `auxiliary_until`."""
        learning = self.learning
        if self.task.loss == "target":
            return 1.0
        if learning.auxiliary_until <= 0:
            return learning.auxiliary_weight
        return learning.auxiliary_weight * max(0.0, 1 - self.iteration / learning.auxiliary_until)

    def learning_rate(self) -> float:
        """Constant while the curriculum widens, then falling by a cosine over `anneal_iterations`."""
        learning = self.learning
        if learning.anneal_iterations == 0 or self.level < 1:
            return learning.learning_rate
        part = min(1.0, (self.iteration - self.widest_at) / learning.anneal_iterations)
        low, high = learning.final_learning_rate, learning.learning_rate
        return float(low + (high - low) * 0.5 * (1 + np.cos(np.pi * part)))

    def _to_units_of_effect(self, g: Gradient, g_log_std: np.ndarray) -> Arrays:
        network = self.network
        theta = np.concatenate([g.inputs, g.recurrent]).astype(float) * network.effect()
        if network.config.signed:
            theta *= network.synapses.sign
        return {
            "theta": theta,
            "readout": g.readout.sum(axis=-1).astype(float),
            "bias": g.bias.sum(axis=-1).astype(float),
            "log_std": g_log_std,
        }

    def _calm_down(self) -> None:
        """In place of a step along a gradient that exploded on its way through time: weaker recurrent weights."""
        theta = self.network.synapses.theta.copy()
        theta[self.network.n_input_synapses :] *= self.learning.exploded_shrink
        self.network.synapses = self.network.synapses._replace(theta=theta)

    def _update(self, gradient: Arrays) -> None:
        network, rate = self.network, self.learning_rate()
        change = self.adam.update(gradient, rate)
        change["theta"][network.n_input_synapses :] *= self.learning.recurrent_rate
        theta = network.synapses.theta * (1 - rate * self.learning.weight_decay) + change["theta"]
        if network.config.signed:
            theta -= rate * self.learning.l1
        network.readout += change["readout"]
        network.bias += change["bias"]
        network.log_std = np.maximum(network.log_std + change["log_std"], np.log(self.learning.min_std))
        network.synapses = network.synapses._replace(theta=theta)
        self._rewire()

    def _rewire(self) -> None:
        network, learning = self.network, self.learning
        if not network.config.rewire:
            if network.config.signed:
                network.synapses = network.synapses._replace(theta=np.maximum(network.synapses.theta, 0.0))
            return
        branch = np.random.SeedSequence(self.seed, spawn_key=(REWIRE_BRANCH, self.adam.step))
        generator = np.random.Generator(np.random.PCG64(branch))
        if learning.temperature > 0:
            noise = generator.standard_normal(len(network.synapses.theta)) * learning.temperature * self.learning_rate()
            network.synapses = network.synapses._replace(theta=network.synapses.theta + noise)
        network.synapses, order, fresh = rewire(network.wiring, network.synapses, learning.theta_new, generator)
        for moments in (self.adam.first, self.adam.second):
            moments["theta"] = moments["theta"][order]
            moments["theta"][fresh] = 0.0

    def _advance_curriculum(self, row: dict[str, float]) -> None:
        """Widen the task while the running mean of the return stays above the bar.

        Before that comes a warm-up (level -1) on the task itself, until the return shows that it can be explored.
        """
        learning = self.learning
        self.running_return += 0.1 * (row["return"] - self.running_return)
        if self.level < 0 and self.running_return > learning.curriculum_warm_up:
            self.level = 0.0
        elif 0 <= self.level < 1 and self.running_return > learning.curriculum_bar:
            self.level = min(1.0, self.level + learning.curriculum_step)
            self.widest_at = self.iteration


def _sum(gradients: list[Gradient]) -> Gradient:
    """Added up in the order of the blocks."""
    total = gradients[0]
    for g in gradients[1:]:
        for a, b in zip(total, g, strict=True):
            a += b
    return total


def configured(config, **changes):
    """A configuration with some keys changed; an unknown key raises InputError."""
    known = {item.name for item in fields(config)}
    for key in changes:
        if key not in known:
            raise InputError(f"{type(config).__name__} has no key {key!r}; known: {', '.join(sorted(known))}")
    return replace(config, **changes)
