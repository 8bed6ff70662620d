"""What a list of outcomes means to the log: duplicate, revision, retraction, replay or refusal.

Every store settles its lists here, so that all of them mean the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import msgspec

from banditroute.errors import Conflict, RequestError, UnknownDecision
from banditroute.types import Outcome, Receipt

Fact = tuple[str, str, str, str]
"""Decision, factor, source and rater: of each, one value stands."""

Key = tuple[str, str]
"""Principal and idempotency key."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One list of outcomes as handed in, checked, waiting to be settled."""

    outcomes: tuple[Outcome, ...]
    principal: str
    idempotency_key: str | None
    digest: str
    texts: Mapping[str, Mapping[str, str]]

    @property
    def key(self) -> Key | None:
        """What a replay is known by; None where the sender gave no key."""
        return None if self.idempotency_key is None else (self.principal, self.idempotency_key)

    def decisions(self) -> set[str]:
        """The ids of all decisions it speaks of."""
        return {outcome.decision_id for outcome in self.outcomes}.union(self.texts)


@dataclass(frozen=True, slots=True)
class Settled:
    """What is to be stored of a submission, and what its sender is told. `first` is False when the
    idempotency key was seen before."""

    receipt: Receipt
    outcomes: tuple[Outcome, ...]
    first: bool


@dataclass(slots=True)
class Ledger:
    """What must be known to settle lists: the decisions made, the values (and their `seq`) that
    stand, the digest and last event of each idempotency key, and the last event of all.

    Settling moves it on, so that a later list meets what an earlier one said. A refused list
    leaves it as it was.
    """

    decisions: set[str] = field(default_factory=set)
    standing: dict[Fact, tuple[float | None, int]] = field(default_factory=dict)
    keys: dict[Key, tuple[str, int]] = field(default_factory=dict)
    seq: int = 0

    def settle(self, submission: Submission) -> Settled:
        """Numbers what is new. Raises UnknownDecision or Conflict, both before anything moves."""
        key = submission.key
        if key is not None and key in self.keys:
            return _again(submission, *self.keys[key])
        for decision_id in sorted(submission.decisions() - self.decisions):
            raise UnknownDecision(
                f"no decision {decision_id!r} is known: send the decision_id that the routing reply gave.",
                param="decision_id",
            )
        kept: list[Outcome] = []
        event_seq = 0
        for outcome in submission.outcomes:
            fact = (outcome.decision_id, outcome.factor, outcome.source, outcome.rater)
            value, seq = self.standing.get(fact, (None, 0))
            if outcome.value != value:
                self.seq = seq = self.seq + 1
                self.standing[fact] = (outcome.value, seq)
                kept.append(_kept(outcome, seq, submission))
            event_seq = max(event_seq, seq)
        if key is not None:
            self.keys[key] = (submission.digest, event_seq)
        receipt = Receipt(len(kept), len(submission.outcomes) - len(kept), event_seq)
        return Settled(receipt, tuple(kept), first=True)


def submit(
    outcomes: Sequence[Outcome],
    idempotency_key: str | None,
    digest: str | None,
    principal: str,
    texts: Mapping[str, Mapping[str, str]] | None,
) -> Submission:
    """Checks a list and makes it ready to be settled; raises RequestError where a value is no number
    or a string is no text, so that it cannot harm the others it would be written with."""
    for outcome in outcomes:
        if outcome.value is not None and not isfinite(outcome.value):
            raise RequestError(
                f"{outcome.factor} must be a finite number, got {outcome.value}.", param="value"
            )
    handed = {decision_id: dict(kinds) for decision_id, kinds in texts.items()} if texts else {}
    try:
        msgspec.json.encode((outcomes, handed, principal, idempotency_key))
    except UnicodeEncodeError as error:
        raise RequestError("a text holds half a character (a lone surrogate): send valid Unicode.") from error
    if idempotency_key is not None and digest is None:
        told = [
            (o.decision_id, o.factor, o.value, o.source, o.rater, o.principal, o.weight) for o in outcomes
        ]
        digest = hashlib.sha256(msgspec.json.encode((told, handed, principal))).hexdigest()
    return Submission(tuple(outcomes), principal, idempotency_key, digest or "", handed)


def _again(submission: Submission, digest: str, event_seq: int) -> Settled:
    """A key that was used before: the same list once more, or somebody's mistake."""
    if submission.digest != digest:
        raise Conflict(
            "this idempotency_key came before with another body: use a new key for a new request.",
            param="idempotency_key",
        )
    return Settled(Receipt(0, len(submission.outcomes), event_seq), (), first=False)


def _kept(outcome: Outcome, seq: int, submission: Submission) -> Outcome:
    """The outcome as it enters the log."""
    return Outcome(
        decision_id=outcome.decision_id,
        factor=outcome.factor,
        value=None if outcome.value is None else float(outcome.value),
        source=outcome.source,
        seq=seq,
        at=outcome.at,
        rater=outcome.rater,
        principal=outcome.principal or submission.principal,
        weight=outcome.weight,
        idempotency_key=outcome.idempotency_key or submission.idempotency_key,
    )
