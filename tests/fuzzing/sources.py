"""Result files of every family, small enough to be drawn in a second: of schema 2 by hand, of schema 3 from tests."""

from pathlib import Path

import numpy as np

from lsnn.files import store
from runs.testing.run import run_test
from tasks.experiment import open_network
from tests.analysis.make_result import BASELINES, SHA, make_result
from tests.analysis.test_family_pages import RECALL_DTYPE

EPISODES, PULLS, SAMPLES, RECALLS, ITERATIONS = 12, 20, 22, 40, 30
NETWORKS = ("frozen", "untrained")


def maze(path: Path) -> Path:
    few = {name: BASELINES[name] for name in ("frozen", "circling", "oracle")}
    return make_result(path, n_episodes=3, duration_ms=200, recorded=2, window_ms=100, baselines=few)


def bandit(path: Path) -> Path:
    rng, arrays = np.random.default_rng(1), {}
    probability = rng.random((EPISODES, 2))
    for player in (*NETWORKS, "random", "ucb1", "thompson", "gittins"):
        for arms in ("independent", "anti_correlated"):
            arrays[f"{player}/{arms}/probability"] = probability
            arrays[f"{player}/{arms}/choice"] = rng.integers(0, 2, (EPISODES, PULLS)).astype(np.int8)
            arrays[f"{player}/{arms}/paid"] = rng.integers(0, 2, (EPISODES, PULLS)).astype(np.int8)
            arrays[f"{player}/{arms}/episode_key"] = np.arange(EPISODES, dtype=np.uint64)
    return written(path, {"name": "bandit", "trials": PULLS, "trial_ms": 10}, arrays, ("paid", "late_paid"))


def regression(path: Path) -> Path:
    rng = np.random.default_rng(2)
    arrays = {"examples/y": rng.normal(size=(EPISODES, SAMPLES)), "examples/episode_key": np.arange(EPISODES)}
    for name in (*NETWORKS, "zero", "ridge", "gradient_descent_1", "least_squares"):
        arrays[f"{name}/prediction"] = rng.normal(size=(EPISODES, SAMPLES))
    task = {"name": "regression", "function": "sine", "samples": SAMPLES, "sample_ms": 10}
    return written(path, task, arrays, ("error_1", "error_20"))


def store_recall(path: Path) -> Path:
    rng, arrays = np.random.default_rng(3), {}
    for name in (*NETWORKS, "state_reset"):
        recalls = np.zeros(RECALLS, RECALL_DTYPE)
        recalls["episode"] = np.sort(rng.integers(0, EPISODES, RECALLS))
        recalls["delay_ms"], recalls["right"] = rng.integers(0, 800, RECALLS), rng.random(RECALLS) < 0.8
        arrays |= {f"{name}/recalls": recalls, f"{name}/episode_key": np.arange(EPISODES, dtype=np.uint64)}
    return written(path, {"name": "store-recall", "duration_ms": 1000, "slot_ms": 10}, arrays, ("error",))


def tested(path: Path, network: Path) -> Path:
    """What `lsnn test` leaves of a few episodes."""
    file, experiment = open_network(network)
    run_test(path, file, experiment, ("frozen", "untrained"), 5, "lsnn test", 8, 2, 1)
    return path


def written(path: Path, task: dict[str, str | int], arrays: dict[str, np.ndarray], columns: tuple[str, ...]) -> Path:
    rng = np.random.default_rng(4)
    with store.write_atomically(path) as file:
        file.attrs.update(store.provenance("result", {"task": task}, 0, "by hand"))
        file.attrs.update(network_sha256=SHA, schema_version=2)
        for name, data in arrays.items():
            file[name] = data
        for name in {*NETWORKS, "state_reset"} & set(file):
            inner = [file[name]] if task["name"] != "bandit" else file[name].values()
            for group in inner:
                group.attrs.update(policy="mean", weights_sha256_before=SHA, weights_sha256_after=SHA)
        file["history/iteration"] = np.arange(float(ITERATIONS))
        for column in ("minutes", *columns):
            file[f"history/{column}"] = np.sort(rng.random(ITERATIONS))
    return path
