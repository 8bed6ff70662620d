"""Sampled decisions whose answer has come, and the texts that are kept for a judge, in SQL.

A decision is noted here in the transaction that stores its answer, so a crash loses neither without the
other, and nobody has to search the texts for what is new. Whoever judges takes it over from here.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs
from sqlalchemy import Connection, bindparam, delete, insert, select

from banditroute.store import tables
from banditroute.store.base import Answered
from banditroute.store.codec import decode_asked

_a, _d, _t = tables.answered.c, tables.decisions.c, tables.texts.c

_bodies = select(_d.body).where(_d.id.in_(bindparam("ids", expanding=True)))
_waiting = (
    select(_a.decision_id, _a.sampled, _a.reason, _a.at).order_by(_a.decision_id).limit(bindparam("limit"))
)
_drop = delete(tables.answered).where(_a.decision_id == bindparam("of"))
_old = (
    select(_t.decision_id)
    .distinct()
    .join_from(tables.texts, tables.decisions, _d.id == _t.decision_id)
    .where(_d.at < bindparam("before"))
    .limit(bindparam("limit"))
)
_forget = delete(tables.texts).where(_t.decision_id == bindparam("of"))


def asked_for(connection: Connection, decision_ids: Sequence[str]) -> dict[str, Answered]:
    """Those of some decisions that asked for their answer."""
    bodies = connection.scalars(_bodies, {"ids": decision_ids})
    asked = (decode_asked(body) for body in bodies)
    return {one.decision_id: one for one in asked if one is not None}


def keep(connection: Connection, answered: Sequence[Answered]) -> None:
    """Notes decisions, each once."""
    rows = {one.decision_id: structs.asdict(one) for one in answered}
    if rows:
        drop(connection, list(rows))
        connection.execute(insert(tables.answered), list(rows.values()))


def waiting(connection: Connection, limit: int) -> list[Answered]:
    """The oldest of the decisions that were noted."""
    return [Answered(*row) for row in connection.execute(_waiting, {"limit": limit})]


def drop(connection: Connection, decision_ids: Sequence[str]) -> None:
    """Takes decisions out."""
    if decision_ids:
        connection.execute(_drop, [{"of": decision_id} for decision_id in decision_ids])


def with_texts_before(connection: Connection, before: float, limit: int) -> list[str]:
    """Decisions made before a time that have texts."""
    return list(connection.scalars(_old, {"before": before, "limit": limit}))


def forget(connection: Connection, decision_ids: Sequence[str]) -> None:
    """Deletes the texts of decisions; without them there is nothing left to judge."""
    drop(connection, decision_ids)
    connection.execute(_forget, [{"of": decision_id} for decision_id in decision_ids])
