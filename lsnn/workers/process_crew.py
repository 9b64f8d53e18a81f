"""Local worker processes as a crew. They hang on pipes that nobody else can open: no port is listened on.

A worker says every second that it is alive, whatever else it does. One that does not for some time (stopped, swapping)
is killed, and its pipe says at once if it has ended. Those that were lost are started again with the next iteration.
"""

import multiprocessing
import os
import pickle
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from lsnn.workers.cluster import Failed, Lost, answered

BEAT_S = 1.0
SILENT_S = 30.0  # without a sign of life, and a worker counts as lost
START_S = 300.0  # before the first one, in which it loads its modules
END_S = 5.0  # in which a worker that is told to end does
_ALIVE = b""
_SPAWN = multiprocessing.get_context("spawn")
_TERMINAL = {signal.SIGINT, signal.SIGHUP}  # it is the process that learns that heeds them


def _asked(message: bytes) -> Any:
    function, arguments = pickle.loads(message)
    return function(*arguments)


def _serve(pipe: Connection) -> None:
    """A worker: answers one message after the other until the other end of its pipe is closed."""
    for number in _TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERMINAL)
    lock = threading.Lock()

    def beat() -> None:
        with suppress(OSError):
            while True:
                with lock:
                    pipe.send_bytes(_ALIVE)
                time.sleep(BEAT_S)
        os._exit(0)  # nobody listens any more, whatever is being computed

    threading.Thread(target=beat, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            answer = answered(_asked, (pipe.recv_bytes(),))
            with lock:
                pipe.send_bytes(answer)


class _Worker:
    """A process and this end of its pipe, on which a thread listens."""

    def __init__(self) -> None:
        self.pipe, other = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(other,), daemon=True)
        with _signals_of_the_terminal_put_off():  # in the new process until it ignores them
            self.process.start()
        other.close()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.signs = 0  # of life, so far
        self.gone = ""  # why it cannot be asked any more
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                message = self.pipe.recv_bytes()
                self.signs += 1
                if message != _ALIVE:
                    self.answers.put(_unpickled(message))
        wait([self.process.sentinel])
        while (code := self.process.exitcode) is None:  # another thread that starts a process may be asking as well
            time.sleep(0.01)
        self.gone = self.gone or f"process {self.process.pid} ended with code {code}"
        self.answers.put(Lost(self.gone))

    def send(self, message: bytes) -> None:
        """Without waiting for a worker that takes nothing."""

        def send() -> None:
            with suppress(OSError):  # it is gone, which the listener says
                self.pipe.send_bytes(message)

        threading.Thread(target=send, daemon=True).start()

    def answer(self) -> Any:
        """To the last message; it is waited for as long as the worker gives signs of life."""
        silent_s, signs, step_s = 0.0, self.signs, min(1.0, SILENT_S / 4)
        while True:
            try:
                return self.answers.get(timeout=step_s)
            except queue.Empty:  # time counts only while this process runs: it may have been stopped with its workers
                silent_s = silent_s + step_s if self.signs == signs else 0.0
                signs = self.signs
            if silent_s >= (SILENT_S if signs else START_S):
                self.gone = f"no sign of life of process {self.process.pid} for {silent_s:g} s, so it was killed"
                self.process.kill()

    def hang_up(self) -> None:
        """It hears that nobody listens, and so does the thread that listens to it."""
        with suppress(OSError), socket.socket(fileno=os.dup(self.pipe.fileno())) as pipe:
            pipe.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Wait a little for its end, which its listener hears, then kill it."""
        self.listener.join(END_S)
        self.process.kill()
        self.listener.join(10 * END_S)  # what is killed ends, if late on a busy machine


def _unpickled(message: bytes) -> Any:
    try:
        return pickle.loads(message)
    except Exception as error:
        return Failed(error)


class ProcessCrew:
    """So many processes with so many threads each."""

    address = "this machine"

    def __init__(self, count: int, threads: int):
        self.count, self.threads = count, threads
        self.started: dict[str, _Worker] = {}
        self.number = 0  # of the last one that was started

    def workers(self, renew: bool) -> dict[str, int]:
        """Those that live, with their threads; renew: the lost ones replaced."""
        self.started = {name: worker for name, worker in self.started.items() if not worker.gone}
        while renew and len(self.started) < self.count:
            self.number += 1
            self.started[f"{self.number:04d}"] = _Worker()
        return dict.fromkeys(self.started, self.threads)

    def ask(self, function: Callable[..., Any], messages: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """See `lsnn.workers.cluster.Crew.ask`."""
        for name, message in messages.items():
            self.started[name].send(pickle.dumps((function, message)))
        return {name: self.started[name].answer() for name in messages}

    def let_go(self, run: str) -> None:
        """All of them end."""
        for worker in self.started.values():
            worker.hang_up()
        for worker in self.started.values():
            worker.end()
        self.started = {}


@contextmanager
def _signals_of_the_terminal_put_off() -> Iterator[None]:
    """They reach this thread after the block, and processes started in it when they ask for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
