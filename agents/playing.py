"""Episodes of an agent: it sees, decides, and the task goes on, many episodes side by side."""

from collections.abc import Callable
from typing import Any, NamedTuple

import agents.backend  # noqa: F401  # isort: skip
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from agents.config import AgentExperiment
from agents.decisions import as_inputs, compiled, seen
from agents.networks import Agent, inputs_of
from lsnn.forms import form_of_task
from lsnn.learning.config import outputs_of
from lsnn.tried import calling
from tasks.family import Family, Played, Trace, family_of

AT_ONCE = 64  # episodes of a test in memory with their states


class Episodes(NamedTuple):
    """What E episodes of N decisions and T steps leave behind.

    Args:
        inputs: (E, N, n_inputs), readout: (E, N, n_out), action: (E, N, n_action), of each decision.
        target: (E, N, n_target), target_weight: (E, N): weighted mean over its steps, and sum.
        reward, acted, terminated: (E, T), of each step.
        states: (E, T + 1, n_state) before each step and after the last; (E, 0, n_state) where they are not kept.
    """

    inputs: NDArray[np.float32]
    readout: NDArray[np.float32]
    action: NDArray[np.float64]
    target: NDArray[np.float64]
    target_weight: NDArray[np.float64]
    reward: NDArray[np.float64]
    acted: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    states: NDArray[np.float64]


@eqx.filter_jit
def _step(agent: Agent, state: Any, inputs: Any) -> Any:
    """A decision of E episodes: inputs (E, n_inputs) to the state after it and readouts (E, n_out)."""
    return jax.vmap(agent.step)(state, inputs)


def empty(experiment: AgentExperiment, episodes: int, keep_states: bool) -> Episodes:
    """Room for so many episodes."""
    task, n = experiment.task, experiment.decisions
    steps = task.duration_ms
    width = sum(outputs_of(task, experiment.learning).values())
    return Episodes(
        np.zeros((episodes, n, inputs_of(task)), np.float32), np.zeros((episodes, n, width), np.float32),
        np.zeros((episodes, n, task.n_action)), np.zeros((episodes, n, task.n_target)), np.zeros((episodes, n)),
        np.zeros((episodes, steps)), np.zeros((episodes, steps), bool), np.zeros((episodes, steps), bool),
        np.zeros((episodes, steps + 1 if keep_states else 0, task.n_state)),
    )  # fmt: skip


def play(
    experiment: AgentExperiment, agent: Agent, keys: NDArray[np.uint64], sampled: bool, keep_states: bool = False
) -> Episodes:
    """The episodes of these keys (E,).

    Args:
        sampled: whether actions are drawn from the policy; else its mean, or its most likely choice.
    """
    choose = compiled(experiment.task.dynamics, experiment.task.action_kind).choose
    state = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(keys), *leaf.shape)), agent.start())
    policy = policy_of(experiment, agent, sampled)

    def act(run: Episodes, n: int) -> None:
        nonlocal state
        state, run.readout[:, n] = _step(agent, state, run.inputs[:, n])
        choose(keys, n, np.ascontiguousarray(run.readout[:, n].T)[None], *policy, run.action[:, n])

    return _gone_through(experiment, keys, act, keep_states)


def replayed(experiment: AgentExperiment, keys: NDArray[np.uint64], actions: NDArray[np.float64]) -> Episodes:
    """The episodes of these keys (E,) under given actions (E, N, n_action), with their states; readouts are 0."""

    def act(run: Episodes, n: int) -> None:
        run.action[:, n] = actions[:, n]

    return _gone_through(experiment, keys, act, keep_states=True)


