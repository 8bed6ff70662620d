"""What an event log is: the protocol, and what goes in and out of it.

Decisions and outcomes are appended and never changed; everything learned is a fold of them. Every
append gives an `Acknowledgement`, which resolves once the event is durable, never before:
synchronous callers take `.result()`, asynchronous ones await it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from banditroute.store.acknowledgement import Acknowledgement
from banditroute.store.controls import Controls
from banditroute.types import Decision, Occasion, Outcome, Receipt

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from banditroute.store.tallied import Tallied

Texts = Mapping[str, Mapping[str, str]]
"""Texts to be kept beside decisions: by decision, then kind (`prompt`, `response`, …)."""

SCORED = ("quality", "error")
"""Factors that tell how good an answer was."""


class Entry(Struct, frozen=True):
    """One part of a list: outcomes and texts, perhaps under an idempotency key of their own. `digest`
    tells its content from another one under the same key; by default it is made of the content.

    `answers` are texts that are kept only of decisions that asked for them (`Decision.wants_response`) and
    were made at the time `answers_since` or later.
    """

    outcomes: Sequence[Outcome]
    texts: Texts = {}
    idempotency_key: str | None = None
    digest: str | None = None
    answers: Texts = {}
    answers_since: float = 0.0


class Answered(Struct, frozen=True):
    """A decision that asked for its answer and got it, so that a judge can score it: sampled with which
    probability, and for which reason (`base`, the uniform audit, or `value`); made at which time."""

    decision_id: str
    sampled: float
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Record:
    """A decision with every outcome that was kept, in order of `seq`: also what has been revised
    or taken back since. Of one (factor, source, rater, principal) the last one stands."""

    decision: Decision
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a fold needs of a decision, and every outcome of it, as in a `Record`."""

    decision: Occasion
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """One page of news: the decisions touched since some event, up to and including event `upto`."""

    upto: int
    records: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """One page of decisions in the order in which they were stored, up to and including number `upto`.
    `prompts` holds those that were kept, by decision; `seqs` are the numbers of the decisions."""

    upto: int
    records: tuple[Record, ...]
    prompts: Mapping[str, str]
    seqs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folded state as of event `seq`: a cache. `fingerprint` says what it was folded under."""

    seq: int
    at: float
    fingerprint: str
    payload: bytes


class Store(Protocol):
    """The event log. Safe to use from several threads; reading never waits for writing.

    Outcomes are numbered from 1 in the order in which they were stored, decisions apart. Of one
    (decision, factor, source, rater, principal) the highest number stands; the standing value told again is a
    duplicate and is not stored, another one is a revision, None takes the fact back.
    """

    @property
    def engine(self) -> Engine:
        """The database behind the log, for the tables that are kept beside the events (keys, jobs, controls);
        for a log in memory one of its own, made when it is first asked for."""
        ...

    @property
    def controls(self) -> Controls:
        """What operators did and were told: events beside those of decisions."""
        ...

    @property
    def waiting(self) -> int:
        """How many writes wait for the next commit, about."""
        ...

    def append_decisions(
        self, decisions: Sequence[Decision], *, texts: Texts | None = None
    ) -> Acknowledgement[None]:
        """Stores decisions without their prompts, as a whole or not at all; `texts` are kept beside them."""
        ...

    def append_outcomes(
        self,
        outcomes: Sequence[Outcome],
        *,
        idempotency_key: str | None = None,
        digest: str | None = None,
        principal: str = "",
        texts: Texts | None = None,
    ) -> Acknowledgement[Receipt]:
        """Stores outcomes and texts as `append_list` does a list of one entry."""
        ...

    def append_list(
        self,
        entries: Sequence[Entry],
        *,
        idempotency_key: str | None = None,
        digest: str | None = None,
        principal: str = "",
    ) -> Acknowledgement[Receipt]:
        """Stores a list as a whole or not at all.

        Fails with UnknownDecision, or with Conflict when the principal used an idempotency key, the
        list's or an entry's, before with another `digest` (by default one of the content), or uses it
        twice in the list with two. What comes again under its key and digest, the list or one of its
        entries, stores nothing and counts with the `event_seq` it had at first.
        """
        ...

    def record(self, decision_id: str) -> Record | None:
        """A decision with its outcomes, or None where it was never made."""
        ...

    def texts(self, decision_id: str) -> dict[str, str]:
        """The texts kept for a decision, by kind; the last one of each kind."""
        ...

    def asked(self, decision_ids: Sequence[str]) -> dict[str, Answered]:
        """Those of some decisions that asked for their answer, whether it came or not."""
        ...

    def answered(self, limit: int = 1_000) -> list[Answered]:
        """Decisions whose answer came since they were last taken over, oldest decision first."""
        ...

    def taken_over(self, decision_ids: Sequence[str]) -> None:
        """Says that what `answered` told of these decisions is in other hands."""
        ...

    def forget_texts(self, before: float, limit: int = 1_000) -> int:
        """Deletes the texts of at most `limit` decisions made before a time, and says of how many."""
        ...

    def changes(self, after_seq: int, limit: int = 10_000) -> Changes:
        """Every decision with an outcome in `after_seq < seq <= upto`, each with all its outcomes up
        to `upto`, in order of their first new one. A page covers at most `limit` new outcomes; after
        the last one `upto` stays where it was."""
        ...

    def touched(self, after_seq: int, limit: int = 10_000) -> tuple[int, tuple[str, ...]]:
        """The same page of news by ids alone: its `upto`, and which decisions it is about."""
        ...

    def decided(self, after: int, limit: int = 10_000, *, prompts: bool = True) -> Decided:
        """The next `limit` decisions after number `after` (0 at first), each with all its outcomes; after
        the last one `upto` stays where it was. Prompts are read only where they are wanted."""
        ...

    def append_tallied(self, page: Tallied, *, patient: bool = False) -> Acknowledgement[bool]:
        """Stores a page of the read model; False where another process has moved its cursor meanwhile. A
        `patient` page waits for events to be committed with, for a moment."""
        ...

    def last_seq(self) -> int:
        """The number of the last outcome; 0 before the first."""
        ...

    def counts(self) -> dict[str, int]:
        """How many `decisions` and `outcomes` there are."""
        ...

    def pending(self, limit: int = 10_000) -> int:
        """How many of the last `limit` decisions nobody has told yet how good their answers were."""
        ...

    def save_snapshot(self, snapshot: Snapshot) -> Acknowledgement[None]:
        """Stores a snapshot in place of the last one."""
        ...

    def load_snapshot(self) -> Snapshot | None:
        """The last snapshot that was saved."""
        ...

    def close(self) -> None:
        """Writes what was queued, then ends. Later calls fail with StoreError; closing twice is fine."""
        ...
