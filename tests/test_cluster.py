"""Blocks on a Dask cluster: the bits of two threads, whoever works, in whatever order, and whoever is lost."""

import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from lsnn import cluster as cluster_module
from lsnn.blocks import Threads
from lsnn.cluster import Cluster, fingerprint
from lsnn.errors import ClusterError
from lsnn.meta import MetaLearner, new_network
from runs.cluster import crew as local_crew
from tests.runs.tiny import DALE, tiny

distributed = pytest.importorskip("distributed")
ITERATIONS = 3
EXPERIMENT = tiny((*DALE, "learning.episodes=40", "learning.epochs=2", "learning.spread=readout"))


@pytest.fixture(scope="module")
def local():
    """Four workers, each a process."""
    with distributed.LocalCluster(
        n_workers=4, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as cluster:
        yield cluster


@pytest.fixture
def crew(local):
    with distributed.Client(local) as client:
        yield Cluster(client, os.urandom(4).hex())


@pytest.fixture(scope="module")
def alone():
    """What one thread makes."""
    return trained(Threads(1))


def trained(hands, between=lambda learner: None):
    """Rows of the history and all that was learnt, after some iterations."""
    experiment = EXPERIMENT
    network = new_network(experiment.task, experiment.network, experiment.learning, 0)
    learner = MetaLearner(experiment.task, network, experiment.learning, 0, hands)
    whole = learner._gradient

    def gradient(shards):
        between(learner)
        return whole(shards)

    learner._gradient = gradient
    rows = [learner.step() for _ in range(ITERATIONS)]
    learnt = {**learner._averaged_arrays(), "log_std": network.log_std, "source": network.synapses.source}
    return rows, {name: array.copy() for name, array in learnt.items()} | learner.adam.second | learner.average


def assert_same(found, expected):
    for row, other in zip(found[0], expected[0], strict=True):
        assert row == other
    for name, array in expected[1].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_two_threads(alone):
    assert_same(trained(Threads(2)), alone)


def test_four_workers(crew, alone):
    assert_same(trained(crew), alone)
    assert len(set(crew.homes.values())) == 4 and crew.lost == 0


def test_workers_that_only_the_scheduler_reaches(crew, alone):
    crew.begin()
    assert all(crew.near.values()) and crew.client.sync(crew._reach, ["tcp://127.0.0.1:1"]) == [False]
    crew.near = dict.fromkeys(crew.near, False)
    assert_same(trained(crew), alone)
    assert not any(crew.near.values())


def test_local_workers_keep_their_memory():
    with local_crew(EXPERIMENT.task, 1, workers=1) as hands:
        kept = hands.client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
    expected = os.environ.get("MALLOC_TRIM_THRESHOLD_", str(2**28))  # what the user sets goes first
    assert list(kept.values()) == [expected]


def pid_of(client, address):
    return client.run(os.getpid, workers=[address])[address]


def test_a_worker_killed_in_mid_iteration(crew, alone):
    """After it has rolled out and before its gradient; and one that is killed while it works."""
    killed = []

    def kill(learner):
        if learner.iteration == 1 and not killed:
            killed.append(crew.homes[0])
            os.kill(pid_of(crew.client, killed[0]), signal.SIGKILL)

    assert_same(trained(crew, kill), alone)
    assert killed and killed[0] not in crew.homes.values() and crew.lost >= 1


def echo(block, delay, end_at):
    """Takes its time; the first on its worker kills it, once."""
    time.sleep(delay)
    if end_at and not os.path.exists(end_at):
        open(end_at, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    block.append(delay)
    return len(block), delay


def test_answers_come_in_the_order_of_the_blocks_whenever_they_arrive(crew):
    delays = [0.3, 0.0, 0.2, 0.1, 0.05]
    blocks = crew.blocks(list, 5)
    crew.begin()
    assert crew.map(partial(echo, end_at=""), blocks, delays) == [(1, delay) for delay in delays]
    assert crew.map(partial(echo, end_at=""), blocks[1:3], [0.1, 0.2]) == [(2, 0.1), (2, 0.2)]


def test_calls_that_a_lost_block_had_seen_are_repeated_in_order(crew, tmp_path):
    blocks = crew.blocks(list, 6)
    crew.begin()
    crew.map(partial(echo, end_at=""), blocks, [0.0] * 6)
    found = crew.map(partial(echo, end_at=str(tmp_path / "killed")), blocks, [0.1] * 6)
    assert found == [(2, 0.1)] * 6 and crew.lost >= 1
    assert (tmp_path / "killed").exists()


def fail(block):
    raise ZeroDivisionError("an error in the task")


def test_an_error_on_a_worker_is_raised_here(crew):
    blocks = crew.blocks(list, 2)
    crew.begin()
    with pytest.raises(ZeroDivisionError, match="an error in the task"):
        crew.map(fail, blocks)


def test_workers_with_other_packages_are_refused(crew, monkeypatch):
    crew.blocks(list, 2)
    monkeypatch.setattr("lsnn.cluster.version", lambda package: "0.1")
    with pytest.raises(ClusterError, match=r"must have the sources, the packages \(numba, numpy, .*\) and the kind of"):
        crew.begin()


class Scheduler:
    """A client of workers that are there in name: `answers` is what each says to a call, by address."""

    status, address = "running", "tcp://there"

    def __init__(self, **answers):
        self.answers, self.scheduler = answers, self

    def nthreads(self):
        return dict.fromkeys(self.answers, 1)

    def wait_for_workers(self, count, timeout):
        pass

    def run(self, function, *arguments, workers, on_error):
        return {address: self.answers[address] for address in workers}

    def sync(self, function, addresses):
        return [True] * len(addresses)


def test_a_fingerprint_is_of_the_task_that_was_loaded(tmp_path, monkeypatch):
    """A file that is edited during a run is not what the process computes with."""
    (tmp_path / "task_of_ones_own.py").write_text("SPEED = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = fingerprint(("task_of_ones_own",))
    (tmp_path / "task_of_ones_own.py").write_text("SPEED = 2\n")
    assert fingerprint(("task_of_ones_own",)) == before != fingerprint(())


def test_a_worker_lost_while_it_joins_is_left_out_and_one_without_the_package_is_refused():
    own = fingerprint(())
    crew = Cluster(Scheduler(a=own, b=OSError("timed out")), "r")
    crew.blocks(list, 4)
    crew.begin()
    assert set(crew.homes.values()) == {"a"}
    crew.client.answers["c"] = ModuleNotFoundError("No module named 'lsnn'")
    with pytest.raises(ClusterError, match="worker c cannot run this package: ModuleNotFoundError: No module"):
        crew.begin()


def test_a_worker_that_joins_in_mid_iteration_has_its_share_from_the_next_on():
    own = fingerprint(())
    crew = Cluster(Scheduler(a=own), "r")
    crew.blocks(list, 4)
    crew.begin()
    crew.client.answers["b"] = own
    crew._look()  # as after a loss, in mid-iteration
    assert list(crew.homes.values()) == ["a"] * 4
    crew.begin()
    assert list(crew.homes.values()) == ["a", "a", "b", "b"]


def held_by(run):
    """On a worker: shards of a run that it holds."""
    return sorted(cluster_module._held.get(run, {}))


def test_workers_let_go_of_blocks_that_have_moved_and_of_runs_that_have_ended(crew):
    blocks = crew.blocks(list, 8)
    crew.begin()
    for shards in (8, 4):  # the first four workers have all; then half of the blocks live elsewhere
        crew.homes = {shard: sorted(crew.workers)[0 if shard < shards else 1] for shard in range(8)}
        crew.applied = dict.fromkeys(range(8), 0)
        crew.map(partial(echo, end_at=""), blocks, [0.0] * 8)
    held = crew.client.run(held_by, crew.run)
    assert [held[address] for address in sorted(crew.workers)[:2]] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    crew.forget()
    assert not any(crew.client.run(held_by, crew.run).values())


def test_a_lost_scheduler_ends_the_run():
    with (
        distributed.LocalCluster(n_workers=1, dashboard_address=None, memory_limit=0) as cluster,
        distributed.Client(cluster) as client,
    ):
        crew = Cluster(client, "alone")
        blocks = crew.blocks(list, 2)
        crew.begin()
        cluster.close()
        with pytest.raises(ClusterError, match="the scheduler at tcp://.* was lost"):
            crew.map(partial(echo, end_at=""), blocks, [0.0, 0.0])


def test_one_worker_and_then_none(local, crew, alone, monkeypatch):
    local.scale(1)
    while len(crew.client.nthreads()) != 1:
        time.sleep(0.05)
    assert_same(trained(crew), alone)
    local.scale(0)
    while crew.client.nthreads():
        time.sleep(0.05)
    monkeypatch.setattr("lsnn.cluster.WAIT_S", 0.2)
    with pytest.raises(ClusterError, match="no worker at tcp://.* for 0.2 s"):
        crew.begin()
