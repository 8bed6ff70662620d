"""Running many replications: over the cores of this machine, or over a dask cluster with the same call.

Every task is a pure function of its arguments, so who runs it, and when, does not change a bit of its result,
as long as the processors are of one kind: some compiled sums are added up as suits the processor.
What all the tasks need (a log of a million rows, say) is sent to each machine once.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from banditroute import __version__
from banditroute.errors import LogError

if TYPE_CHECKING:
    from distributed import Client

Result = TypeVar("Result")
Task = tuple[Any, ...]

WAIT = 10
"""Seconds that a scheduler has to have its first worker."""

ANSWER = 5
"""Seconds that it has to answer at all."""

PACKAGES = ("banditroute", "numpy", "scipy", "numba")
"""What has to be of one version everywhere, or the last bits may differ."""


def spread(
    function: Callable[..., Result],
    tasks: Sequence[Task],
    *,
    shared: Sequence[object] = (),
    jobs: int | None = None,
    cluster: str | None = None,
) -> Iterator[Result]:
    """`function(*task)` of every task, as they get ready, in no particular order.

    `jobs` is the number of processes here (all cores by default; 1 stays in this one). `cluster` is the
    address of a dask scheduler, as in `tcp://10.0.0.5:8786`, whose workers run them instead; the
    `shared` objects, found among the arguments by identity, travel to each of them once. Raises LogError
    where the cluster cannot be used.
    """
    if cluster is not None:
        yield from _over_machines(function, tasks, shared, cluster)
        return
    workers = min(jobs or os.cpu_count() or 1, len(tasks))
    if workers <= 1:
        for task in tasks:
            yield function(*task)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    yield from parallel(delayed(function)(*task) for task in tasks)


def check_cluster(cluster: str | None, jobs: int | None) -> None:
    """Refuses, before any work, a cluster that cannot be used; does nothing without one."""
    if cluster is None:
        return
    if jobs is not None:
        raise LogError(
            "--jobs counts processes of this machine and --cluster uses those of others; leave one out."
        )
    with _connected(cluster):
        pass


def _over_machines(
    function: Callable[..., Result], tasks: Sequence[Task], shared: Sequence[object], cluster: str
) -> Iterator[Result]:
    if not tasks:
        return
    from joblib import Parallel, delayed, parallel_config

    with _connected(cluster) as client:
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker

        used = [one for one in shared if any(one is part for task in tasks for part in task)]
        try:
            with parallel_config(backend="dask", client=client, scatter=used):
                parallel = Parallel(return_as="generator_unordered")
                yield from parallel(delayed(function)(*task) for task in tasks)
        except (KilledWorker, CommClosedError) as error:
            raise LogError(
                f"The cluster at {cluster} lost the workers that were at it ({type(error).__name__}); they "
                "may be out of memory. See their logs, then run it again."
            ) from error


@contextmanager
def _connected(cluster: str) -> Iterator[Client]:
    """A client of the scheduler, whose workers can run what this process would run."""
    try:
        from distributed import Client
    except ImportError as error:
        raise LogError("Clusters need dask; install it with: python -m pip install distributed") from error
    _require_scheduler(cluster)
    with Client(cluster, timeout=WAIT, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError as error:
            raise LogError(
                f"The scheduler at {cluster} has no workers. Start some with 'dask worker {cluster}'."
            ) from error
        _check_versions(client, cluster)
        yield client


def _require_scheduler(cluster: str) -> None:
    """Refuses an address where no scheduler answers, before a client is made: one that cannot connect leaves
    an error of its own on standard error, long after."""
    host, _, port = cluster.rpartition("://")[2].rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise LogError(
            f"{cluster} is no address of a scheduler; write its host and port, as in --cluster "
            "tcp://127.0.0.1:8786."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()
        with ThreadPoolExecutor(1) as beside:  # where there is a loop already, as in a notebook
            beside.submit(lambda: asyncio.run(_identity(cluster))).result()
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise LogError(
            f"No dask scheduler answers at {cluster}. Start one with 'dask scheduler', give its address as "
            "in --cluster tcp://127.0.0.1:8786, and see that nothing blocks the port."
        ) from error


async def _identity(cluster: str) -> None:
    """Asks the scheduler who it is."""
    from distributed import Security
    from distributed.core import rpc

    ties = Security().get_connection_args("client")  # type: ignore[no-untyped-call]
    scheduler = rpc(cluster, timeout=ANSWER, connection_args=ties)  # type: ignore[no-untyped-call]
    try:
        await asyncio.wait_for(scheduler.identity(), ANSWER)
    finally:
        await scheduler.close_rpc()  # type: ignore[no-untyped-call]


def _check_versions(client: Client, cluster: str) -> None:
    """Refuses workers that lack the package, or could not give the same last bits."""
    packages = PACKAGES

    def versions() -> dict[str, str | None]:  # within a function, so that it travels by value
        from importlib import import_module

        found: dict[str, str | None] = {}
        for package in packages:
            try:
                found[package] = import_module(package).__version__
            except ImportError:
                found[package] = None
        return found

    here = versions()
    for worker, there in client.run(versions).items():
        for package in packages:
            if there[package] is None:
                raise LogError(
                    f"The worker {worker} of {cluster} has no {package}. Install banditroute "
                    f"{__version__} on every worker: it runs there what it would run here."
                )
            if there[package] != here[package]:
                raise LogError(
                    f"The worker {worker} of {cluster} has {package} {there[package]}, here it is "
                    f"{here[package]}. Install the same on both: figures shall not depend on where they were "
                    "computed."
                )
