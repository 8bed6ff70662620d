"""Writes groups of events to a SQL database, each group in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Select, bindparam, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from banditroute.errors import RequestError
from banditroute.store import answered, tables
from banditroute.store.base import Snapshot, Texts
from banditroute.store.codec import encode
from banditroute.store.driver import Inserter, execute
from banditroute.store.engine import ITEM_ERRORS, WRITES, explained
from banditroute.store.ledger import Ledger, Settled, Submission
from banditroute.store.tallied import Tallied, TallyWriter
from banditroute.types import Decision

_DECISION = [
    "id",
    "at",
    "request_class",
    "model",
    "policy",
    "variant",
    "kind",
    "propensity",
    "unit",
    "session",
    "body",
    "experiment",
]
_OUTCOME = [
    "seq",
    "decision_id",
    "factor",
    "value",
    "source",
    "rater",
    "principal",
    "at",
    "weight",
    "idempotency_key",
]
_outcome_row = attrgetter(*_OUTCOME)

_CHUNK = 1_024
"""How many ids one query asks for; databases limit the number of parameters."""

_of_decision = (
    select(
        tables.decisions.c.id,
        tables.outcomes.c.factor,
        tables.outcomes.c.source,
        tables.outcomes.c.rater,
        tables.outcomes.c.principal,
        tables.outcomes.c.value,
        tables.outcomes.c.seq,
    )
    .outerjoin_from(tables.decisions, tables.outcomes)
    .where(tables.decisions.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(tables.outcomes.c.seq)
)
_of_key = select(tables.idempotency).where(tables.idempotency.c.key.in_(bindparam("keys", expanding=True)))
_last_seq = select(func.coalesce(func.max(tables.outcomes.c.seq), 0))
_drop_text = delete(tables.texts).where(
    tables.texts.c.decision_id == bindparam("of"), tables.texts.c.kind == bindparam("named")
)


@dataclass(frozen=True, slots=True)
class NewDecisions:
    """Decisions on their way into the log: their rows, and the texts to keep beside them."""

    rows: Sequence[tuple[object, ...]]
    texts: Texts


Item = NewDecisions | Submission | Snapshot | Tallied


def new_decisions(decisions: Sequence[Decision], texts: Texts | None) -> NewDecisions:
    """Makes the rows on the caller's thread, so that what cannot be stored is refused there."""
    return NewDecisions([_decision_row(decision) for decision in decisions], texts or {})


def _decision_row(d: Decision) -> tuple[object, ...]:
    c = d.context
    row = (d.id, d.at, c.request_class, d.model, d.policy, d.variant, d.kind, d.propensity, c.unit, c.session)
    return (*row, encode(d), d.experiment)


