"""The event log in a SQL database: one thread writes in groups, everybody reads for themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, func, select

from banditroute.errors import BanditrouteError, StoreError
from banditroute.store import answered, tables
from banditroute.store.acknowledgement import Acknowledgement, settled
from banditroute.store.appender import Appender, Item, new_decisions
from banditroute.store.base import (
    SCORED,
    Answered,
    Changes,
    Decided,
    Entry,
    Record,
    Snapshot,
    Texts,
    Told,
)
from banditroute.store.codec import decode, decode_occasion
from banditroute.store.controls import Controls
from banditroute.store.engine import WRITES, failures
from banditroute.store.ledger import submit
from banditroute.store.sql_controls import SqlControls
from banditroute.store.tallied import Tallied
from banditroute.store.writer import CLOSED, GroupWriter
from banditroute.types import Decision, Outcome, Receipt

_d, _o = tables.decisions.c, tables.outcomes.c

# In the order of the fields of Outcome.
_outcomes: Select[*tuple[Any, ...]] = select(
    _o.decision_id,
    _o.factor,
    _o.value,
    _o.source,
    _o.seq,
    _o.at,
    _o.rater,
    _o.principal,
    _o.weight,
    _o.idempotency_key,
).order_by(_o.seq)
_decision = select(_d.body).where(_d.id == bindparam("id"))
_outcomes_of_decision = _outcomes.where(_o.decision_id == bindparam("id"))
_texts_of_decision = select(tables.texts.c.kind, tables.texts.c.body).where(
    tables.texts.c.decision_id == bindparam("id")
)

_new = _o.seq > bindparam("after")
_covered = _o.seq <= bindparam("upto")
_page = select(_o.seq, _o.decision_id).where(_new).order_by(_o.seq).limit(bindparam("limit"))
_touched = select(_o.decision_id).where(_new, _covered)
_touched_decisions = select(_d.id, _d.body).where(_d.id.in_(_touched))
_touched_outcomes = _outcomes.where(_o.decision_id.in_(_touched), _covered)

_decided = select(_d.seq, _d.id, _d.body).where(_d.seq > bindparam("after")).order_by(_d.seq)
_decided_page = _decided.limit(bindparam("limit"))
_in_span = select(_d.id).where(_d.seq > bindparam("after"), _d.seq <= bindparam("upto"))
_decided_outcomes = _outcomes.where(_o.decision_id.in_(_in_span))
_decided_prompts = select(tables.texts.c.decision_id, tables.texts.c.body).where(
    tables.texts.c.decision_id.in_(_in_span), tables.texts.c.kind == "prompt"
)

_newest = select(_d.id).order_by(_d.seq.desc()).limit(bindparam("limit")).subquery()
_told = select(_o.decision_id).where(_o.decision_id == _newest.c.id, _o.factor.in_(SCORED))
_pending = select(func.count()).select_from(_newest).where(~_told.exists())

_last_seq = select(func.coalesce(func.max(_o.seq), 0))
_counts = select(
    select(func.count()).select_from(tables.decisions).scalar_subquery(),
    select(func.count()).select_from(tables.outcomes).scalar_subquery(),
)
_s = tables.snapshots.c
_last_snapshot = select(_s.seq, _s.at, _s.fingerprint, _s.payload).order_by(_s.id.desc()).limit(1)


class SqlStore:
    """A `Store` on an engine whose tables are up to date; it owns the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = False
        self._controls = SqlControls(engine)
        self._appender = Appender(engine)
        self._writer: GroupWriter[Item] = GroupWriter(self._appender.write)

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def controls(self) -> Controls:
        return self._controls

    @property
    def waiting(self) -> int:
        return self._writer.waiting

    def append_decisions(
        self, decisions: Sequence[Decision], *, texts: Texts | None = None
    ) -> Acknowledgement[None]:
        try:
            return self._writer.put(new_decisions(decisions, texts))
        except BanditrouteError as error:
            return settled(error)

    def append_outcomes(
        self,
        outcomes: Sequence[Outcome],
        *,
        idempotency_key: str | None = None,
        digest: str | None = None,
        principal: str = "",
        texts: Texts | None = None,
    ) -> Acknowledgement[Receipt]:
        entry = Entry(outcomes, texts or {})
        return self.append_list([entry], idempotency_key=idempotency_key, digest=digest, principal=principal)

    def append_list(
        self,
        entries: Sequence[Entry],
        *,
        idempotency_key: str | None = None,
        digest: str | None = None,
        principal: str = "",
    ) -> Acknowledgement[Receipt]:
        try:
            return self._writer.put(submit(entries, idempotency_key, digest, principal))
        except BanditrouteError as error:
            return settled(error)

    def record(self, decision_id: str) -> Record | None:
        with self._reading() as connection:
            body = connection.scalar(_decision, {"id": decision_id})
            if body is None:
                return None
            rows = connection.execute(_outcomes_of_decision, {"id": decision_id})
            return Record(decode(body), tuple(Outcome(*row) for row in rows))

    def texts(self, decision_id: str) -> dict[str, str]:
        with self._reading() as connection:
            rows = connection.execute(_texts_of_decision, {"id": decision_id})
            return {row.kind: row.body for row in rows}

    def asked(self, decision_ids: Sequence[str]) -> dict[str, Answered]:
        with self._reading() as connection:
            return answered.asked_for(connection, decision_ids)

    def answered(self, limit: int = 1_000) -> list[Answered]:
        with self._reading() as connection:
            return answered.waiting(connection, limit)

    def taken_over(self, decision_ids: Sequence[str]) -> None:
        with self._writing() as connection:
            answered.drop(connection, decision_ids)

    def forget_texts(self, before: float, limit: int = 1_000) -> int:
        with self._reading() as connection:
            old = answered.with_texts_before(connection, before, limit)
        if old:
            with self._writing() as connection:
                answered.forget(connection, old)
        return len(old)

    def changes(self, after_seq: int, limit: int = 10_000) -> Changes:
        with self._reading() as connection:
            page = connection.execute(_page, {"after": after_seq, "limit": limit}).all()
            if not page:
                return Changes(after_seq, ())
            upto = page[-1].seq
            span = {"after": after_seq, "upto": upto}
            bodies = {row.id: row.body for row in connection.execute(_touched_decisions, span).all()}
            outcomes: dict[str, list[Outcome]] = {row.decision_id: [] for row in page}
            for row in connection.execute(_touched_outcomes, span).all():
                outcomes[row.decision_id].append(Outcome(*row))
        records = (Told(decode_occasion(bodies[key]), tuple(kept)) for key, kept in outcomes.items())
        return Changes(upto, tuple(records))

    def touched(self, after_seq: int, limit: int = 10_000) -> tuple[int, tuple[str, ...]]:
        with self._reading() as connection:
            page = connection.execute(_page, {"after": after_seq, "limit": limit}).all()
        return page[-1].seq if page else after_seq, tuple(dict.fromkeys(row.decision_id for row in page))

    def decided(self, after: int, limit: int = 10_000, *, prompts: bool = True) -> Decided:
        with self._reading() as connection:
            page = connection.execute(_decided_page, {"after": after, "limit": limit}).all()
            if not page:
                return Decided(after, (), {})
            span = {"after": after, "upto": page[-1].seq}
            outcomes: dict[str, list[Outcome]] = {row.id: [] for row in page}
            for row in connection.execute(_decided_outcomes, span):
                outcomes[row.decision_id].append(Outcome(*row))
            kept = connection.execute(_decided_prompts, span).all() if prompts else ()
        records = tuple(Record(decode(row.body), tuple(outcomes[row.id])) for row in page)
        texts = {row.decision_id: row.body for row in kept}
        return Decided(page[-1].seq, records, texts, tuple(row.seq for row in page))

    def append_tallied(self, page: Tallied, *, patient: bool = False) -> Acknowledgement[bool]:
        return self._writer.put(page, patient=patient)

    def last_seq(self) -> int:
        with self._reading() as connection:
            return connection.scalar(_last_seq) or 0

    def counts(self) -> dict[str, int]:
        with self._reading() as connection:
            decisions, outcomes = connection.execute(_counts).one()
            return {"decisions": decisions, "outcomes": outcomes}

    def pending(self, limit: int = 10_000) -> int:
        with self._reading() as connection:
            return connection.scalar(_pending, {"limit": limit}) or 0

    def save_snapshot(self, snapshot: Snapshot) -> Acknowledgement[None]:
        return self._writer.put(snapshot)

    def load_snapshot(self) -> Snapshot | None:
        with self._reading() as connection:
            row = connection.execute(_last_snapshot).one_or_none()
            return row and Snapshot(*row)

    def close(self) -> None:
        self._closed = True
        self._writer.close()
        self._appender.close()
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection of its own, and one moment of the log for everything read with it."""
        if self._closed:
            raise StoreError(CLOSED)
        with failures("the event log cannot be read"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A connection of its own that writes, for what is no event and may wait its turn."""
        if self._closed:
            raise StoreError(CLOSED)
        with (
            failures("the event log cannot be written"),
            self._engine.connect().execution_options(**{WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection
