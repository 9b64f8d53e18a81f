"""Blocks that live on workers: local processes (`process_crew`) or those of a Dask cluster (`dask_crew`).

The calls are those of `blocks.Threads`, and so are the bits. What is asked of a block (roll out, prepare, gradient) is
sent to the worker that holds it, one message a worker and call; roll-outs never travel. Since every call is a pure
function of the block and its arguments, a block whose worker is lost, or gives no sign of life, is made again elsewhere
by repeating the calls of this iteration.
"""

import hashlib
import importlib.util
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar

import llvmlite.binding

from lsnn.errors import ClusterError, frames_of

Result = TypeVar("Result")

POLL_S = 0.5  # before another look at which workers are there
FORGET_S = 24 * 3600.0  # after which a worker drops the blocks of a run that went silent
WAIT_S = 300.0  # for the first worker, or for another when the last one was lost
MOST_LOSSES = 20  # of workers in one iteration
PACKAGES = ("numba", "numpy", "brian2", "sympy", "gymnasium")  # that bits depend on, as far as they are there
MISSING = "missing"  # a worker's answer when it does not hold a block in the state it should


class Job(NamedTuple):
    """What a worker is to do with one block: some calls of this iteration, from number `applied` on."""

    shard: int
    epoch: int
    applied: int
    calls: list[tuple[int, tuple[Any, ...]]]  # place of the function in the message, arguments


class Failed(NamedTuple):
    """The error that a call raised on a worker, apart from those of the way to it."""

    error: Exception
    frames: tuple[tuple[str, int | None], ...] = ()  # where it was raised, which an error does not carry along

    def raise_here(self) -> NoReturn:
        """Raise the error, which knows the places of the other process."""
        self.error.frames_there = self.frames  # type: ignore[attr-defined]
        raise self.error


class Held(NamedTuple):
    """A block on a worker, after so many calls of an iteration."""

    block: Any
    epoch: int
    applied: int


_held: dict[str, dict[int, Held]] = {}  # of this worker, by run and shard
_used_at: dict[str, float] = {}
_lock = threading.Lock()


def work(
    run: str, make: bytes, calls: list[bytes], jobs: list[Job], applied: int, threads: int, homed: set[int]
) -> list[Any]:
    """On a worker: bring each block up to `applied` calls; its last answer, or MISSING.

    Args:
        homed: shards whose blocks live here; those of others, which have moved away, are let go.
    """
    functions = [pickle.loads(call) for call in calls]
    blocks = _blocks_of(run)
    for shard in [shard for shard in blocks if shard not in homed]:
        del blocks[shard]

    def do(job: Job) -> Any:
        held = blocks.pop(job.shard, None)  # not to be used after an error on the way
        if job.applied > 0 and (held is None or (held.epoch, held.applied) != (job.epoch, job.applied)):
            return MISSING
        block = pickle.loads(make)() if held is None else held.block
        answer = None
        for place, arguments in job.calls:
            answer = functions[place](block, *arguments)
        blocks[job.shard] = Held(block, job.epoch, applied)
        return answer

    if threads == 1:
        return [do(job) for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, jobs))


def _blocks_of(run: str) -> dict[int, Held]:
    """Those of a run; blocks of runs that were not heard of for long are dropped."""
    with _lock:
        now = time.monotonic()
        _used_at[run] = now
        for other in [name for name, then in _used_at.items() if now - then > FORGET_S]:
            del _used_at[other], _held[other]
        return _held.setdefault(run, {})


def forget(run: str) -> None:
    """On a worker: let go of the blocks of a run that has ended."""
    with _lock:
        _held.pop(run, None)
        _used_at.pop(run, None)


# When this process began: files may change afterwards.
_LOADED = b"\n".join(file.read_bytes() for file in sorted(Path(__file__).parents[1].rglob("*.py")))


@cache
def _text_of(module: str) -> bytes:
    """Its source when this process first asked."""
    spec = importlib.util.find_spec(module)
    return b"" if spec is None or spec.origin is None else Path(spec.origin).read_bytes()


