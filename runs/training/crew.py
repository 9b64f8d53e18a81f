"""Where blocks are rolled out: threads of this process, local worker processes, or a Dask cluster."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lsnn.blocks import Threads
from lsnn.errors import InputError
from lsnn.progress import say
from lsnn.task import Task
from lsnn.workers.cluster import Cluster, Crew
from lsnn.workers.dask_crew import DaskCrew
from lsnn.workers.process_crew import ProcessCrew

CONNECT_S = 20
MOST_WORKERS = 256  # processes on one machine


def check_options(scheduler: str | None, workers: int | None, threads: int | None = None) -> None:
    """InputError for options that do not go together, or a scheduler without Dask."""
    if scheduler is not None and workers is not None:
        raise InputError(f"--scheduler and --workers exclude each other, got {scheduler} and {workers}")
    if scheduler is not None and threads is not None:
        raise InputError(f"--threads has no meaning with --scheduler, whose workers have theirs, got {threads}")
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise InputError(f"--workers must lie in 1..{MOST_WORKERS}, got {workers}")
    if scheduler is None:
        return
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise InputError(f"--scheduler needs Dask: pip install 'distributed', got: {error}") from error


@contextmanager
def crew(
    task: Task, threads: int, scheduler: str | None = None, workers: int | None = None
) -> Iterator[Threads | Cluster]:
    """Whoever works on blocks: `threads` here, so many local workers with `threads` each, or those of a scheduler."""
    check_options(scheduler, workers)
    if scheduler is None and workers is None:
        yield Threads(threads)
        return
    with ExitStack() as stack:
        hands: Crew = ProcessCrew(workers, threads) if workers is not None else _dask_crew(stack, scheduler)
        cluster = Cluster(hands, secrets.token_hex(8), (task.dynamics, task.encoder.module), say, task)
        try:
            cluster.begin()
            say(f"{len(cluster.workers)} workers with {sum(cluster.workers.values())} threads in all")
            yield cluster
        finally:
            cluster.forget()


def _dask_crew(stack: ExitStack, scheduler: str | None) -> DaskCrew:
    from distributed import Client

    try:
        client = stack.enter_context(Client(scheduler, timeout=CONNECT_S))
    except (OSError, ValueError, TypeError) as error:  # TypeError: a tls:// address without certificates
        rule = "--scheduler must be the address of a Dask scheduler"
        raise InputError(f"{rule}, got {scheduler}: {error}") from error
    if client.scheduler.address.startswith("tcp://"):
        say(f"{client.scheduler.address}: not encrypted; whoever reaches it can run programs in this process, too")
    return DaskCrew(client)