def _gone_through(
    experiment: AgentExperiment, keys: NDArray[np.uint64], act: Callable[[Episodes, int], None], keep_states: bool
) -> Episodes:
    """The episodes of these keys (E,); act: fills readout and action of decision n, whose inputs are there."""
    task, k = experiment.task, experiment.decision_ms
    form, run = form_of_task(task), empty(experiment, len(keys), keep_states)
    functions, parameters = compiled(task.dynamics, task.action_kind), task.parameters()
    states, observed = np.zeros((len(keys), task.n_state)), np.zeros((len(keys), task.n_observation))
    wanted = np.zeros(task.n_target)
    with calling(form):
        functions.begin(keys, parameters, states, observed)
        for n in range(experiment.decisions):
            steps = slice(n * k, min((n + 1) * k, task.duration_ms))
            run.inputs[:, n] = _inputs(experiment, run, n, observed)
            act(run, n)
            functions.decide(
                keys, n * k, run.action[:, n], parameters, states, observed, run.states[:, steps], run.reward[:, steps],
                run.acted[:, steps], run.terminated[:, steps], wanted, run.target_weight[:, n], run.target[:, n],
            )  # fmt: skip
    if keep_states:
        run.states[:, -1] = states
    return run


def states_under(agent: Agent, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """`Agent.states` of E episodes: inputs (E, N, n_inputs) to (E, N, S)."""
    return np.asarray(_states(agent, inputs))


def readouts_under(agent: Agent, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Readouts of E episodes: inputs (E, N, n_inputs) to (E, N, n_out)."""
    return np.asarray(_readouts(agent, inputs))


@eqx.filter_jit
def _states(agent: Agent, inputs: Any) -> Any:
    return jax.vmap(agent.states)(inputs)


@eqx.filter_jit
def _readouts(agent: Agent, inputs: Any) -> Any:
    return jax.vmap(agent.unroll)(inputs)


def policy_of(experiment: AgentExperiment, agent: Agent, sampled: bool) -> tuple[NDArray[np.float64], int, float]:
    """Log std, numbers of it that are read out, and greatest norm of the mean, as `lsnn.kernels.policy` has them."""
    task, learning = experiment.task, experiment.learning
    log_std = np.asarray(agent.log_std, float) if task.action_kind == "gaussian" else np.zeros(1)
    n_spread = outputs_of(task, learning).get("spread", 0)
    if not sampled:
        return np.full_like(log_std, -np.inf), n_spread, np.inf
    return log_std, n_spread, learning.mean_norm or np.inf


def _inputs(experiment: AgentExperiment, run: Episodes, n: int, observed: NDArray[np.float64]) -> NDArray[np.float32]:
    """What is given at decision n: the observation and, of the decision before, the action, if it mattered, and what
    it earned."""
    task, k = experiment.task, experiment.decision_ms
    own = seen(task, observed)
    if task.loss != "reward":
        return own
    if n == 0:
        return np.concatenate([own, np.zeros((len(own), task.n_action + 1), np.float32)], axis=1)
    before = slice((n - 1) * k, n * k)
    mattered = np.any(run.acted[:, before], axis=1, keepdims=True)
    action = as_inputs(task, run.action[:, n - 1]) * mattered
    earned = run.reward[:, before].sum(axis=1, keepdims=True)
    return np.concatenate([own, action, earned], axis=1, dtype=np.float32)


def trace_of(experiment: AgentExperiment, run: Episodes) -> Trace:
    """The trace by steps: each action stands in all steps of its decision."""
    action = np.repeat(run.action, experiment.decision_ms, axis=1)[:, : run.reward.shape[1]]
    return Trace(action, run.reward, run.acted)


def played_by(experiment: AgentExperiment, agent: Agent, keys: NDArray[np.uint64]) -> Played:
    """Trials and recordings of these episodes, by the mean of the policy."""
    family, tables, kept = family_of(experiment.task), [], []
    for first in range(0, len(keys), AT_ONCE):
        run = play(experiment, agent, keys[first : first + AT_ONCE], sampled=False, keep_states=True)
        trace = trace_of(experiment, run)
        table = family.table(experiment.task, run.states, trace)
        table["episode"] += first
        tables.append(table)
        kept.append(_recordings(family, experiment, run, trace))
    recordings = {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}
    return Played(np.concatenate(tables), recordings)


def _recordings(family: Family, experiment: AgentExperiment, run: Episodes, trace: Trace) -> dict[str, np.ndarray]:
    """What a test may record of a step."""
    found = {"action": trace.action, "reward": trace.reward}
    found |= {name: of.of(experiment.task, run.states, trace) for name, of in family.recordings.items()}
    return {name: array.astype(np.float32) for name, array in found.items()}
