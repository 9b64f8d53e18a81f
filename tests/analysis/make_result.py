"""A synthetic result file in the layout of docs/reference/files.md: scripted baselines, spikes at made-up rates.

It stands in for a tested network, so that analysis can be tested (and its figures looked at) without one:
`python tests/analysis/make_result.py OUT.h5 [EPISODES]`.
"""

import json
import sys
from pathlib import Path

import numpy as np

from lsnn.files import store
from lsnn.files.renamed import OLDER

SPEED, PLATFORM_RADIUS, POOL_RADIUS = 0.02, 0.3, 1.0
POPULATIONS = {"excitatory": 50, "inhibitory": 20, "adaptive": 30}
CHANNELS = (("place", 64), ("reward", 8), ("wall", 8))
N_NEURONS, N_INPUTS = sum(POPULATIONS.values()), sum(size for _, size in CHANNELS)
B0, RELATIVE_BETA, TAU_A_MS = 0.01, 170.0, 1200.0
SHA = "5f" * 32


class Baseline:
    """Scripted animals: `noise` on the heading, lag `tau_ms` of the velocity, when the platform is `known`."""

    def __init__(self, known: str, noise: float = 0.0, tau_ms: float = 1.0, style: str = "circling") -> None:
        self.known, self.noise, self.tau_ms, self.style = known, noise, tau_ms, style

    def action(self, rng, place, platform, seen, velocity):
        if self.style == "circling":
            radius = np.linalg.norm(place, axis=1, keepdims=True) + 1e-9
            outward = place / radius
            wanted = np.stack([-outward[:, 1], outward[:, 0]], axis=1) + 6 * (0.58 - radius) * outward
        else:
            wanted = velocity
        if self.known != "nothing":
            knows = seen if self.known == "after visit" else np.ones_like(seen)
            wanted = np.where(knows[:, None], platform - place, wanted)
        wanted = wanted / (np.linalg.norm(wanted, axis=1, keepdims=True) + 1e-9)
        wanted = wanted + self.noise * rng.normal(size=place.shape)
        return velocity + (wanted - velocity) / self.tau_ms


BASELINES = {
    "frozen": Baseline("after visit", noise=0.6, tau_ms=8),
    "frozen_sampled": Baseline("after visit", noise=1.2, tau_ms=8),
    "state_reset": Baseline("nothing", noise=0.6, tau_ms=8),
    "untrained": Baseline("nothing", noise=0.8, tau_ms=5, style="drifting"),
    "random_walk": Baseline("nothing", noise=3.0, tau_ms=3, style="drifting"),
    "straight_lines": Baseline("nothing", style="straight"),
    "circling": Baseline("nothing"),
    "memory": Baseline("after visit"),
    "oracle": Baseline("always"),
}


def uniform_in_pool(rng, platform, radius):
    """Points (n, 2) uniform in the pool outside the platform."""
    place = np.empty_like(platform)
    todo = np.arange(len(platform))
    while len(todo):
        drawn = rng.uniform(-1, 1, (len(todo), 2))
        place[todo] = drawn
        bad = (np.linalg.norm(drawn, axis=1) > 1) | (np.linalg.norm(drawn - platform[todo], axis=1) <= radius)
        todo = todo[bad]
    return place


def swim(baseline, platform, starts, duration_ms, rng):
    """Paths, actions, rewards and trial rows of all episodes."""
    n = len(platform)
    position, action = np.zeros((n, duration_ms + 1, 2)), np.zeros((n, duration_ms, 2))
    reward, trials = np.zeros((n, duration_ms)), []
    place, velocity = starts[:, 0].copy(), rng.normal(size=(n, 2))
    trial, begun, resting, seen = np.zeros(n, int), np.zeros(n, int), np.zeros(n, bool), np.zeros(n, bool)
    platform_error = 0.08 * rng.normal(size=platform.shape) if baseline.noise else 0.0
    for t in range(duration_ms):
        position[:, t] = place
        velocity = baseline.action(rng, place, platform + platform_error, seen, velocity)
        action[:, t] = velocity
        step = velocity / np.maximum(np.linalg.norm(velocity, axis=1, keepdims=True), 1) * SPEED
        moved = place + np.where(resting[:, None], 0, step)
        outside = np.linalg.norm(moved, axis=1) > POOL_RADIUS
        moved[outside] = place[outside] * 0.999
        reward[outside, t] = -0.02
        if baseline.style in ("straight", "drifting"):
            velocity[outside] = rng.normal(size=(outside.sum(), 2))
            velocity[outside] -= 2 * place[outside]
        set_down = resting.copy()
        found = ~resting & (np.linalg.norm(moved - platform, axis=1) <= PLATFORM_RADIUS)
        reward[found, t] = 1
        for e in np.flatnonzero(found):
            trials.append((e, trial[e], begun[e], t + 1 - begun[e], True))
        place = moved
        resting, seen = found, seen | found
        for e in np.flatnonzero(set_down):
            trial[e], begun[e] = trial[e] + 1, t + 1
            place[e] = starts[e, trial[e] % starts.shape[1]]
    position[:, -1] = place
    trials += [(e, trial[e], begun[e], duration_ms - begun[e], False) for e in range(n) if not resting[e]]
    return position, action, reward, sorted(trials)


