"""What judging takes at the moment, as its jobs tell: how much there is to judge, its cost, what waits."""

from __future__ import annotations

from sqlalchemy import Engine, func, select, union_all

from banditroute.core.steering.sampling import Tally
from banditroute.store import tables
from banditroute.store.engine import failures
from banditroute.store.jobs import BASE, DONE, PENDING, SECONDS_PER_DAY, VALUE, JobStore

_RECENT = 1_000
"""How many of the last jobs tell of the demand and of the cost."""

_SHORTEST = 60.0
"""Seconds that the demand is averaged over at least."""

_j = tables.judge_jobs.c

_recent = select(_j.created_at, _j.sampled, _j.state, _j.usd).order_by(_j.seq.desc()).limit(_RECENT)
_unfinished = union_all(
    select(_j.reason).where(_j.state == PENDING), select(tables.answered.c.reason)
).subquery()
_waiting = select(_unfinished.c.reason, func.count()).group_by(_unfinished.c.reason)


def tally(engine: Engine, at: float) -> Tally:
    """The tally at a time. The demand is estimated from what was sampled: a job that had a probability of π
    stands for 1/π decisions (Horvitz and Thompson 1952)."""
    with failures("the judge's jobs cannot be read"), engine.connect() as connection:
        recent = connection.execute(_recent).all()
        waiting: dict[str, int] = dict(connection.execute(_waiting).all())
    spent = JobStore(engine).spent(at)
    today = [row for row in recent if row.created_at > at - SECONDS_PER_DAY]
    since = min((row.created_at for row in today), default=at)
    done = sum(row.state == DONE for row in recent)
    return Tally(
        demand=sum(1.0 / row.sampled for row in today) / max(at - since, _SHORTEST),
        usd=sum(row.usd for row in recent) / done if done else None,
        base_spent=spent.get(BASE, 0.0),
        value_spent=spent.get(VALUE, 0.0),
        base_waiting=waiting.get(BASE, 0),
        value_waiting=waiting.get(VALUE, 0),
    )
