"""Meta-trains a network on one of Gymnasium's own environments and prints its learning curve.

The environment steps in Python, so a record of the same length takes longer than in a compiled task. The numbers below
are ours: a small network, dense and without Dale's law. Return is that of the first episode of each record, at most
`--steps` steps of the environment long, under the sampled policy.
"""

import time
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from runs.experiments.options import Seed, check_numbers
from runs.output.command import ending_of_speech

if TYPE_CHECKING:
    from lsnn.meta import MetaLearner

MS_PER_STEP = 5
NETWORK: dict[str, Any] = {
    "n_excitatory": 60,
    "n_inhibitory": 20,
    "n_adaptive": 20,
    "dale": False,
    "rewire": False,
    "connectivity": 1.0,
    "d_max_ms": 1,
    "tau_m_min_ms": 20.0,
    "tau_m_max_ms": 20.0,
    "tau_out_ms": 6.0,
}


class Choice(NamedTuple):
    """What differs from environment to environment."""

    reward_scale: float  # values of order 1
    steps: int  # an episode's greatest length, in steps of the environment


CHOICES = {"CartPole-v1": Choice(0.02, 500), "Pendulum-v1": Choice(0.01, 200)}


def learner(env_id: str, steps: int | None, iterations: int, episodes: int, seed: int) -> "MetaLearner":
    """A learner on an environment, discounting by 0.99 a step of the environment."""
    from lsnn.learning.config import LearningConfig
    from lsnn.meta import MetaLearner, new_network
    from lsnn.network import NetworkConfig
    from tasks.gym_task import GymTask

    choice = CHOICES.get(env_id, Choice(1.0, 500))
    duration_ms = (steps or choice.steps) * MS_PER_STEP + 1
    task = GymTask(env_id, ms_per_step=MS_PER_STEP, reward_scale=choice.reward_scale, duration_ms=duration_ms)
    learning = LearningConfig(
        episodes=episodes,
        discount=0.99 ** (1 / MS_PER_STEP),
        anneal_iterations=iterations,
        final_learning_rate=3e-4,
        curriculum=False,
        hold_ms=MS_PER_STEP,
    )
    return MetaLearner(task, new_network(task, NetworkConfig(**NETWORK), learning, seed), learning, seed)


def experiment(
    env_id: Annotated[str, typer.Argument(help="Name of the environment.")] = "CartPole-v1",
    iterations: Annotated[int, typer.Option(help="Of meta-training.")] = 120,
    episodes: Annotated[int, typer.Option(help="Records an iteration, a multiple of 8.")] = 32,
    steps: Annotated[int | None, typer.Option(help="Steps of the environment in a record.")] = None,
    seed: Seed = 0,
) -> None:
    """Meta-train a spiking network on a Gymnasium environment."""
    from lsnn.progress import say

    check_numbers(episodes=episodes, iterations=iterations, steps=steps, seed=seed)
    trained = learner(env_id, steps, iterations, episodes, seed)
    start = time.monotonic()
    say("iteration  return  steps  rate (Hz)  time (s)")
    for iteration in range(iterations):
        row = trained.step()
        if iteration % 10 == 0 or iteration == iterations - 1:
            columns = f"{row['episode_return']:7.1f} {row['episode_steps']:6.0f} {trained.rate_hz.mean():10.1f}"
            say(f"{iteration:9d} {columns} {time.monotonic() - start:9.0f}")
    trained.require_beginning()
    raise typer.Exit(ending_of_speech("lsnn"))
