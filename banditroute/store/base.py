"""What an event log is: the protocol, and what goes in and out of it.

Decisions and outcomes are appended and never changed; everything learned is a fold of them. Every
append gives an `Acknowledgement`, a Future that resolves once the event is durable, never before:
synchronous callers take `.result()`, asynchronous ones await it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from banditroute.store.acknowledgement import Acknowledgement
from banditroute.types import Decision, Outcome, Receipt


@dataclass(frozen=True, slots=True)
class Record:
    """A decision with every outcome that was kept, in order of `seq`: also what has been revised
    or taken back since. Of one (factor, source, rater) the last one stands."""

    decision: Decision
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """One page of news: the decisions touched since some event, up to and including event `upto`."""

    upto: int
    records: tuple[Record, ...]


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
    (decision, factor, source, rater) the highest number stands; the standing value told again is a
    duplicate and is not stored, another one is a revision, None takes the fact back.
    """

    def append_decisions(
        self, decisions: Sequence[Decision], *, texts: Mapping[str, Mapping[str, str]] | None = None
    ) -> Acknowledgement[None]:
        """Stores decisions without their prompts, as a whole or not at all; `texts` (`prompt`, …) are kept
        beside them, by decision, then kind."""
        ...

    def append_outcomes(
        self,
        outcomes: Sequence[Outcome],
        *,
        idempotency_key: str | None = None,
        digest: str | None = None,
        principal: str = "",
        texts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Acknowledgement[Receipt]:
        """Stores a list of outcomes as a whole or not at all; `texts` are by decision, then kind.

        Fails with UnknownDecision, or with Conflict when the principal used the idempotency key
        before with another `digest` (by default one of the outcomes' content). The same key and
        digest again store nothing and give the first receipt's `event_seq`.
        """
        ...

    def record(self, decision_id: str) -> Record | None:
        """A decision with its outcomes, or None where it was never made."""
        ...

    def texts(self, decision_id: str) -> dict[str, str]:
        """The texts kept for a decision, by kind; the last one of each kind."""
        ...

    def changes(self, after_seq: int, limit: int = 10_000) -> Changes:
        """Every decision with an outcome in `after_seq < seq <= upto`, each with all its outcomes up
        to `upto`, in order of their first new one. A page covers at most `limit` new outcomes; after
        the last one `upto` stays where it was."""
        ...

    def last_seq(self) -> int:
        """The number of the last outcome; 0 before the first."""
        ...

    def counts(self) -> dict[str, int]:
        """How many `decisions` and `outcomes` there are."""
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
