"""Blocks on a Dask cluster: the bits of two threads, whoever works, in whatever order, and whoever is lost."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lsnn.blocks import Threads
from lsnn.errors import ClusterError
from lsnn.learning.descent import arrays_of
from lsnn.meta import MetaLearner, new_network
from lsnn.workers import cluster as cluster_module
from lsnn.workers.cluster import Cluster, Failed, Lost, fingerprint
from lsnn.workers.dask_crew import DaskCrew
from lsnn.workers.process_crew import ProcessCrew
from runs.training.crew import crew as crew_of
from tests.runs.tiny import DALE, tiny

distributed = pytest.importorskip("distributed")
CLONE = Path(__file__).parents[2]
ITERATIONS = 3
EXPERIMENT = tiny((*DALE, "learning.episodes=40", "learning.epochs=2", "learning.policy_std=readout"))


@pytest.fixture(scope="module")
def local():
    """Four workers, each a process."""
    with distributed.LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster:
        yield cluster


@pytest.fixture
def crew(local):
    with distributed.Client(local) as client:
        yield Cluster(DaskCrew(client), os.urandom(4).hex())


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
    learnt = {**arrays_of(learner.network), "log_std": network.log_std, "source": network.synapses.source}
    return rows, {name: array.copy() for name, array in learnt.items()} | learner.adam.second | learner.average


def assert_same(found, expected):
    for row, other in zip(found[0], expected[0], strict=True):
        assert row == other
    for name, array in expected[1].items():
        np.testing.assert_array_equal(found[1][name], array, err_msg=name)


def test_two_threads(alone):
    assert_same(trained(Threads(2)), alone)


@pytest.mark.long
def test_four_workers(crew, alone):
    assert_same(trained(crew), alone)
    assert len(set(crew.homes.values())) == 4 and crew.lost == 0


def test_workers_that_only_the_scheduler_reaches(crew, alone):
    crew.begin()
    hands = crew.crew
    assert all(hands.near.values()) and not hands.client.sync(hands._is_near, "tcp://127.0.0.1:1", 5)
    hands.near = dict.fromkeys(hands.near, False)
    assert_same(trained(crew), alone)
    assert not any(hands.near.values())


def pid_of(crew, address):
    return crew.crew.ask(os.getpid, {address: ()})[address]


def test_a_worker_killed_in_mid_iteration(crew, alone):
    """After it has rolled out and before its gradient; and one that is killed while it works."""
    killed = []

    def kill(learner):
        if learner.iteration == 1 and not killed:
            killed.append(crew.homes[0])
            os.kill(pid_of(crew, killed[0]), signal.SIGKILL)

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
    monkeypatch.setattr("lsnn.workers.cluster.version", lambda package: "0.1")
    with pytest.raises(ClusterError, match=r"must have the sources, the packages \(numba, numpy, .*\) and the kind of"):
        crew.begin()


class Fake:
    """A crew that is there in name: `answers` is what each says to a call, by address."""

    address = "there"

    def __init__(self, **answers):
        self.answers, self.renewed = answers, 0

    def workers(self, renew):
        self.renewed += renew
        return dict.fromkeys(self.answers, 1)

    def ask(self, function, messages):
        return {address: self.answers[address] for address in messages}


def test_a_fingerprint_is_of_the_task_that_was_loaded(tmp_path, monkeypatch):
    """A file that is edited during a run is not what the process computes with."""
    (tmp_path / "task_of_ones_own.py").write_text("SPEED = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = fingerprint(("task_of_ones_own",))
    (tmp_path / "task_of_ones_own.py").write_text("SPEED = 2\n")
    assert fingerprint(("task_of_ones_own",)) == before != fingerprint(())


def test_a_worker_lost_while_it_joins_is_left_out_and_one_without_the_package_is_refused():
    own = fingerprint(())
    crew = Cluster(Fake(a=own, b=Lost("timed out")), "r")
    crew.blocks(list, 4)
    crew.begin()
    assert set(crew.homes.values()) == {"a"}
    crew.crew.answers["c"] = Failed(ModuleNotFoundError("No module named 'lsnn'"))
    with pytest.raises(ClusterError, match="worker c cannot run this package: ModuleNotFoundError: No module"):
        crew.begin()


def test_a_worker_that_joins_in_mid_iteration_has_its_share_from_the_next_on():
    own = fingerprint(())
    crew = Cluster(Fake(a=own), "r")
    crew.blocks(list, 4)
    crew.begin()
    crew.crew.answers["b"] = own
    crew._look(renew=False)  # as after a loss, in mid-iteration
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
    held = crew.crew.client.run(held_by, crew.run)
    assert [held[address] for address in sorted(crew.workers)[:2]] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    crew.forget()
    assert not any(crew.crew.client.run(held_by, crew.run).values())


def test_a_lost_scheduler_ends_the_run():
    with (
        distributed.LocalCluster(n_workers=1, dashboard_address=None, memory_limit=0) as cluster,
        distributed.Client(cluster) as client,
    ):
        crew = Cluster(DaskCrew(client), "alone")
        blocks = crew.blocks(list, 2)
        crew.begin()
        cluster.close()
        with pytest.raises(ClusterError, match="the scheduler at tcp://.* was lost"):
            crew.map(partial(echo, end_at=""), blocks, [0.0, 0.0])


def stop_one(crew, stopped):
    """In the middle of the second iteration."""

    def between(learner):
        if learner.iteration == 1 and not stopped:
            stopped.append(pid_of(crew, crew.homes[0]))
            os.kill(stopped[0], signal.SIGSTOP)

    return between


def test_a_worker_of_a_scheduler_that_is_stopped_is_left_out_and_comes_back(crew, alone, monkeypatch):
    for name in ("PING_S", "SILENT_S"):
        monkeypatch.setattr(f"lsnn.workers.dask_crew.{name}", 0.5)
    told, stopped = [], []
    crew.tell = told.append
    try:
        assert_same(trained(crew, stop_one(crew, stopped)), alone)
        assert len(crew.workers) == 3 and len(crew.crew.silent) == 1
        (silent,) = crew.crew.silent
        assert told == [f"worker {silent} was lost: no sign of life for 2 s; its blocks are run elsewhere"]
        crew.forget()  # which waits for nobody
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    deadline = time.monotonic() + 60
    while len(crew.workers) != 4 and time.monotonic() < deadline:
        crew.begin()
    assert len(crew.workers) == 4
    assert_same(trained(crew), alone)


def test_one_worker_and_then_none(local, crew, alone, monkeypatch):
    local.scale(1)
    while len(crew.crew.client.nthreads()) != 1:
        time.sleep(0.05)
    assert_same(trained(crew), alone)
    local.scale(0)
    while crew.crew.client.nthreads():
        time.sleep(0.05)
    monkeypatch.setattr("lsnn.workers.cluster.WAIT_S", 0.2)
    with pytest.raises(ClusterError, match="no worker at tcp://.* for 0.2 s"):
        crew.begin()


# Local processes


@pytest.fixture
def processes(monkeypatch):
    """Two local worker processes, which are soon taken for lost."""
    monkeypatch.setattr("lsnn.workers.process_crew.SILENT_S", 3.0)
    monkeypatch.setattr("lsnn.workers.process_crew.END_S", 1.0)
    told = []
    crew = Cluster(ProcessCrew(2, 1), "r", tell=told.append)
    crew.told = told
    yield crew
    started = list(crew.crew.started.values())
    crew.forget()
    assert not any(worker.process.is_alive() for worker in started)


def test_local_processes(processes, alone):
    assert_same(trained(processes), alone)
    assert sorted(processes.workers.values()) == [1, 1] and processes.lost == 0 and processes.told == []


def test_a_local_process_that_is_stopped_is_replaced(processes, alone):
    stopped = []
    assert_same(trained(processes, stop_one(processes, stopped)), alone)
    reason = f"no sign of life of process {stopped[0]} for 3 s, so it was killed"
    assert processes.told == [f"worker 0001 was lost: {reason}; its blocks are run elsewhere"]
    assert set(processes.workers) == {"0002", "0003"} and processes.lost >= 1


def test_a_stopped_process_that_is_asked_for_more_than_a_pipe_holds(processes):
    """Nobody waits for it to take the message."""
    blocks = processes.blocks(list, 2)
    processes.begin()
    os.kill(pid_of(processes, "0001"), signal.SIGSTOP)
    start = time.monotonic()
    assert processes.map(partial(length, padding=bytes(10**7)), blocks) == [10**7] * 2
    assert time.monotonic() - start < 60 and len(processes.told) == 1


def length(block, padding):
    return len(padding)


def test_a_local_process_that_is_killed_is_replaced(processes, alone):
    killed = []

    def kill(learner):
        if learner.iteration == 1 and not killed:
            killed.append(pid_of(processes, processes.homes[0]))
            os.kill(killed[0], signal.SIGKILL)

    assert_same(trained(processes, kill), alone)
    lost = f"worker 0001 was lost: process {killed[0]} ended with code -9; its blocks are run elsewhere"
    assert processes.told == [lost]


def test_when_all_local_processes_are_lost_others_are_started_at_once(processes, tmp_path):
    blocks = processes.blocks(list, 2)
    processes.begin()
    ends = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert processes.map(die_once, blocks, ends) == ends
    assert set(processes.workers) == {"0003", "0004"} and len(processes.told) == 2


def die_once(block, end_at):
    if not os.path.exists(end_at):
        open(end_at, "w").close()
        os._exit(7)
    return end_at


def test_workers_that_are_lost_over_and_over_end_the_run(processes, monkeypatch):
    monkeypatch.setattr("lsnn.workers.cluster.MOST_LOSSES", 3)
    blocks = processes.blocks(list, 2)
    processes.begin()
    with pytest.raises(ClusterError, match="4 workers were lost in one iteration, the last, .*code 7; have they the"):
        processes.map(die, blocks)


def die(block):
    os._exit(7)


class Unspeakable(Exception):
    """An error that cannot be sent."""

    def __reduce__(self):
        raise TypeError("not to be pickled")


def fail_unspeakably(block):
    raise Unspeakable("why")


def test_errors_on_a_local_process_are_raised_here(processes):
    blocks = processes.blocks(list, 2)
    processes.begin()
    with pytest.raises(ZeroDivisionError, match="an error in the task"):
        processes.map(fail, blocks)
    processes.begin()
    with pytest.raises(RuntimeError, match=r"Unspeakable\('why'\)"):
        processes.map(fail_unspeakably, blocks)


def test_local_workers_listen_on_no_port():
    """So that nobody else on the machine can run programs in them, or in this process."""
    psutil = pytest.importorskip("psutil")

    def listening():
        here = psutil.Process()
        return {
            (process.pid, connection.laddr)
            for process in (here, *here.children(recursive=True))
            for connection in process.net_connections(kind="all")
            if connection.status == psutil.CONN_LISTEN or connection.laddr
        }

    before = listening()
    with crew_of(EXPERIMENT.task, 1, workers=2) as hands:
        assert len(hands.workers) == 2
        blocks = hands.blocks(list, 2)
        hands.begin()
        assert hands.map(partial(length, padding=b"123"), blocks) == [3, 3]
        assert listening() == before


def test_processes_end_with_the_one_that_started_them(tmp_path):
    """Even if that is killed while they work."""
    program = (
        "import os, time; from lsnn.workers.process_crew import ProcessCrew; crew = ProcessCrew(2, 1); "
        "crew.workers(True); "
        "print(*crew.ask(os.getpid, {'0001': (), '0002': ()}).values(), flush=True); "
        "crew.ask(time.sleep, {'0001': (600,)})"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=CLONE, stdout=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(pids) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in pids)
