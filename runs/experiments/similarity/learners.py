"""Learners of every kind by one door: opened, with random weights, and led through episodes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.config import AgentExperiment
from agents.files import agent_sha256, load_agent
from agents.networks import Agent, new_agent
from agents.playing import readouts_under, states_under
from lsnn import Simulation
from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.network_file import network_sha256
from lsnn.meta import new_network
from lsnn.network import Network
from runs.experiments.similarity.worlds import FAMILIES, World
from runs.testing.agents import require_same_task
from tasks.experiment import Experiment, open_network, require_different
from tasks.family import family_of

SPIKING, RATE_NEURONS = "spiking", "rate_neurons"
AT_ONCE = 256  # episodes of a spiking network in memory


class Learner(NamedTuple):
    """A learner, and where it comes from; kind: of an agent, SPIKING or RATE_NEURONS."""

    path: Path
    kind: str
    seed: int
    command: str
    experiment: Experiment | AgentExperiment
    body: Network | Agent
    trained: bool = True

    @property
    def task(self) -> Any:
        """The task of its meta-training."""
        return self.experiment.task

    @property
    def sha256(self) -> str:
        """Of all that it computes with."""
        return network_sha256(self.body) if isinstance(self.body, Network) else agent_sha256(self.body)

    @property
    def noisy(self) -> bool:
        """Whether its input has noise."""
        return isinstance(self.body, Network)


def opened(paths: Sequence[Path]) -> list[Learner]:
    """The learners of these files.

    Raises:
        InputError: fewer than two, one given twice, a file of neither kind, a task that is none of FAMILIES or not
            that of the first.
    """
    found = [open_learner(path) for path in paths]
    require_different(paths)
    if len(found) < 2:
        raise InputError(f"similarity must be given two learners or more, got {len(found)}")
    for each in found:
        if each.task.name not in FAMILIES:
            raise InputError(f"{each.path}: must be a learner of {', '.join(FAMILIES)}, got one of {each.task.name}")
        require_same_task(each.path, each.task, found[0].task, "must be a learner")
        if isinstance(each.experiment, AgentExperiment):
            _require_same_decisions(each)
    return found


def open_learner(path: Path) -> Learner:
    """The learner of a file, a network file or an agent file."""
    if store.kind_of(path) == "agent":
        agent = load_agent(path)
        return Learner(path, agent.experiment.agent.kind, agent.seed, agent.command, agent.experiment, agent.agent)
    file, experiment = open_network(path)
    kind = RATE_NEURONS if file.network.sends().all() else SPIKING
    return Learner(path, kind, file.seed, file.command, experiment, file.network)


def _require_same_decisions(each: Learner) -> None:
    assert isinstance(each.experiment, AgentExperiment)
    own, wanted = each.experiment.decision_ms, family_of(each.task).decision_ms_of(each.task)
    if own != wanted:
        raise InputError(f"{each.path}: agent.decision_ms must be {wanted}, as long as the task asks, got {own}")


def with_random_weights(learner: Learner) -> Learner:
    """One of its kind as it was before meta-training."""
    of = learner.experiment
    if isinstance(of, AgentExperiment):
        return learner._replace(body=new_agent(of, learner.seed), trained=False)
    return learner._replace(body=new_network(of.task, of.network, of.learning, learner.seed), trained=False)


# Led through episodes


def states_of(learner: Learner, world: World, noise: np.ndarray, threads: int) -> np.ndarray:
    """The state after each decision, (E, N, S), single precision.

    Of a spiking network the state variables of its neurons (v, and b where thresholds adapt) after the last step, and
    the spikes of each neuron during the decision; of an agent `Agent.states`.

    Args:
        noise: (E,) uint64, keys of the input's noise of a spiking network.
    """
    if not isinstance(learner.body, Network):
        return states_under(learner.body, world.inputs)
    parts = [
        _led(learner.body, world, world.starts[part], noise[part], threads, keep=True)[0]
        for part in _parts(len(noise))
    ]  # fmt: skip
    return np.concatenate(parts)


def answers_of(
    learner: Learner, world: World, inputs: np.ndarray, starts: np.ndarray, noise: np.ndarray, threads: int
) -> np.ndarray:
    """The answer at each decision, (E, N), under inputs and starts like those of a world."""
    if not isinstance(learner.body, Network):
        return readouts_under(learner.body, inputs)[..., 0].astype(float)
    parts = [
        _led(learner.body, world, starts[part], noise[part], threads, keep=False)[1] for part in _parts(len(noise))
    ]
    return np.concatenate(parts)


def _parts(count: int) -> list[slice]:
    return [slice(first, first + AT_ONCE) for first in range(0, count, AT_ONCE)]


def _led(
    network: Network, world: World, starts: np.ndarray, noise: np.ndarray, threads: int, keep: bool
) -> tuple[np.ndarray, np.ndarray]:
    """States (E, N, S), if they are to be kept, and answers (E, N) of a spiking network.

    Before each decision the task is put into the state that it has there, whatever the network did and the noise is.
    """
    n, ms = starts.shape[1], world.decision_ms
    simulation = Simulation(network, world.task, duration_ms=n * ms, keys=noise, threads=threads)
    variables = []
    for decision in range(n):
        simulation.task_state = starts[:, decision]
        simulation.run(ms)
        if keep:
            now = [simulation.state[name].values for name in simulation.state]
            variables.append(np.concatenate(now, axis=1).astype(np.float32))
    record = simulation.record
    answers = np.asarray(record.action)[:, ms - 1 :: ms, 0].astype(float)
    if not keep:
        return np.empty(0), answers
    spikes, shape = record.spikes, (len(noise), n, network.config.n_neurons)
    place = np.ravel_multi_index((spikes.episode, spikes.time_ms // ms, spikes.cell), shape)
    counts = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(np.float32)
    return np.concatenate([np.stack(variables, axis=1), counts], axis=2), answers
