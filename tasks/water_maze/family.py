"""The water maze as a family: trials, baselines, what is hidden and what is recorded."""

from functools import lru_cache, partial

import numpy as np

from tasks.family import Baseline, Family, Knows, Latent, Measure, Played, Recording, Trace
from tasks.water_maze.baselines import BLIND_TO_CUES, CIRCLE_TRIED_ON, best_circle, swim
from tasks.water_maze.dynamics import OTHER_X, OTHER_Y, PLATFORM_X, PLATFORM_Y, RADIUS, REST, TRIAL, WAIT, X, Y
from tasks.water_maze.environment import ENVIRONMENT
from tasks.water_maze.presets import LEARNING, PRESETS
from tasks.water_maze.task import WaterMaze
from tasks.water_maze.trials import optimal_steps, trials_table

POOL, SPEED = "pool radius", "greatest speed"
AT_ONCE = 64  # episodes of a baseline in memory with their states

COLUMNS = {
    "latency_ms": ("ms", "escape latency, or time spent when the episode ended"),
    "path_length": (POOL, "distance swum"),
    "optimal_ms": ("ms", "escape latency of a straight swim"),
    "start_x": (POOL, "where the animal was released"),
    "start_y": (POOL, "where the animal was released"),
    "platform_x": (POOL, "centre of the platform in the last step of the trial"),
    "platform_y": (POOL, "centre of the platform in the last step of the trial"),
    "found": ("1", "whether the platform was found before the episode ended"),
}


def trials_of(task: WaterMaze, states: np.ndarray, trace: Trace | None = None) -> np.ndarray:
    """The table of trials, see `trials_table`; states (E, T + 1, n_state)."""
    return trials_table(task, states)


def positions(task: WaterMaze, states: np.ndarray, trace: Trace | None = None) -> np.ndarray:
    """Paths, (E, T + 1, 2)."""
    return states[..., [X, Y]]


def velocities(task: WaterMaze, states: np.ndarray, trace: Trace) -> np.ndarray:
    """Actions, (E, T, 2)."""
    return trace.action


def hidden(task: WaterMaze, states: np.ndarray) -> np.ndarray:
    """Centre and radius of each episode's first platform, (E, 3)."""
    return states[:, 0, [PLATFORM_X, PLATFORM_Y, RADIUS]]


def first_visits(task: WaterMaze, states: np.ndarray) -> np.ndarray:
    """The step before which the animal stands on the platform for the first time, (E,); -1 without a visit."""
    trials = trials_table(task, states)
    ends = np.full(len(states), -1)
    chosen = trials[(trials["trial"] == 0) & trials["found"]]
    ends[chosen["episode"]] = chosen["end_ms"]
    return ends


def steps_to_release(task: WaterMaze, states: np.ndarray) -> np.ndarray:
    """Steps within which no animal can be released, the last excepted, (n,); states (n, n_state)."""
    x, y = states[:, X], states[:, Y]
    distances = [
        np.hypot(x - states[:, a], y - states[:, b]) for a, b in ((PLATFORM_X, PLATFORM_Y), (OTHER_X, OTHER_Y))
    ]
    search = optimal_steps(task, np.minimum(*distances), states[:, RADIUS]) + task.shortest_pause(states[:, REST])
    return np.where(states[:, WAIT] > 0, states[:, WAIT], search).astype(int)


@lru_cache(maxsize=4)
def _circle(task: WaterMaze, keys: bytes) -> float:
    return best_circle(np.frombuffer(keys, np.uint64), task)


def play(name: str, task: WaterMaze, keys: np.ndarray, hold_ms: int = 1) -> Played:
    """The episodes of one baseline, which chooses a velocity every so many steps; those that circle do so at the
    radius that is best, chosen in every step, on the first of the episodes."""
    circles = name in ("circling", "memory", *BLIND_TO_CUES)
    notes = {"circle_radius": _circle(task, keys[:CIRCLE_TRIED_ON].tobytes())} if circles else {}
    circle = notes.get("circle_radius", 0.0)
    tables, kept = [], []
    for first in range(0, len(keys), AT_ONCE):
        states, action, reward = swim(name, keys[first : first + AT_ONCE], task, circle, hold_ms)
        trials = trials_table(task, states)
        trials["episode"] += first
        tables.append(trials)
        kept.append([a.astype(np.float32) for a in (positions(task, states), action, reward)])
    position, action, reward = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    return Played(np.concatenate(tables), {"position": position, "action": action, "reward": reward}, notes)


def several(task: WaterMaze) -> bool:
    """Whether a cue tells which of several platforms a trial has."""
    return task.cued


def a_stroke(task: WaterMaze) -> int:
    """How long an agent's velocity holds: as long as the noise of the spiking network's policy."""
    return LEARNING.hold_ms


BASELINES: tuple[tuple[str, str, Knows], ...] = (
    ("random_walk", "random walk", "nothing"),
    ("straight_lines", "straight lines", "nothing"),
    ("border", "along the wall", "the prior"),
    ("circling", "circling", "the prior"),
    ("last_place", "memory of the last place", "the prior"),
    ("all_places", "memory of all places, no cue", "the prior"),
    ("memory", "circling, then memory", "the prior"),
    ("oracle", "oracle", "the latent"),
)

FAMILY = Family(
    task=WaterMaze,
    trials=trials_of,
    measures=(
        Measure("visits", "platform visits", format=".1f", column="found", per="episode"),
        Measure("latency_ms", "escape latency", "ms", ".0f", better="low", censored="found"),
    ),
    title="The water maze with frozen weights",
    question="Each episode hides a platform of its own. No weight changes: whoever finds it once and swims straight "
    "back from then on keeps its place in the state.",
    columns=COLUMNS,
    history=(
        Measure("visits", "visits", format=".1f"),
        Measure("first_latency_ms", "first latency", "ms", ".0f", better="low"),
        Measure("later_latency_ms", "later", "ms", ".0f", better="low"),
    ),
    whole="whole_pool",
    presets=PRESETS,
    baselines={
        name: Baseline(
            label,
            knows,
            partial(play, name),
            applies=several if name in BLIND_TO_CUES else None,
            held=partial(play, name) if name in ("memory", "oracle") else None,
        )  # fmt: skip
        for name, label, knows in BASELINES
    },
    oracle="oracle",
    latent=Latent(("platform x", "platform y", "platform radius"), POOL, hidden, first_visits),
    recordings={
        "position": Recording(POOL, "row t: place before step t", positions, 1, ("x", "y")),
        "action": Recording(SPEED, "velocity chosen at step t, before its norm is clipped", velocities, 0, ("x", "y")),
    },
    trial_counter=TRIAL,
    steps_to_trial=steps_to_release,
    environment=ENVIRONMENT,
    decision_ms=a_stroke,
    episodes=512,
)