def fingerprint(modules: tuple[str, ...], sent: object = None) -> str:
    """Hash of all that bits depend on: sources of this package and of the named modules, packages, the processor.

    sent: what brings those of these modules along that are not installed where this runs, as it is unpickled there.
    """
    digest = hashlib.sha256(_LOADED)
    for name in modules:
        digest.update(_text_of(name))
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            digest.update(f"{package} {version(package)}".encode())
    digest.update(llvmlite.binding.get_host_cpu_name().encode())
    digest.update(llvmlite.binding.get_host_cpu_features().flatten().encode())
    return digest.hexdigest()[:16]


def answered(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """On a worker: what the call gives, pickled, or `Failed`."""
    try:
        return pickle.dumps(function(*arguments))
    except Exception as error:
        try:
            return pickle.dumps(Failed(error, tuple(frames_of(error))))
        except Exception:  # an error that cannot be sent
            return pickle.dumps(Failed(RuntimeError(repr(error))))


class Lost(NamedTuple):
    """In place of an answer: the worker is gone, or gives no sign of life; and why."""

    reason: str


class Crew(Protocol):
    """Workers, wherever they are, and a way to them that ends, whatever happens to them."""

    address: str  # as messages name it

    def workers(self, renew: bool) -> dict[str, int]:
        """Those that can be asked, by address, and how many threads each has.

        renew: also such as were lost and are back. Raises ClusterError if nobody can say.
        """

    def ask(self, function: Callable[..., Any], messages: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """What `function(*message)` gives on each worker; `Failed` where it raises an error, `Lost` if none comes."""

    def let_go(self, run: str) -> None:
        """The run has ended; workers that stay need not hold its blocks."""


class Cluster:
    """Runs functions over blocks on a crew of workers; results come in the order of the blocks.

    Args:
        run: a name that no other run on these workers has; modules: those of the task and its encoder.
        task: sent to every worker before anything is asked of it.
        tell: what to do with a line about a worker that was lost.
    """

    def __init__(
        self, crew: Crew, run: str, modules: tuple[str, ...] = (), tell: Callable[[str], None] = lambda text: None,
        task: object = None,
    ):  # fmt: skip
        self.crew, self.run, self.modules, self.tell, self.task = crew, run, modules, tell, task
        self.workers: dict[str, int] = {}  # address: threads
        self.spread_over: dict[str, int] = {}  # those that the blocks were last shared out to
        self.homes: dict[int, str] = {}
        self.applied: dict[int, int] = {}
        self.calls: list[bytes] = []
        self.arguments: list[dict[int, tuple[Any, ...]]] = []
        self.make, self.count, self.epoch, self.lost = b"", 0, 0, 0
        self.losses = 0  # of workers, in this iteration

    def blocks(self, make: Callable[[], Any], count: int) -> list[int]:
        """Handles of so many blocks, each to be made by `make()` where it is needed."""
        self.make, self.count = pickle.dumps(make), count
        return list(range(count))

    def begin(self) -> None:
        """An iteration begins: what blocks held no longer matters, and new workers get their share."""
        self.calls, self.arguments, self.epoch, self.losses = [], [], self.epoch + 1, 0
        self.applied = dict.fromkeys(range(self.count), 0)
        self._look(renew=True)
        if self.workers != self.spread_over or len(self.homes) != self.count:
            slots, self.spread_over = self._slots(), dict(self.workers)
            self.homes = {shard: slots[shard * len(slots) // self.count] for shard in range(self.count)}

    def map(self, function: Callable[..., Result], blocks: Sequence[int], *arguments: Sequence[Any]) -> list[Result]:
        """[function(block, *a) for block, *a in zip(blocks, *arguments)], wherever the blocks are."""
        self.calls.append(pickle.dumps(function))
        given = dict(zip(blocks, zip(*arguments, strict=True) if arguments else [()] * len(blocks), strict=True))
        self.arguments.append(given)
        answers: dict[int, Any] = {}
        while todo := [shard for shard in blocks if shard not in answers]:
            self._rehome(todo)
            answers |= self._ask(todo)
        return [answers[shard] for shard in blocks]

    def _look(self, renew: bool) -> None:
        """See which workers there are; wait for one if there is none."""
        end, found = time.monotonic() + WAIT_S, dict[str, int]()
        while not found:
            if time.monotonic() > end:
                raise ClusterError(f"no worker at {self.crew.address} for {WAIT_S:g} s")
            found = self.crew.workers(renew)
            for address in self._check([address for address in found if address not in self.workers]):
                del found[address]
            if not found:
                time.sleep(POLL_S)
                renew = True
        self.workers = found

    def _check(self, addresses: list[str]) -> list[str]:
        """Every worker runs the same code on the same kind of processor, else its bits would differ; those lost since.

        Raises:
            ClusterError: one that does not, or that cannot run this package.
        """
        if not addresses:
            return []
        own, lost = fingerprint(self.modules), []
        answers = self.crew.ask(fingerprint, dict.fromkeys(addresses, (self.modules, self.task)))
        for address, theirs in answers.items():
            if isinstance(theirs, Lost):
                lost.append(address)
            elif isinstance(theirs, Failed):
                what = f"{type(theirs.error).__name__}: {theirs.error}"
                try:
                    theirs.raise_here()
                except Exception as error:
                    raise ClusterError(f"worker {address} cannot run this package: {what}") from error
            elif theirs != own:
                raise ClusterError(
                    f"worker {address} must have the sources, the packages ({', '.join(PACKAGES)}) and the kind of "
                    f"processor of this machine (fingerprint {own}), has {theirs}; the same bits could not come out"
                )
        return lost

    def _slots(self) -> list[str]:
        """Addresses, each as often as it has threads."""
        return [address for address in sorted(self.workers) for _ in range(self.workers[address])]

    def _rehome(self, shards: Iterable[int]) -> None:
        """Give blocks whose worker is lost to others."""
        homeless = [shard for shard in shards if self.homes[shard] not in self.workers]
        if not homeless:
            return
        self.lost += len(homeless)
        slots = self._slots()
        for number, shard in enumerate(homeless):
            self.homes[shard], self.applied[shard] = slots[number % len(slots)], 0

    def _ask(self, shards: list[int]) -> dict[int, Any]:
        """One round: the answers of those blocks whose worker gave one."""
        by_home: dict[str, list[int]] = {}
        for shard in shards:
            by_home.setdefault(self.homes[shard], []).append(shard)
        messages = {}
        for home, own in by_home.items():
            first = min(self.applied[shard] for shard in own)
            jobs = [self._job(shard, first) for shard in own]
            homed = {shard for shard, where in self.homes.items() if where == home}
            calls, done = self.calls[first:], len(self.calls)
            messages[home] = (self.run, self.make, calls, jobs, done, self.workers[home], homed)
        found = self.crew.ask(work, messages)
        if gone := {home: answer.reason for home, answer in found.items() if isinstance(answer, Lost)}:
            self._without(gone)
        answers: dict[int, Any] = {}
        for home, answer in found.items():
            if home not in gone:
                answers |= self._answers_of(answer, by_home[home])
        return answers

    def _without(self, gone: Mapping[str, str]) -> None:
        """Go on without these workers; ClusterError if it was not the first time, over and over."""
        for home, reason in gone.items():
            self.losses += 1
            self.tell(f"worker {home} was lost: {reason}; its blocks are run elsewhere")
            if self.losses > MOST_LOSSES:
                raise ClusterError(
                    f"{self.losses} workers were lost in one iteration, the last, {home}: {reason}; have they the "
                    "memory that the forecast names?"
                )
        self.workers = {home: threads for home, threads in self.workers.items() if home not in gone}
        self._look(renew=not self.workers)

    def _job(self, shard: int, first: int) -> Job:
        """Calls that the block has not seen; those sent along begin with number `first`."""
        applied = self.applied[shard]
        todo = range(applied, len(self.calls))
        calls = [(k - first, self.arguments[k][shard]) for k in todo if shard in self.arguments[k]]
        return Job(shard, self.epoch, applied, calls)

    def _answers_of(self, found: list[Any] | Failed, shards: list[int]) -> dict[int, Any]:
        """What a worker answered; nothing where it has lost its blocks."""
        if isinstance(found, Failed):
            found.raise_here()
        answers = {}
        for shard, answer in zip(shards, found, strict=True):
            if isinstance(answer, str) and answer == MISSING:
                self.applied[shard] = 0
                self.lost += 1
            else:
                answers[shard] = answer
                self.applied[shard] = len(self.calls)
        return answers

    def forget(self) -> None:
        """The run has ended."""
        self.crew.let_go(self.run)
