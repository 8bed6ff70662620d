"""Control events in the database of an event log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, insert, select

from banditroute.store import tables
from banditroute.store.controls import Control, ControlKind
from banditroute.store.engine import WRITES, failures

_c = tables.controls.c
_events = select(_c.seq, _c.at, _c.kind, _c.subject, _c.principal, _c.body).order_by(_c.seq)


class SqlControls:
    """`Controls` in a table; what it stores is committed before it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(
        self,
        kind: ControlKind,
        subject: str,
        *,
        principal: str = "",
        body: Mapping[str, object] | None = None,
    ) -> Control:
        with (
            failures("the control event cannot be stored"),
            self._writing() as connection,
            connection.begin(),
        ):
            return _put(connection, kind, subject, principal, body)

    def append_unless(
        self,
        known: Callable[[tuple[Control, ...]], bool],
        kind: ControlKind,
        subject: str,
        *,
        body: Mapping[str, object] | None = None,
    ) -> Control | None:
        with (
            failures("the control event cannot be stored"),
            self._writing() as connection,
            connection.begin(),
        ):
            told = _read(connection.execute(_events.where(_c.kind == kind)))
            return None if known(told) else _put(connection, kind, subject, "", body)

    def after(self, seq: int, *kinds: ControlKind) -> tuple[Control, ...]:
        wanted = _events.where(_c.seq > seq)
        if kinds:
            wanted = wanted.where(_c.kind.in_(kinds))
        with failures("the control events cannot be read"), self._engine.connect() as connection:
            return _read(connection.execute(wanted))

    def _writing(self) -> Connection:
        """A connection that takes the write lock when it begins, so that nobody else writes in between."""
        return self._engine.connect().execution_options(**{WRITES: True})


def _put(
    connection: Connection,
    kind: ControlKind,
    subject: str,
    principal: str,
    body: Mapping[str, object] | None,
) -> Control:
    at, said = time.time(), dict(body or {})
    row = {"at": at, "kind": kind, "subject": subject, "principal": principal}
    stored = connection.execute(
        insert(tables.controls).values(**row, body=msgspec.json.encode(said).decode()).returning(_c.seq)
    )
    return Control(stored.scalar_one(), at, kind, subject, principal, said)


def _read(rows: Iterable[Row[Any]]) -> tuple[Control, ...]:
    return tuple(
        Control(row.seq, row.at, row.kind, row.subject, row.principal, msgspec.json.decode(row.body))
        for row in rows
    )