class Appender:
    """Holds the one connection that writes; used by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._insert_decisions = Inserter(engine, tables.decisions, _DECISION)
        self._insert_outcomes = Inserter(engine, tables.outcomes, _OUTCOME)
        self._tally = TallyWriter(engine)

    def write(self, items: Sequence[Item]) -> list[object]:
        """Makes a group durable; one answer per item: a result, or the error that refuses it alone.

        Raises StoreError when the database cannot write, anything else when an item is at fault.
        """
        try:
            connection = self._connected()
            with connection.begin():
                return self._append(connection, items)
        except Exception as error:
            self._drop()
            at_fault = isinstance(error, ITEM_ERRORS) and len(items) > 1
            if isinstance(error, SQLAlchemyError) and not at_fault:
                raise explained("the event log cannot be written", error) from error
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(**{WRITES: True})
        return self._connection

    def _drop(self) -> None:
        """After a failure the connection itself is in doubt: the next group opens a new one."""
        if self._connection is not None:
            self._connection.invalidate()
        self.close()

    def close(self) -> None:
        """Lets the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _append(self, connection: Connection, items: Sequence[Item]) -> list[object]:
        made = [item for item in items if isinstance(item, NewDecisions)]
        if made:
            self._insert_decisions(connection, [row for item in made for row in item.rows])
            for new in made:
                _keep_texts(connection, new.texts)
        answers: list[object] = [None] * len(items)
        told = [(i, item) for i, item in enumerate(items) if isinstance(item, Submission)]
        if told:
            for (i, _), answer in zip(told, self._settle(connection, [s for _, s in told]), strict=True):
                answers[i] = answer
        for i, item in enumerate(items):
            if isinstance(item, Snapshot):
                _replace_snapshot(connection, item)
            elif isinstance(item, Tallied):
                answers[i] = self._tally.write(connection, item)
        return answers

    def _settle(self, connection: Connection, submissions: Sequence[Submission]) -> Iterator[object]:
        """Settles lists in order, stores what is new, and yields receipts and refusals."""
        ledger = _ledger(connection, submissions)
        answers: list[object] = []
        news: list[Settled] = []
        for submission in submissions:
            try:
                settled = ledger.settle(submission)
            except RequestError as error:
                answers.append(error)
                continue
            answers.append(settled.receipt)
            news.append(settled)
        rows = [_outcome_row(outcome) for settled in news for outcome in settled.outcomes]
        if rows:
            self._insert_outcomes(connection, rows)
        keys = [
            {"principal": principal, "key": key, "digest": digest, "event_seq": event_seq}
            for settled in news
            for (principal, key), (digest, event_seq) in settled.keys.items()
        ]
        if keys:
            connection.execute(insert(tables.idempotency), keys)
        for settled in news:
            _keep_texts(connection, settled.texts)
        answered.keep(connection, [one for settled in news for one in settled.answered])
        return iter(answers)


def _ledger(connection: Connection, submissions: Sequence[Submission]) -> Ledger:
    """What the log knows of the decisions and keys that these lists speak of."""
    ((last,),) = execute(connection, _compiled(connection.dialect, _last_seq))
    ledger = Ledger(seq=last)
    for ids in _chunks(set().union(*(s.decisions() for s in submissions))):
        padded = tuple(ids) + (ids[-1],) * ((1 << (len(ids) - 1).bit_length()) - len(ids))
        statement = _of_decisions(connection.dialect, len(padded))
        for decision_id, factor, source, rater, who, value, seq in execute(connection, statement, padded):
            ledger.decisions.add(decision_id)
            if seq is not None:
                ledger.standing[decision_id, factor, source, rater, who] = (value, seq)
    for keys in _chunks(set().union(*(s.keys for s in submissions))):
        for principal, key, digest, event_seq in connection.execute(_of_key, {"keys": keys}):
            ledger.keys[principal, key] = (digest, event_seq)
    for ids in _chunks(set().union(*(s.responses() for s in submissions))):
        ledger.asked |= answered.asked_for(connection, ids)
    return ledger


@lru_cache
def _compiled(dialect: Dialect, statement: Select[Any]) -> str:
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


@lru_cache(maxsize=64)
def _of_decisions(dialect: Dialect, count: int) -> str:
    """The query for `count` decisions, compiled once: the lists come in sizes that are powers of two,
    filled up with the last id again."""
    statement = _of_decision.params(ids=[""] * count)
    return str(statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}))


def _chunks(values: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    return (ordered[i : i + _CHUNK] for i in range(0, len(ordered), _CHUNK))


def _keep_texts(connection: Connection, texts: Texts) -> None:
    """Stores texts, each in place of the last of its kind: they are no events, nothing is learned."""
    rows = [
        {"decision_id": decision_id, "kind": kind, "body": body}
        for decision_id, kinds in texts.items()
        for kind, body in kinds.items()
    ]
    if rows:
        connection.execute(_drop_text, [{"of": r["decision_id"], "named": r["kind"]} for r in rows])
        connection.execute(insert(tables.texts), rows)


def _replace_snapshot(connection: Connection, snapshot: Snapshot) -> None:
    connection.execute(delete(tables.snapshots))
    connection.execute(
        insert(tables.snapshots).values(
            seq=snapshot.seq, at=snapshot.at, fingerprint=snapshot.fingerprint, payload=snapshot.payload
        )
    )