def named(name, schema):
    """What a file of this schema calls it."""
    return OLDER.get(name, name) if schema == 2 else name


def table(trials, position, platform, schema):
    """Trials rows to the table of docs/reference/files.md."""
    episode, trial, start_ms, latency_ms, found = (np.array(column) for column in zip(*trials, strict=True))
    start = position[episode, start_ms]
    distance = np.linalg.norm(start - platform[episode], axis=1)
    steps = np.linalg.norm(np.diff(position, axis=1), axis=2)
    so_far = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    columns = {
        "episode": episode.astype(np.int32),
        "trial": trial.astype(np.int32),
        "start_ms": start_ms.astype(np.int32),
        "latency_ms": latency_ms.astype(np.int32),
        "path_length": so_far[episode, start_ms + latency_ms] - so_far[episode, start_ms],
        "optimal_ms": np.ceil((distance - PLATFORM_RADIUS) / SPEED).astype(np.int32),
        "start_x": start[:, 0],
        "start_y": start[:, 1],
        "platform_x": platform[episode, 0],
        "platform_y": platform[episode, 1],
        "found": found,
    }
    columns = {named(name, schema): column for name, column in columns.items()}
    rows = np.empty(len(trials), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        rows[name] = column
    return rows


def put(group, name, array, units="1"):
    return store.put(group, name, array, units, f"synthetic {name}")


def put_ragged(group, spikes):
    """Booleans (K, T, n) as ragged spikes of episodes 0..K-1."""
    episode, time_ms, neuron = np.nonzero(spikes)
    put(group, "time_ms", time_ms.astype(np.int32), "ms")
    put(group, "neuron", neuron.astype(np.int32))
    put(group, "episode_offsets", np.searchsorted(episode, np.arange(len(spikes) + 1)))
    put(group, "episode", np.arange(len(spikes)))


def activity(position, reward, platform, rng):
    """Made-up network spikes (K, T, N), input spikes (K, T, inputs) and b (K, T, N) along some paths."""
    path = position[:, :-1]
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8)), -1).reshape(-1, 2)
    near = np.exp(-np.square(path[:, :, None] - grid).sum(-1) / (2 * 0.2**2))
    before = np.concatenate([np.zeros((len(reward), 1)), reward[:, :-1]], axis=1)
    flags = [np.repeat(flag[:, :, None], 8, 2) for flag in (before > 0.5, before < 0)]
    inputs = rng.random((*path.shape[:2], N_INPUTS)) < 0.5 * np.concatenate([near, *flags], axis=2)
    centre = rng.uniform(-1, 1, (N_NEURONS, 2))
    tuned = np.exp(-np.square(path[:, :, None] - centre).sum(-1) / (2 * 0.4**2))
    recent = np.zeros_like(before)
    for t in range(1, before.shape[1]):
        recent[:, t] = 0.93 * recent[:, t - 1] + (before[:, t] > 0.5)
    adaptive = np.arange(N_NEURONS) >= N_NEURONS - POPULATIONS["adaptive"]
    write = adaptive * np.exp(-np.square(platform[:, None] - centre).sum(-1) / (2 * 0.5**2))
    spikes = rng.random((*path.shape[:2], N_NEURONS)) < 0.005 + 0.03 * tuned + 0.4 * recent[:, :, None] * write[:, None]
    b, rho = np.zeros(spikes.shape, np.float32), np.exp(-1 / TAU_A_MS)
    for t in range(1, spikes.shape[1]):
        b[:, t] = rho * b[:, t - 1] + (1 - rho) * spikes[:, t - 1]
    return spikes, inputs, b


def put_recording(group, position, reward, platform, windows, rng):
    spikes, inputs, b = activity(position, reward, platform, rng)
    put_ragged(group.create_group("spikes"), spikes)
    put_ragged(group.create_group("input_spikes"), inputs)
    traces = group.create_group("traces")
    put(traces, "b", np.stack([b[e, start:stop] for e, (start, stop) in enumerate(windows)]))
    put(traces, "v", B0 * rng.normal(0.3, 0.4, traces["b"].shape).astype(np.float32))
    put(traces, "episode", np.arange(len(windows)))
    put(traces, "start_ms", np.array([start for start, _ in windows]), "ms")


