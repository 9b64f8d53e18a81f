"""The workers of a Dask scheduler as a crew. The client is given; Dask itself is not imported here.

Messages go beside Dask's task scheduling (blocks have a place already, and a task costs some 20 ms, since the client
sends its messages at most every 10 ms): straight to a worker if this process can reach it, else through the scheduler.
A worker that is asked something is asked now and then whether it is alive, too.
"""

import asyncio
import os
import pickle
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from lsnn.errors import ClusterError
from lsnn.workers.cluster import Failed, Lost, answered, forget

PING_S = 10.0  # from one sign of life to the next question for one
SILENT_S = 15.0  # without an answer to it; twice in a row, and the worker counts as lost
REACH_S = 5.0  # for an answer of a worker that can be reached without the scheduler
SCHEDULER_S = 60.0  # for an answer of the scheduler
NOTICE_S = 0.5  # in which a scheduler notices that a worker is gone


async def aside(function: Callable[..., Any], *arguments: Any) -> bytes:
    """On a worker: the call in a thread of its own, so that it stays in touch with the others; what it gives, pickled.

    Dask would look into every array of the answers in turn, and holds up the worker's next message by that.
    """
    return await asyncio.to_thread(answered, function, arguments)


class DaskCrew:
    """The workers that a `distributed.Client` knows."""

    def __init__(self, client: Any):
        self.client = client
        self.address = client.scheduler.address
        self.near: dict[str, bool] = {}  # address: whether it can be reached without the scheduler
        self.silent: set[str] = set()  # those that gave no sign of life, which the scheduler may still name

    def workers(self, renew: bool) -> dict[str, int]:
        """Those of the scheduler that are not silent, with their threads; it is waited for one for a while."""
        found = self._sync(self._found, renew)
        return {address: threads for address, threads in found.items() if address not in self.silent}

    async def _found(self, renew: bool) -> dict[str, int]:
        found = await asyncio.wait_for(self.client.nthreads(), SCHEDULER_S)
        self.silent &= set(found)
        if renew and self.silent:
            back = await asyncio.gather(*(self._is_alive(address, REACH_S) for address in self.silent))
            self.silent = {address for address, alive in zip(self.silent, back, strict=True) if not alive}
        return found

    def ask(self, function: Callable[..., Any], messages: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """See `lsnn.workers.cluster.Crew.ask`."""
        return self._sync(self._each, function, messages)

    async def _each(self, function: Callable[..., Any], messages: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        calls = (self._watched(home, function, message) for home, message in messages.items())
        answers = dict(zip(messages, await asyncio.gather(*calls), strict=True))
        if any(isinstance(answer, Lost) for answer in answers.values()):
            await asyncio.sleep(NOTICE_S)
        return answers

    async def _watched(self, home: str, function: Callable[..., Any], message: tuple[Any, ...]) -> Any:
        """The answer of one worker, `Lost` as soon as it is clear that none will come."""
        call = asyncio.ensure_future(self._call(home, function, message))
        misses = 0
        while not (await asyncio.wait({call}, timeout=PING_S))[0]:
            misses = 0 if await self._is_alive(home, SILENT_S) else misses + 1
            if misses == 2:
                call.cancel()
                self.silent.add(home)
                return Lost(f"no sign of life for {2 * (PING_S + SILENT_S):g} s")
        try:
            answer = call.result()
        except OSError as error:
            return Lost(str(error) or type(error).__name__)
        if home not in self.near:
            self.near[home] = await self._is_near(home, REACH_S)
        return answer

    async def _call(self, home: str, function: Callable[..., Any], message: tuple[Any, ...]) -> Any:
        if self.near.get(home):
            call = {"function": pickle.dumps(aside), "args": pickle.dumps((function, *message))}
            found = await self.client.rpc(home).run(**call)
            if found["status"] != "OK":
                return Failed(ClusterError(f"worker {home} could not read a message: {found.get('exception_text')}"))
            return pickle.loads(found["result"])
        through = await self.client.run(aside, function, *message, workers=[home], on_error="return")
        if isinstance(through[home], OSError):
            raise through[home]
        return Failed(through[home]) if isinstance(through[home], Exception) else pickle.loads(through[home])

    async def _is_alive(self, home: str, limit_s: float) -> bool:
        """Whether a worker gives a sign of life in time."""
        if self.near.get(home):
            return await self._is_near(home, limit_s)
        question = self.client.run(os.getpid, workers=[home], on_error="return")
        return await self._comes(question, limit_s, lambda answer: isinstance(answer.get(home), int))

    async def _is_near(self, home: str, limit_s: float) -> bool:
        """Whether a worker answers this process itself in time."""
        return await self._comes(self.client.rpc(home).identity(), limit_s, lambda answer: True)

    async def _comes(self, question: Coroutine[Any, Any, Any], limit_s: float, good: Callable[[Any], bool]) -> bool:
        try:
            return good(await asyncio.wait_for(question, limit_s))
        except OSError:  # of which TimeoutError is one
            return False

    def _sync(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
        """Run it in the client's event loop; ClusterError if the scheduler is lost, which alone knows the workers."""
        try:
            if self.client.status != "running":
                raise OSError("its connection is closed")
            return self.client.sync(function, *arguments)
        except OSError as error:
            reason = str(error) or f"no answer for {SCHEDULER_S:g} s"
            raise ClusterError(f"the scheduler at {self.address} was lost: {reason}") from error

    def let_go(self, run: str) -> None:
        """Workers that are still there let go of the run's blocks; nobody is waited for long."""

        async def each() -> None:
            known = [address for address in self.near if address not in self.silent]
            await asyncio.wait_for(self.client.run(forget, run, workers=known, on_error="ignore"), REACH_S)

        with suppress(OSError, ClusterError):
            self._sync(each)
