"""The in-memory twin of the event log: the same answers, gone with the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from banditroute.errors import BanditrouteError, StoreError
from banditroute.store.acknowledgement import Acknowledgement, settled
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
from banditroute.store.codec import asked, decode, encode
from banditroute.store.controls import Controls, MemoryControls
from banditroute.store.ledger import Ledger, submit
from banditroute.types import Decision, Occasion, Outcome, Receipt

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from banditroute.store.tallied import Tallied

T = TypeVar("T")


class MemoryStore:
    """Events in lists and dictionaries, for tests, simulations and a first try. Appends are settled
    at once, on the caller's thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._closed = False
        self._ledger = Ledger()
        self._decisions: dict[str, Decision] = {}
        self._outcomes: list[Outcome] = []
        self._of_decision: dict[str, list[Outcome]] = {}
        self._texts: dict[str, dict[str, str]] = {}
        self._answered: dict[str, Answered] = {}
        self._snapshot: Snapshot | None = None
        self._engine: Engine | None = None
        self.controls: Controls = MemoryControls()

    @property
    def engine(self) -> Engine:
        with self._lock:
            self._check_open()
            if self._engine is None:
                from banditroute.store.engine import memory_engine  # not before somebody asks

                self._engine = memory_engine()
            return self._engine

    @property
    def waiting(self) -> int:
        return 0

    def append_decisions(
        self, decisions: Sequence[Decision], *, texts: Texts | None = None
    ) -> Acknowledgement[None]:
        def append() -> None:
            kept = {decision.id: decode(encode(decision)) for decision in decisions}
            if len(kept) < len(decisions) or not self._decisions.keys().isdisjoint(kept):
                raise StoreError("a decision is stored already: give every decision its own id.")
            for decision_id, decision in kept.items():
                self._decisions[decision_id] = decision
                self._ledger.decisions.add(decision_id)
                self._of_decision[decision_id] = []
                self._texts[decision_id] = dict((texts or {}).get(decision_id, {}))
                if (wish := asked(decision)) is not None:
                    self._ledger.asked[decision_id] = wish

        return self._alone(append)

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
        def append() -> Receipt:
            settled = self._ledger.settle(submit(entries, idempotency_key, digest, principal))
            self._outcomes += settled.outcomes
            for outcome in settled.outcomes:
                self._of_decision[outcome.decision_id].append(outcome)
            for decision_id, kinds in settled.texts.items():
                self._texts[decision_id].update(kinds)
            self._answered.update((one.decision_id, one) for one in settled.answered)
            return settled.receipt

        return self._alone(append)

    def record(self, decision_id: str) -> Record | None:
        with self._lock:
            self._check_open()
            known = decision_id in self._decisions
            return self._as_of(decision_id, self._ledger.seq) if known else None

    def texts(self, decision_id: str) -> dict[str, str]:
        with self._lock:
            self._check_open()
            return dict(self._texts.get(decision_id, {}))

    def asked(self, decision_ids: Sequence[str]) -> dict[str, Answered]:
        with self._lock:
            self._check_open()
            wishes = self._ledger.asked
            return {key: wishes[key] for key in decision_ids if key in wishes}

    def answered(self, limit: int = 1_000) -> list[Answered]:
        with self._lock:
            self._check_open()
            return [self._answered[decision_id] for decision_id in sorted(self._answered)[:limit]]

    def taken_over(self, decision_ids: Sequence[str]) -> None:
        with self._lock:
            self._check_open()
            for decision_id in decision_ids:
                self._answered.pop(decision_id, None)

    def forget_texts(self, before: float, limit: int = 1_000) -> int:
        with self._lock:
            self._check_open()
            old = [key for key, texts in self._texts.items() if texts and self._decisions[key].at < before]
            for decision_id in old[:limit]:
                self._texts[decision_id] = {}
                self._answered.pop(decision_id, None)
            return len(old[:limit])

    def changes(self, after_seq: int, limit: int = 10_000) -> Changes:
        with self._lock:
            self._check_open()
            new = self._outcomes[after_seq : after_seq + limit]  # number n is at n - 1
            upto = new[-1].seq if new else after_seq
            touched = dict.fromkeys(outcome.decision_id for outcome in new)
            records = (self._as_of(decision_id, upto) for decision_id in touched)
            return Changes(upto, tuple(_told(record) for record in records))

    def touched(self, after_seq: int, limit: int = 10_000) -> tuple[int, tuple[str, ...]]:
        with self._lock:
            self._check_open()
            new = self._outcomes[after_seq : after_seq + limit]
            return new[-1].seq if new else after_seq, tuple(dict.fromkeys(own.decision_id for own in new))

    def decided(self, after: int, limit: int = 10_000, *, prompts: bool = True) -> Decided:
        with self._lock:
            self._check_open()
            page = list(islice(self._decisions, after, after + limit))
            records = tuple(self._as_of(decision_id, self._ledger.seq) for decision_id in page)
            wanted = page if prompts else ()
            texts = {key: kinds["prompt"] for key in wanted if "prompt" in (kinds := self._texts[key])}
            seqs = tuple(range(after + 1, after + len(page) + 1))
            return Decided(after + len(page), records, texts, seqs)

    def append_tallied(self, page: Tallied, *, patient: bool = False) -> Acknowledgement[bool]:
        from banditroute.store.tallied import TallyWriter

        engine = self.engine
        with engine.begin() as connection:
            return settled(TallyWriter(engine).write(connection, page))

    def last_seq(self) -> int:
        with self._lock:
            self._check_open()
            return self._ledger.seq

    def counts(self) -> dict[str, int]:
        with self._lock:
            self._check_open()
            return {"decisions": len(self._decisions), "outcomes": len(self._outcomes)}

    def pending(self, limit: int = 10_000) -> int:
        with self._lock:
            self._check_open()
            newest = islice(reversed(self._decisions), limit)
            told = (self._of_decision[decision_id] for decision_id in newest)
            return sum(1 for outcomes in told if not any(own.factor in SCORED for own in outcomes))

    def save_snapshot(self, snapshot: Snapshot) -> Acknowledgement[None]:
        def save() -> None:
            self._snapshot = snapshot

        return self._alone(save)

    def load_snapshot(self) -> Snapshot | None:
        with self._lock:
            self._check_open()
            return self._snapshot

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._engine is not None:
                self._engine.dispose()

    def _as_of(self, decision_id: str, upto: int) -> Record:
        outcomes = tuple(o for o in self._of_decision[decision_id] if o.seq <= upto)
        return Record(self._decisions[decision_id], outcomes)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the event log is closed: open it again.")

    def _alone(self, append: Callable[[], T]) -> Acknowledgement[T]:
        """Runs one append alone; what it gives, or refuses, is what the acknowledgement holds."""
        try:
            with self._lock:
                self._check_open()
                return settled(append())
        except BanditrouteError as error:
            return settled(error)


def _told(record: Record) -> Told:
    d = record.decision
    occasion = Occasion(
        d.id, d.at, d.context, d.model, d.kind, d.attempt, d.propensity, d.candidates, d.parameters,
        d.principal,
    )  # fmt: skip
    return Told(occasion, record.outcomes)
