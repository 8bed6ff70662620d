"""Writing the read model: each page in one transaction, together with the cursor that says how far it goes.

A page says from which cursor it was made and is stored only while that is still the cursor. So however many
processes tally one log, and wherever one of them ends, every event counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from banditroute.store import tables
from banditroute.store.driver import Inserter
from banditroute.store.engine import WRITES, failures
from banditroute.store.results import FACTS, Result
from banditroute.store.rollups import ALL, KEPT, horizon

_NAME, _FORGOTTEN = "results", "forgotten"
_c, _r = tables.cursors.c, tables.results.c
_RESULT = list(Result.__struct_fields__)
_ROLLUP = [column.name for column in tables.rollups.columns]
_LATENCY = [column.name for column in tables.latencies.columns]
_CELL = [column.name for column in tables.rollups.primary_key]
_BIN = [column.name for column in tables.latencies.primary_key]

_cursor = select(_c.decided, _c.seq, _c.newest).where(_c.name == _NAME)
_forgotten = select(_c.decided).where(_c.name == _FORGOTTEN)
_move = (
    update(tables.cursors)
    .where(_c.name == _NAME, _c.decided == bindparam("was"), _c.seq == bindparam("heard"))
    .values(decided=bindparam("decided_"), seq=bindparam("seq_"), newest=bindparam("newest_"))
)
_known = select(*(_r[name] for name in _RESULT)).where(_r.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the read model goes: the decisions up to number `decided`, with their outcomes up to event
    `seq` at least; `newest` is when the newest of them was made."""

    decided: int
    seq: int
    newest: float


@dataclass(frozen=True, slots=True)
class Tallied:
    """A page of news: results as they are now, and rows to add to `rollups` and `latencies`. `since` is the
    cursor that it was made from, None where there is none yet."""

    since: Cursor | None
    upto: Cursor
    results: Sequence[Result] = ()
    sums: Sequence[tuple[object, ...]] = ()
    latencies: Sequence[tuple[object, ...]] = ()


class TallyWriter:
    """Stores pages on a connection that writes."""

    def __init__(self, engine: Engine) -> None:
        self._put_results = Inserter(engine, tables.results, _RESULT, _replacing(["seq"], FACTS))
        self._add_sums = Inserter(engine, tables.rollups, _ROLLUP, _adding("rollups", _CELL, tables.SUMS))
        self._add_latencies = Inserter(
            engine, tables.latencies, _LATENCY, _adding("latencies", _BIN, ["requests"])
        )

    def write(self, connection: Connection, page: Tallied) -> bool:
        """Stores a page; False where somebody else was faster, and nothing is stored."""
        if not _moved(connection, page):
            return False
        self._put_results(connection, [structs.astuple(own) for own in page.results])
        self._add_sums(connection, page.sums)
        self._add_latencies(connection, page.latencies)
        if page.since is not None:
            _prune(connection, page.since.newest, page.upto.newest)
        return True


def cursor_of(engine: Engine) -> Cursor | None:
    """How far the read model goes; None where it was not begun."""
    with failures("the read model cannot be read"), engine.connect() as connection:
        row = connection.execute(_cursor).one_or_none()
        return None if row is None else Cursor(*row)


def known_results(engine: Engine, decision_ids: Sequence[str]) -> dict[str, Result]:
    """The stored results of those of some decisions that have one."""
    if not decision_ids:
        return {}
    with failures("the read model cannot be read"), engine.connect() as connection:
        return {row.id: Result(*row) for row in connection.execute(_known, {"ids": decision_ids})}


def forget(engine: Engine) -> None:
    """Drops everything that was tallied: it is a fold of the log, and the next one begins at the start."""
    with (
        failures("the read model cannot be written"),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        times = connection.scalar(_forgotten) or 0
        for table in (tables.cursors, tables.results, tables.rollups, tables.latencies):
            connection.execute(delete(table))
        row = {"name": _FORGOTTEN, "decided": times + 1, "seq": 0, "newest": 0.0}
        connection.execute(insert(tables.cursors), row)


def times_forgotten(engine: Engine) -> int:
    """How often it was dropped: what was read before the last time may be otherwise now."""
    with failures("the read model cannot be read"), engine.connect() as connection:
        return connection.scalar(_forgotten) or 0


def _moved(connection: Connection, page: Tallied) -> bool:
    since, upto = page.since, page.upto
    if since is None:
        if connection.execute(_cursor).one_or_none() is not None:
            return False
        row = {"name": _NAME, "decided": upto.decided, "seq": upto.seq, "newest": upto.newest}
        connection.execute(insert(tables.cursors), row)
        return True
    moved = connection.execute(
        _move,
        {
            "was": since.decided,
            "heard": since.seq,
            "decided_": upto.decided,
            "seq_": upto.seq,
            "newest_": upto.newest,
        },
    )
    return moved.rowcount == 1


def _prune(connection: Connection, before: float, newest: float) -> None:
    """Deletes the spans that are kept no longer."""
    for level in KEPT:
        first = horizon(level, newest)
        if first > horizon(level, before):
            for table in (tables.rollups, tables.latencies):
                old = delete(table).where(table.c.level == level, table.c.bucket < first)
                if table is tables.rollups:  # names each column of its key, so that the key finds it
                    old = old.where(table.c.part == ALL)
                connection.execute(old)


def _replacing(key: Sequence[str], names: Sequence[str]) -> str:
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET " + ", ".join(
        f"{name} = excluded.{name}" for name in names
    )


def _adding(table: str, key: Sequence[str], names: Sequence[str]) -> str:
    return f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET " + ", ".join(
        f"{name} = {table}.{name} + excluded.{name}" for name in names
    )
