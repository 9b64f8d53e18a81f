"""What a user would pick instead: RecurrentPPO (an LSTM) of Stable-Baselines3 on `lsnn/WaterMaze-v0`.

    python -m benchmarks.recurrent_ppo --minutes 30 --seed 1 --out recurrent_ppo.json     (environment of `make bench`)

Its `MlpLstmPolicy` with the library's defaults, but for a rollout that is an episode of each of 64 mazes, learnt in
four minibatches: a third of the time of 16 mazes and minibatches of 64 or 1000. A velocity holds as long as an agent's
does (`decision_ms` of the family), in which rewards add up and a flag that was on stays on. It sees places and flags as
numbers. It is tested by its mean action: every few minutes of CPU time on 64 mazes of the validation, and after its
budget once on 512 of the test, where the oracle and memory decide as rarely.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import tasks  # noqa: F401  registers the environments
from lsnn.files.whole import write_whole
from lsnn.seeds import TEST_BRANCH, VALIDATION_BRANCH, episode_keys
from tasks.environment import make_vec
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import swim
from tasks.water_maze.family import a_stroke

MAZES, MINIBATCHES, VALIDATED, TESTED = 64, 4, 64, 512
SPOKEN_EVERY_S = 180.0  # CPU seconds between two validations


class Held(gymnasium.Wrapper):
    """An action holds for so many steps: rewards add up, and a flag that was on in one of them is on in the last."""

    def __init__(self, env: gymnasium.Env, steps: int) -> None:
        super().__init__(env)
        self.steps = steps

    def step(self, action):
        """The last observation and whatever ended the episode."""
        total, flags = 0.0, np.zeros(2, np.float32)
        for _ in range(self.steps):
            seen, reward, terminated, truncated, info = self.env.step(action)
            total, flags = total + float(reward), np.maximum(flags, seen[2:4])
            if terminated or truncated:
                break
        seen[2:4] = flags
        return seen, total, terminated, truncated, info


def visits(model: Any, keys: np.ndarray, hold: int) -> np.ndarray:
    """Platform visits of each episode (E,) by the mean action, the LSTM's state kept through it."""
    env = make_vec("water-maze", len(keys))
    seen, _ = env.reset(options={"key": keys})
    found, states, starts = np.zeros(len(keys)), None, np.ones(len(keys), bool)
    for _ in range(env.task.duration_ms // hold):
        action, states = model.predict(seen, states, starts, deterministic=True)
        starts, flags = np.zeros(len(keys), bool), np.zeros((len(keys), 2), np.float32)
        for _ in range(hold):
            seen, reward, _, _, _ = env.step(action)
            found, flags = found + (reward > 0.5), np.maximum(flags, seen[:, 2:4])
        seen[:, 2:4] = flags
    return found


def of_baselines(keys: np.ndarray, hold: int) -> dict[str, float]:
    """Mean visits of scripted animals that choose as rarely."""
    task = WaterMaze()
    return {name: float((swim(name, keys, task, hold_ms=hold).reward > 0.5).sum(1).mean()) for name in
            ("circling", "memory", "oracle")}  # fmt: skip


def learnt(minutes: float, seed: int, hold: int) -> tuple[Any, list[dict[str, float]]]:
    """The model after so many minutes of CPU time, and its validations on the way."""
    from sb3_contrib import RecurrentPPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env

    env = make_vec_env(lambda: Held(gymnasium.make("lsnn/WaterMaze-v0"), hold), MAZES, seed)
    keys = episode_keys(seed, VALIDATION_BRANCH, 0, VALIDATED)
    oracle, rows = of_baselines(keys, hold)["oracle"], list[dict[str, float]]()

    class Watch(BaseCallback):
        """Validates every few minutes of CPU time and ends with the budget."""

        def __init__(self) -> None:
            super().__init__()
            self.began, self.spoke, self.spent = time.process_time(), 0.0, 0.0

        def _on_step(self) -> bool:
            return time.process_time() - self.began - self.spent < 60 * minutes

        def _on_rollout_end(self) -> None:
            now = time.process_time() - self.began - self.spent
            if now - self.spoke < SPOKEN_EVERY_S:
                return
            before, self.spoke = time.process_time(), now
            mean = float(visits(self.model, keys, hold).mean())
            self.spent += time.process_time() - before  # a validation is not part of the budget
            rows.append({"core_minutes": now / 60, "episodes": self.num_timesteps * hold / 2000, "visits": mean})
            print(f"{now / 60:.1f} core-min, {rows[-1]['episodes']:.0f} episodes, {mean:.1f} visits, "
                  f"{mean / oracle:.2f} of the oracle", flush=True)  # fmt: skip

    steps = WaterMaze().duration_ms // hold
    model = RecurrentPPO(
        "MlpLstmPolicy", env, n_steps=steps, batch_size=MAZES * steps // MINIBATCHES, seed=seed, device="cpu"
    )
    watch = Watch()
    model.learn(10**12, watch)
    rows.append({"core_minutes": minutes, "episodes": watch.num_timesteps * hold / 2000})
    return model, rows


def main(arguments: list[str]) -> int:
    """Learn, test once, write and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.recurrent_ppo", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="of CPU time for learning")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="one, as a thread that waits counts as CPU time")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(options.threads)
    hold = a_stroke(WaterMaze())
    model, rows = learnt(options.minutes, options.seed, hold)
    keys = episode_keys(options.seed, TEST_BRANCH, 0, TESTED)
    found, baselines = visits(model, keys, hold), of_baselines(keys, hold)
    weights = sum(p.numel() for p in model.policy.parameters())
    result = {
        "visits": float(found.mean()), "standard_error": float(found.std(ddof=1) / np.sqrt(TESTED)),
        "of_oracle": float(found.mean() / baselines["oracle"]), "baselines": baselines, "hold_ms": hold,
        "parameters": weights, "seed": options.seed, "minutes": options.minutes, "validations": rows,
    }  # fmt: skip
    write_whole(options.out, f"{json.dumps(result, indent=1)}\n".encode())
    print(json.dumps({key: value for key, value in result.items() if key != "validations"}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
