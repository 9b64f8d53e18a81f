"""The outer loop of an agent: the same as a spiking network's (`lsnn.meta`), with the adjoint and Adam of libraries."""

from dataclasses import replace
from typing import Any

import agents.backend  # noqa: F401  # isort: skip
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from agents.config import AgentExperiment
from agents.losses import Batch, batch_of, loss_of
from agents.networks import Agent, filled, named
from agents.playing import Episodes, play
from lsnn import guards
from lsnn.errors import InputError
from lsnn.learning.outer_loop import OuterLoop
from lsnn.learning.state import LearnerState
from lsnn.seeds import TRAIN_BRANCH, episode_keys
from lsnn.tried import measured

NEVER_MS = 1e-6  # a refractory time that no rate comes near: agents have no rate


@eqx.filter_jit
def _gradient(agent: Agent, batch: Batch, experiment: AgentExperiment, target_weight: Array, first: bool) -> Any:
    """dL/d(weights), the gradient's norm, and the log-likelihood of the actions."""
    found, likelihood = eqx.filter_grad(loss_of, has_aux=True)(agent, batch, experiment, target_weight, first)
    return found, optax.global_norm(found), likelihood


@eqx.filter_jit
def _readouts(agent: Agent, inputs: Array) -> Array:
    return jax.vmap(agent.unroll)(inputs)


@eqx.filter_jit
def _stepped(agent: Agent, gradient: Agent, state: Any, optimiser: Any, rate: Array, least: Array) -> Any:
    """The agent after a step of the optimiser, whose policy std is no smaller than exp(least)."""
    change, state = optimiser.update(gradient, state, eqx.filter(agent, eqx.is_array))
    agent = eqx.apply_updates(agent, jax.tree.map(lambda each: -rate * each, change))
    return eqx.tree_at(lambda a: a.log_std, agent, jnp.maximum(agent.log_std, least)), state


@eqx.filter_jit
def _followed(average: Agent, agent: Agent, rate: Array) -> Agent:
    """The running average, moved towards the present weights."""
    return jax.tree.map(lambda kept, new: kept + rate * (new - kept) if eqx.is_array(kept) else kept, average, agent)


class AgentLearner(OuterLoop):
    """Meta-trains an agent on a task, an iteration at a time."""

    def __init__(self, experiment: AgentExperiment, agent: Agent, seed: int) -> None:
        super().__init__(experiment.task, experiment.learning, seed)
        self.experiment, self.agent, self.average = experiment, agent, agent
        decay = optax.add_decayed_weights(self.learning.weight_decay, _weights)
        self.optimiser = optax.chain(
            optax.clip_by_global_norm(self.learning.gradient_norm), optax.scale_by_adam(), decay
        )
        self.optimiser_state = self.optimiser.init(eqx.filter(agent, eqx.is_array))

    # State

    def state(self) -> LearnerState:
        """Everything `restore` needs beside the agent, to go on to the same bits."""
        adam = self.optimiser_state[1]
        return LearnerState(
            self.iteration, self.level, self.widest_at, self.running_return, int(adam.count), named(adam.mu),
            named(adam.nu), named(self.average), self.watch,
        )  # fmt: skip

    def restore(self, state: LearnerState) -> None:
        """Go on from a state."""
        self.go_on_from(*state[:4])
        self._set_adam(jnp.asarray(state.adam_step, jnp.int32), state.first, state.second)
        self.average, self.watch = filled(self.agent, state.average), state.watch

    def _set_adam(self, count: Array, first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
        clip, adam, decay = self.optimiser_state
        adam = adam._replace(count=count, mu=filled(adam.mu, first), nu=filled(adam.nu, second))
        self.optimiser_state = (clip, adam, decay)

    def averaged(self) -> Agent:
        """The agent with its weights averaged over the last iterations: what is frozen."""
        return self.average

    # An iteration

    def step(self) -> dict[str, float]:
        """One iteration; returns its row of the history."""
        experiment = replace(self.experiment, task=self.present_task())
        keys = episode_keys(self.seed, TRAIN_BRANCH, self.iteration, self.learning.episodes)
        run = play(experiment, self.agent, keys, sampled=True)
        row = self._measure(run)
        finite = bool(np.isfinite(run.readout).all())
        readout, old = run.readout, None
        for epoch in range(self.learning.epochs):
            if epoch > 0:
                readout = np.asarray(_readouts(self.agent, run.inputs))
            signs, fault, old = self._update(run, readout, old, row, finite)
            if fault:
                break
        self.watch = guards.followed(self.watch, signs, fault)
        row |= {"gradient_norm": signs.gradient_norm, **guards.counted(fault)}
        self.average = _followed(self.average, self.agent, jnp.asarray(self.average_rate(), jnp.float32))
        if np.isfinite(row["return"]):
            self._advance_curriculum(self.counted_return(row["return"], float(run.acted.mean())))
        self.iteration += 1
        return row

    def require_beginning(self) -> None:
        """A start that cannot be gone on from has ended already, by the guards."""

    def _measure(self, run: Episodes) -> dict[str, float]:
        row = {"iteration": float(self.iteration), "return": float(run.reward.sum(axis=1).mean())}
        row |= {"level": self.level, "learning_rate": self.learning_rate()}
        if len(self.agent.log_std):
            row["std"] = float(np.exp(np.asarray(self.agent.log_std, float)).mean())
        return row | measured(self.task, run.reward, run.acted)

    def _update(
        self, run: Episodes, readout: np.ndarray, old: Array | None, row: dict[str, float], finite: bool
    ) -> tuple[guards.Signs, str, Array]:
        """A step of the optimiser, or what the guards want instead; what was seen, the fault, the likelihoods."""
        with np.errstate(over="ignore", invalid="ignore"):  # seen by the guards
            batch = batch_of(self.experiment, run, readout, old)
        if not (run.acted.any() or run.target_weight.any()):
            raise InputError(f"{self.task.name}: in no episode was anything decided or taught before the last decision")
        weight = jnp.asarray(self.target_weight(), jnp.float32)
        gradient, norm, likelihood = _gradient(self.agent, batch, self.experiment, weight, old is None)
        signs = guards.Signs(float(norm), None, row.get("std", np.nan), row["return"], finite)
        limits = guards.Limits(self.learning.exploded_norm, NEVER_MS, self.learning.min_std)
        fault = guards.fault_of(signs, limits, self.watch)
        if not fault and not self._descend(gradient):
            fault = "not_finite"
        if fault:
            self._go_back()
        return signs, fault, likelihood if old is None else old

    def _descend(self, gradient: Agent) -> bool:
        """A step of the optimiser; whether what it leaves is finite, and else nothing is changed."""
        rate, least = (jnp.asarray(x, jnp.float32) for x in (self.learning_rate(), np.log(self.learning.min_std)))
        agent, state = _stepped(self.agent, gradient, self.optimiser_state, self.optimiser, rate, least)
        sound = all(np.isfinite(array).all() for array in named(agent).values())
        if sound:
            self.agent, self.optimiser_state = agent, state
        return sound

    def _go_back(self) -> None:
        """In place of a step: the averaged weights, at rest; what is learnt of the gradient's size is kept."""
        self.agent = self.average
        adam = self.optimiser_state[1]
        rest = {name: np.zeros_like(moment) for name, moment in named(adam.mu).items()}
        self._set_adam(adam.count, rest, named(adam.nu))


def _weights(agent: Agent) -> Any:
    """Which arrays decay: all but the log std of the policy."""
    every = jax.tree.map(lambda _: True, agent)
    return eqx.tree_at(lambda a: a.log_std, every, False)
