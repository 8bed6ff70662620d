"""Over machines: a dask cluster gives the same bits, and one that cannot be used is refused in a sentence."""

from __future__ import annotations

import builtins
import gc
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import banditroute
from banditroute.commands.simulate import simulate as command
from banditroute.errors import LogError
from banditroute.offline import frontier
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay import spread
from banditroute.offline.simulation.run import simulate

distributed = pytest.importorskip("distributed", reason="dask is not installed (extra: cluster)")

POLICIES = ["thompson", "greedy:0.1", "fixed:small"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Two workers, each a process of its own, on the loopback."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


def test_the_same_numbers_to_the_last_bit(address: str, log: Log) -> None:
    there, here = (
        simulate(log, POLICIES, weights={"usd": 10.0}, seeds=4, **where)  # type: ignore[arg-type]
        for where in ({"cluster": address}, {"jobs": 1})
    )
    assert json.dumps(there.to_dict()) == json.dumps(here.to_dict())
    for one, other in zip(there.policies, here.policies, strict=True):
        for a, b in zip(one.traces, other.traces, strict=True):
            assert a.regret.tobytes() == b.regret.tobytes()
            assert a.chosen.tobytes() == b.chosen.tobytes()


def test_both_workers_work_and_the_log_travels_once(address: str, tmp_path: Path) -> None:
    load = list(range(1_000))
    tasks = [(load, i, tmp_path) for i in range(8)]
    found = dict(spread.spread(_who, tasks, shared=(load,), cluster=address))
    assert sorted(found) == list(range(8))
    assert len({process for process, _ in found.values()}) == 2
    by_process: dict[int, set[int]] = {}
    for process, place in found.values():
        by_process.setdefault(process, set()).add(place)
    assert all(len(places) == 1 for places in by_process.values())  # one copy in each process


def _who(load: list[int], i: int, met: Path) -> tuple[int, tuple[int, int]]:
    """Which process ran task i, and where the load lies in its memory; once two have met in a folder, since
    the first may else have done it all before the other is ready."""
    import os
    import time

    (met / str(os.getpid())).touch()
    deadline = time.monotonic() + 60.0
    while len(list(met.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(load) == 1_000
    return i, (os.getpid(), id(load))


def test_a_frontier_too(address: str, short_log: Log) -> None:
    options = {"usd_weights": [0.0, 10.0], "seeds": 2, "keep": "90%"}
    there = frontier(short_log, cluster=address, **options)  # type: ignore[arg-type]
    assert there.to_dict() == frontier(short_log, jobs=1, **options).to_dict()  # type: ignore[arg-type]


def test_the_command(address: str, write: object, rows: list[dict[str, object]], tmp_path: Path) -> None:
    path = write(rows)  # type: ignore[operator]
    out = [tmp_path / "here.json", tmp_path / "there.json"]
    for where, file in zip((["--jobs", "1"], ["--cluster", address]), out, strict=True):
        done = CliRunner().invoke(
            command, [str(path), "--policy", "thompson", "--seeds", "2", "--json", str(file), *where]
        )
        assert done.exit_code == 0, done.output
    assert out[0].read_text() == out[1].read_text()


def test_an_error_over_there_is_told_here(address: str) -> None:
    with pytest.raises(LogError, match="as it was raised"):
        list(spread.spread(_fails, [(1,), (2,)], cluster=address))


def _fails(number: int) -> int:
    raise LogError(f"as it was raised: {number}")


def test_other_versions_are_refused(address: str, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banditroute, "__version__", "0.0.0")
    with pytest.raises(LogError, match=r"has banditroute .*, here it is 0\.0\.0"):
        simulate(log, POLICIES, cluster=address)


def test_a_package_that_the_workers_lack_is_named(
    address: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "PACKAGES", ("no_such_package",))
    with pytest.raises(LogError, match="has no no_such_package"):
        simulate(log, POLICIES, cluster=address)


def test_processes_here_and_machines_there_are_not_mixed(address: str, log: Log) -> None:
    with pytest.raises(LogError, match="leave one out"):
        simulate(log, POLICIES, cluster=address, jobs=2)


def test_nobody_at_the_address(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "ANSWER", 0.5)
    gc.collect()  # what others left behind is not ours
    left_behind: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", left_behind.append)
    with socket.socket() as taken, socket.socket() as silent:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # and never answers
        port, other = (one.getsockname()[1] for one in (taken, silent))
        for address in (
            f"tcp://127.0.0.1:{port}",
            f"tcp://127.0.0.1:{other}",
            f"nonsense://127.0.0.1:{other}",
        ):
            with pytest.raises(LogError, match="No dask scheduler answers at"):
                simulate(log, POLICIES, cluster=address)
    gc.collect()
    assert left_behind == []  # a client that never connected would complain when it is forgotten


@pytest.mark.parametrize(
    "address", ["banana", "nonsense://x", "127.0.0.1", "tcp://:8786", "tcp://127.0.0.1:1e3"]
)
def test_what_is_no_address(address: str, log: Log) -> None:
    with pytest.raises(LogError, match=f"{address} is no address of a scheduler; write its host and port"):
        simulate(log, POLICIES, cluster=address)


def test_a_scheduler_without_workers(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "WAIT", 1)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, host="127.0.0.1", protocol="tcp://", dashboard_address="127.0.0.1:0"
        ) as empty,
        pytest.raises(LogError, match="has no workers"),
    ):
        simulate(log, POLICIES, cluster=empty.scheduler_address)


def test_without_the_extra(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == "distributed":
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(LogError, match="pip install distributed"):
        simulate(log, POLICIES, cluster="tcp://127.0.0.1:1")
