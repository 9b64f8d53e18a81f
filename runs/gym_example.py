"""Meta-trains a network on one of Gymnasium's own environments and prints its learning curve.

    python -m runs.gym_example CartPole-v1 --iterations 120 --seed 1

The environment steps in Python, so a record of the same length takes longer than in a compiled task. The numbers below
are ours: a small network, dense and without Dale's law. Return is that of the first episode of each record, at most
`--steps` steps of the environment long, under the sampled policy.
"""

import argparse
import time
from collections.abc import Sequence
from typing import NamedTuple

from lsnn.learning.config import LearningConfig
from lsnn.meta import MetaLearner, new_network
from lsnn.network import NetworkConfig
from runs.command import ending_of_speech, reported, run_as_script
from runs.figures import check_numbers
from runs.progress import say
from tasks.gym_task import GymTask

MS_PER_STEP = 5
NETWORK = NetworkConfig(
    n_excitatory=60,
    n_inhibitory=20,
    n_adaptive=20,
    dale=False,
    rewire=False,
    connectivity=1.0,
    d_max_ms=1,
    tau_m_min_ms=20.0,
    tau_m_max_ms=20.0,
    tau_out_ms=6.0,
)


class Choice(NamedTuple):
    """What differs from environment to environment."""

    reward_scale: float  # values of order 1
    steps: int  # an episode's greatest length, in steps of the environment


CHOICES = {"CartPole-v1": Choice(0.02, 500), "Pendulum-v1": Choice(0.01, 200)}


def learner(env_id: str, steps: int | None, iterations: int, episodes: int, seed: int) -> MetaLearner:
    """A learner on an environment, discounting by 0.99 a step of the environment."""
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
    return MetaLearner(task, new_network(task, NETWORK, learning, seed), learning, seed)


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Meta-train a spiking network on a Gymnasium environment.")
    parser.add_argument("env_id", nargs="?", default="CartPole-v1", help="name of the environment")
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--episodes", type=int, default=32, help="records an iteration, a multiple of 8")
    parser.add_argument("--steps", type=int, help="steps of the environment in a record")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    return ending_of_speech(parser.prog, reported(parser.prog, lambda: _train(options)))


def _train(options: argparse.Namespace) -> None:
    check_numbers(options)
    trained = learner(options.env_id, options.steps, options.iterations, options.episodes, options.seed)
    start = time.monotonic()
    say("iteration  return  steps  rate (Hz)  time (s)")
    for iteration in range(options.iterations):
        row = trained.step()
        if iteration % 10 == 0 or iteration == options.iterations - 1:
            columns = f"{row['episode_return']:7.1f} {row['episode_steps']:6.0f} {trained.rate_hz.mean():10.1f}"
            say(f"{iteration:9d} {columns} {time.monotonic() - start:9.0f}")
    trained.require_beginning()


if __name__ == "__main__":
    run_as_script(main)