def put_history(file, schema, n_iterations=400):
    rng = np.random.default_rng(3)
    x = np.arange(n_iterations)
    rise = 1 / (1 + np.exp(-(x - 150) / 30))
    untested = np.where(x % 50 == 49, 0.0, np.nan)
    columns = {
        "iteration": x,
        "minutes": x * 0.02,
        "network_ms": x * 128e3,
        "visits": 6 + 34 * rise + rng.normal(0, 2, n_iterations),
        "first_latency_ms": 250 - 110 * rise + rng.normal(0, 12, n_iterations),
        "later_latency_ms": np.where(x < 3, np.inf, 240 - 190 * rise + rng.normal(0, 6, n_iterations)),
        "rate_hz": 12 + 8 * rise + rng.normal(0, 0.5, n_iterations),
        "start_radius": np.clip(0.1 + 0.9 * (x - 180) / 120, 0.1, 1),
        "whole_pool_visits": untested + 4 + 32 * rise,
        "whole_pool_first_latency_ms": untested + 270 - 110 * rise,
        "whole_pool_later_latency_ms": untested + 250 - 195 * rise,
    }
    for name, column in columns.items():
        put(file.require_group("history"), named(name, schema), column, "ms" if name.endswith("_ms") else "1")


def put_network(file):
    group = file.create_group("network")
    code = np.repeat(np.arange(3, dtype=np.int8), list(POPULATIONS.values()))
    put(group, "population", code).attrs["labels"] = json.dumps(list(POPULATIONS))
    put(group, "b0", np.full(N_NEURONS, B0))
    put(group, "beta", np.where(code == 2, RELATIVE_BETA * B0, 0.0))
    group.attrs["input_channels"] = json.dumps(CHANNELS)


def put_condition(group, baseline, platform, starts, duration_ms, rng, schema):
    """Paths and trials of a condition; returns what a recording needs."""
    position, action, reward, trials = swim(baseline, platform, starts, duration_ms, rng)
    if schema == 2:
        put(group, named("platform", schema), platform, "pool radius")
    else:
        group.attrs["duration_ms"] = duration_ms
        put(group, "latent", np.column_stack([platform, np.full(len(platform), PLATFORM_RADIUS)]), "pool radius")
        put(group, "recorded_episode", np.arange(len(platform)))
    put(group, "episode_key", np.arange(len(platform), dtype=np.uint64))
    put(group, "position", position.astype(np.float32), "pool radius")
    put(group, "action", action.astype(np.float32))
    put(group, "reward", reward.astype(np.float32))
    rows = table(trials, position, platform, schema)
    store.put_table(group, "trials", rows, dict.fromkeys(rows.dtype.names, "1"), dict.fromkeys(rows.dtype.names, "a"))
    return position, reward, trials


def make_result(path, n_episodes=24, duration_ms=600, seed=7, recorded=3, window_ms=500, baselines=BASELINES, schema=2):
    """Write the file and return its path; the first `recorded` frozen episodes have spikes and traces."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n_episodes)
    platform = 0.85 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    starts = np.stack([uniform_in_pool(rng, platform, PLATFORM_RADIUS) for _ in range(80)], axis=1)
    config = {"task": {"name": "water-maze", "platform_radius": PLATFORM_RADIUS, "rest_ms": 1}}
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", config, seed, f"lsnn maze --seed {seed}"), network_sha256=SHA)
        file.attrs["schema_version"] = schema
        put_network(file)
        put_history(file, schema)
        for name, baseline in baselines.items():
            group = file.create_group(name)
            position, reward, trials = put_condition(group, baseline, platform, starts, duration_ms, rng, schema)
            if name in ("frozen", "frozen_sampled", "state_reset", "untrained"):
                put(group, "value", np.zeros_like(reward, np.float32))
                group.attrs["policy"] = "sampled" if name == "frozen_sampled" else "mean"
                group.attrs.update(weights_sha256_before=SHA, weights_sha256_after=SHA)
            if name == "frozen" and recorded:
                first = [next((t[2] + t[3] for t in trials if t[0] == e and t[4]), 150) for e in range(recorded)]
                windows = [(s, s + window_ms) for s in (min(max(f - 150, 0), duration_ms - window_ms) for f in first)]
                part = slice(0, recorded)
                put_recording(group, position[part], reward[part], platform[part], windows, rng)
    return Path(path)


if __name__ == "__main__":
    made = make_result(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 128, duration_ms=2000)
    print(made, f"{made.stat().st_size / 1e6:.1f} MB")
