"""Where blocks are rolled out: threads of this process, local worker processes, or a Dask cluster."""

import logging
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lsnn.blocks import Threads
from lsnn.cluster import Cluster
from lsnn.errors import InputError
from lsnn.task import Task
from runs.progress import say

CONNECT_S = 20
QUICK_WORKERS = {
    "distributed.worker.profile.enabled": False,  # it looks every 10 ms
    # Not Dask's 64 kB: every array of an iteration would be given back to the system, and be paged in again.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**28,
}


def check_options(scheduler: str | None, workers: int | None, threads: int | None = None) -> None:
    """InputError for options that do not go together, or without Dask."""
    if scheduler is not None and workers is not None:
        raise InputError(f"--scheduler and --workers exclude each other, got {scheduler} and {workers}")
    if scheduler is not None and threads is not None:
        raise InputError(f"--threads has no meaning with --scheduler, whose workers have theirs, got {threads}")
    if workers is not None and workers < 1:
        raise InputError(f"--workers must be >= 1, got {workers}")
    if scheduler is None and workers is None:
        return
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        option = "--scheduler" if scheduler is not None else "--workers"
        raise InputError(f"{option} needs Dask: pip install 'distributed', got: {error}") from error


@contextmanager
def crew(
    task: Task, threads: int, scheduler: str | None = None, workers: int | None = None
) -> Iterator[Threads | Cluster]:
    """Whoever works on blocks: `threads` here, so many local workers with `threads` each, or those of a scheduler."""
    check_options(scheduler, workers)
    if scheduler is None and workers is None:
        yield Threads(threads)
        return
    import dask
    from distributed import Client, LocalCluster

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(QUICK_WORKERS))
        if workers is not None:
            with ignoring_ctrl_c():  # which the workers inherit: it is this process that ends the run
                local = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads,
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs=logging.ERROR,
                )
            client = stack.enter_context(Client(stack.enter_context(local)))
        else:
            try:
                client = stack.enter_context(Client(scheduler, timeout=CONNECT_S))
            except (OSError, ValueError, TimeoutError) as error:
                rule = "--scheduler must be the address of a Dask scheduler"
                raise InputError(f"{rule}, got {scheduler}: {error}") from error
        cluster = Cluster(client, secrets.token_hex(8), (task.dynamics, task.encoder.module))
        cluster.begin()
        say(f"{len(cluster.workers)} workers with {sum(cluster.workers.values())} threads in all")
        try:
            yield cluster
        finally:
            cluster.forget()


@contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """Processes started in the block never hear Ctrl-C."""
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)
