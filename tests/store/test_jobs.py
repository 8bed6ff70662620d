"""The judge's jobs: idempotent, leased, and paid for within the cap, in a file and in memory alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from banditroute.store import open_store, tables
from banditroute.store.jobs import (
    BASE,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    VALUE,
    Job,
    JobStore,
    NoRoom,
    Reserved,
)
from tests.store.events import PATIENCE

JUDGE = "gpt-4o/pointwise-1"
DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """Threads wait for each other as long as a slow disk takes; who waits is not served in turn."""
    monkeypatch.setattr("banditroute.store.engine.BUSY_SECONDS", PATIENCE)
    store = open_store(request.param, base=tmp_path)
    yield store.engine
    store.close()


@pytest.fixture
def jobs(engine: Engine) -> JobStore:
    return JobStore(engine)


def fill(jobs: JobStore, n: int, reason: str = BASE) -> None:
    for i in range(n):
        assert jobs.enqueue(f"{reason}{i}", JUDGE, 0.05, reason, NOON)


def claim(jobs: JobStore, at: float = NOON, limit: int = 1) -> list[Job]:
    return jobs.claim(JUDGE, at, lease_seconds=60.0, limit=limit)


def reserve(jobs: JobStore, job: Job, usd: float, at: float = NOON) -> Reserved | NoRoom:
    return jobs.reserve(job, usd, at, usd_per_day=1.0, kept_for_base=0.4)


def row(engine: Engine, seq: int) -> tuple[float, float]:
    with engine.connect() as connection:
        j = tables.judge_jobs.c
        usd, reserved = connection.execute(select(j.usd, j.reserved).where(j.seq == seq)).one()
        return usd, reserved


def booked(engine: Engine) -> tuple[float, float]:
    """What the days say was spent, and what the jobs say."""
    with engine.connect() as connection:
        days = connection.scalar(select(func.sum(tables.judge_spend.c.usd)))
        j = tables.judge_jobs.c
        return days or 0.0, connection.scalar(select(func.sum(j.usd + j.reserved))) or 0.0


def test_a_decision_is_judged_once_by_each_instrument(jobs: JobStore) -> None:
    assert jobs.enqueue("d", JUDGE, 0.05, BASE, NOON)
    assert not jobs.enqueue("d", JUDGE, 0.5, VALUE, NOON + 1)
    assert jobs.enqueue("d", "other/pointwise-1", 0.05, BASE, NOON)
    (job,) = claim(jobs, limit=9)
    assert (job.decision_id, job.instrument, job.sampled, job.reason) == ("d", JUDGE, 0.05, BASE)
    assert jobs.counts()[PENDING] == 1
    assert jobs.counts(JUDGE) == {"pending": 0, "running": 1, "done": 0, "skipped": 0, "failed": 0}


def test_a_claimed_job_is_nobody_elses_until_its_lease_ends(jobs: JobStore) -> None:
    fill(jobs, 1)
    (first,) = claim(jobs)
    assert claim(jobs, NOON + 59) == []
    jobs.extend([first], NOON + 100)
    assert claim(jobs, NOON + 99) == []
    (second,) = claim(jobs, NOON + 101)
    assert (second.seq, second.attempts) == (first.seq, 2)
    assert second.lease != first.lease
    jobs.extend([first], NOON + 10_000)  # too late: it is the second one's
    assert not jobs.finish(first, DONE, NOON + 102)
    assert jobs.counts()[RUNNING] == 1
    assert jobs.finish(second, DONE, NOON + 103)
    assert jobs.counts()[DONE] == 1
    assert claim(jobs, NOON + 10_001) == []


def test_many_claim_at_once_and_nobody_gets_the_same_job(jobs: JobStore) -> None:
    fill(jobs, 60)
    with ThreadPoolExecutor(6) as pool:
        claims = list(pool.map(lambda _: claim(jobs, limit=3), range(30)))
    taken = [job.seq for claimed in claims for job in claimed]
    assert len(taken) == len(set(taken)) == 60


def test_a_job_given_back_waits_and_counts_its_attempts(jobs: JobStore) -> None:
    fill(jobs, 1)
    assert jobs.retry(claim(jobs)[0], NOON + 30, "the verdict is no JSON")
    assert claim(jobs, NOON + 29) == []
    (again,) = claim(jobs, NOON + 30)
    assert again.attempts == 2
    assert jobs.finish(again, FAILED, NOON + 31, error="no verdict")
    assert claim(jobs, NOON + DAY) == []


def test_a_job_not_to_blame_keeps_its_attempts_and_is_hastened_at_a_start(jobs: JobStore) -> None:
    fill(jobs, 2)
    waiting, tried = claim(jobs, limit=2)
    assert jobs.retry(waiting, NOON + 5_000, "the day's money is spent", counts=False)
    assert jobs.retry(tried, NOON + 5_000, "the verdict is no JSON")
    assert claim(jobs, NOON + 1, limit=2) == []
    jobs.hasten(JUDGE, NOON + 1)
    assert [(job.seq, job.attempts) for job in claim(jobs, NOON + 1, limit=2)] == [(waiting.seq, 1)]


def test_what_is_reserved_counts_until_it_is_settled(jobs: JobStore, engine: Engine) -> None:
    fill(jobs, 4)
    a, b, c, d = claim(jobs, limit=4)
    held = reserve(jobs, a, 0.6)
    assert held == Reserved(0.6, 20_000)
    assert reserve(jobs, b, 0.5) is NoRoom.RESERVED
    assert isinstance(held, Reserved)
    assert jobs.finish(a, DONE, NOON, usd=0.1, reserved=held)
    assert row(engine, a.seq) == pytest.approx((0.1, 0.0))
    second = reserve(jobs, b, 0.9)
    assert isinstance(second, Reserved)
    assert jobs.finish(b, DONE, NOON, usd=0.9, reserved=second)
    assert jobs.spent(NOON) == pytest.approx({BASE: 1.0})
    assert reserve(jobs, c, 0.01) is NoRoom.SPENT
    assert isinstance(reserve(jobs, d, 0.01, NOON + DAY), Reserved), "tomorrow has a cap of its own"
    assert booked(engine)[0] == pytest.approx(booked(engine)[1])


def test_jobs_for_their_value_leave_the_audit_its_reserve(jobs: JobStore) -> None:
    fill(jobs, 3, VALUE)
    fill(jobs, 1, BASE)
    *values, base = sorted(claim(jobs, limit=4), key=lambda job: job.reason, reverse=True)
    assert isinstance(reserve(jobs, values[0], 0.5), Reserved)
    assert reserve(jobs, values[1], 0.2) is NoRoom.RESERVED
    assert isinstance(reserve(jobs, values[1], 0.0625), Reserved)
    assert isinstance(reserve(jobs, base, 0.4375), Reserved)
    assert jobs.spent(NOON) == pytest.approx({VALUE: 0.5625, BASE: 0.4375})


def test_what_a_lost_worker_reserved_stays_spent_unless_it_comes_back(jobs: JobStore, engine: Engine) -> None:
    fill(jobs, 1)
    (first,) = claim(jobs)
    lost = reserve(jobs, first, 0.3)
    (second,) = claim(jobs, NOON + 61)
    assert row(engine, second.seq) == pytest.approx((0.3, 0.0))
    assert reserve(jobs, first, 0.1) is NoRoom.LOST
    held = reserve(jobs, second, 0.3, NOON + 61)
    assert isinstance(lost, Reserved)
    assert isinstance(held, Reserved)
    assert jobs.finish(second, DONE, NOON + 62, usd=0.2, reserved=held)
    assert row(engine, second.seq) == pytest.approx((0.5, 0.0))
    assert not jobs.finish(first, DONE, NOON + 63, usd=0.05, reserved=lost)  # it was only slow
    assert row(engine, second.seq) == pytest.approx((0.25, 0.0))
    assert jobs.spent(NOON) == pytest.approx({BASE: 0.25})
    assert booked(engine)[0] == pytest.approx(booked(engine)[1])


def test_workers_together_never_reserve_more_than_the_cap(jobs: JobStore) -> None:
    fill(jobs, 40)
    claimed = claim(jobs, limit=40)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda job: reserve(jobs, job, 0.09), claimed))
    assert sum(isinstance(answer, Reserved) for answer in answers) == 11
    assert sum(jobs.spent(NOON).values()) == pytest.approx(0.99)


def test_what_a_dead_worker_reserved_is_not_waited_for(jobs: JobStore) -> None:
    fill(jobs, 2)
    dead, alive = claim(jobs, limit=2)
    assert isinstance(reserve(jobs, dead, 0.6), Reserved)
    assert reserve(jobs, alive, 0.6) is NoRoom.RESERVED
    jobs.extend([alive], NOON + 120)
    assert reserve(jobs, alive, 0.6, NOON + 61) is NoRoom.SPENT
