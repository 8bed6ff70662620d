"""Judging survives kill -9: two worker processes, one of them killed, every job done once in effect."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from banditroute.config.load import load_settings
from banditroute.config.starter import starter_text
from banditroute.store import Store, open_store, tables
from banditroute.store.jobs import JobStore
from tests.judge.cases import fill
from tests.reproducible import clear_of_midnight

ROOT = Path(__file__).parents[2]

CONFIG = """
[judge]
model = "claude-sonnet"
usd_per_day = {cap}
lease_seconds = {lease}
"""


@contextmanager
def worker(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`banditroute judge` as an operator starts it."""
    command = [sys.executable, "-m", "banditroute", "judge", "--config", str(folder / "banditroute.toml")]
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=said, stderr=said, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def prepared(folder: Path, n: int, cap: float, lease: float) -> Store:
    clear_of_midnight(120.0)
    (folder / "banditroute.toml").write_text(starter_text() + CONFIG.format(cap=cap, lease=lease))
    settings = load_settings(folder / "banditroute.toml")
    store = open_store(settings.store.url)
    fill(store, n, at=time.time(), under=settings)
    return store


def wait_until(
    reached: Callable[[], bool], folder: Path, *workers: subprocess.Popen[bytes], seconds: float = 120.0
) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline or any(process.poll() is not None for process in workers):
            pytest.fail(f"too slow, or ended; the workers said: {(folder / 'said').read_text()}")
        time.sleep(0.02)


def due(store: Store) -> int:
    """How many jobs are under way, or could be begun today."""
    j = tables.judge_jobs.c
    waiting = (j.state == "running") | ((j.state == "pending") & (j.due_at < time.time() + 60))
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).where(waiting)) or 0


def test_a_thousand_jobs_survive_the_death_of_a_worker(tmp_path: Path) -> None:
    store = prepared(tmp_path, 1_000, cap=1_000.0, lease=5.0)  # longer than a busy machine holds a worker up
    jobs = JobStore(store.engine)
    with worker(tmp_path) as first, worker(tmp_path) as second:
        wait_until(lambda: jobs.counts()["done"] >= 300, tmp_path, first, second)
        first.kill()
        first.wait()
        under_way = jobs.counts()
        with worker(tmp_path) as third:
            wait_until(lambda: jobs.counts()["done"] == 1_000, tmp_path, second, third)
            third.terminate()
            assert third.wait(30) == 0
    assert under_way["done"] < 1_000, "it was killed too late to prove anything"
    assert set(jobs.counts().items()) == {("done", 1_000), *((s, 0) for s in jobs.counts() if s != "done")}
    with store.engine.connect() as connection:
        o, j = tables.outcomes.c, tables.judge_jobs.c
        per_decision = connection.execute(select(o.decision_id, func.count()).group_by(o.decision_id)).all()
        spent = connection.scalar(select(func.sum(j.usd))) or 0.0
        attempts = connection.scalars(select(j.attempts)).all()
        assert connection.scalar(select(func.sum(j.reserved))) == 0.0
    assert sorted(count for _, count in per_decision) == [1] * 1_000
    assert sum(jobs.spent(time.time()).values()) == pytest.approx(spent)
    assert max(attempts) <= 2
    store.close()


def test_two_workers_and_a_kill_stay_within_the_cap(tmp_path: Path) -> None:
    cap = 0.1
    store = prepared(tmp_path, 120, cap=cap, lease=1.0)
    jobs = JobStore(store.engine)
    with worker(tmp_path) as first, worker(tmp_path) as second:
        wait_until(lambda: jobs.counts()["done"] >= 5, tmp_path, first, second)
        first.kill()
        first.wait()
        wait_until(lambda: due(store) == 0, tmp_path, second)
        second.terminate()
        assert second.wait(30) == 0
    counts = jobs.counts()
    assert counts["done"] + counts["pending"] == 120
    assert counts["pending"] > 0
    spent = sum(jobs.spent(time.time()).values())
    assert 0.8 * cap < spent <= cap
    assert store.last_seq() == counts["done"]
    store.close()
