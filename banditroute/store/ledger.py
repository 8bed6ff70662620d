"""What a list of outcomes means to the log: duplicate, revision, retraction, replay or refusal.

Every store settles its lists here, so that all of them mean the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import msgspec
from msgspec import Struct

from banditroute.errors import Conflict, RequestError, UnknownDecision
from banditroute.store.base import Answered, Entry, Texts
from banditroute.types import Outcome, Receipt

Fact = tuple[str, str, str, str, str]
"""Decision, factor, source, rater and principal: of each, one value stands. Nobody revises or takes back
what another principal said."""

RESPONSE = "response"
"""The kind of text that an answer is."""

Key = tuple[str, str]
"""Principal and idempotency key."""


class Submission(Struct, frozen=True):
    """A list as handed in, checked, waiting to be settled.

    `keys` holds the digest of each idempotency key in it: that of the list, and those of its entries.
    """

    entries: tuple[Entry, ...]
    principal: str
    idempotency_key: str | None
    keys: Mapping[str, str]

    def decisions(self) -> set[str]:
        """The ids of all decisions it speaks of."""
        spoken = {outcome.decision_id for entry in self.entries for outcome in entry.outcomes}
        for entry in self.entries:
            spoken.update(entry.texts, entry.answers)
        return spoken

    def responses(self) -> set[str]:
        """The ids of the decisions whose answer it holds."""
        return {
            decision_id
            for entry in self.entries
            for texts in (entry.texts, entry.answers)
            for decision_id, kinds in texts.items()
            if RESPONSE in kinds
        }


class Settled(Struct, frozen=True):
    """What is to be stored of a submission, and what its sender is told. `keys` are the idempotency
    keys that were not seen before, each with its digest and last event; `answered` are the decisions that
    asked for the answers in it."""

    receipt: Receipt
    outcomes: tuple[Outcome, ...]
    texts: Texts
    keys: Mapping[Key, tuple[str, int]]
    answered: tuple[Answered, ...] = ()


@dataclass(slots=True)
class Ledger:
    """What must be known to settle lists: the decisions made, the values (and their `seq`) that
    stand, the digest and last event of each idempotency key, those of the decisions that asked for their
    answer, and the last event of all.

    Settling moves it on, so that a later list meets what an earlier one said. A refused list
    leaves it as it was.
    """

    decisions: set[str] = field(default_factory=set)
    standing: dict[Fact, tuple[float | None, int]] = field(default_factory=dict)
    keys: dict[Key, tuple[str, int]] = field(default_factory=dict)
    asked: dict[str, Answered] = field(default_factory=dict)
    seq: int = 0

    def settle(self, submission: Submission) -> Settled:
        """Numbers what is new. Raises UnknownDecision or Conflict, both before anything moves."""
        self._check(submission)
        principal, whole = submission.principal, submission.idempotency_key
        if whole is not None and (principal, whole) in self.keys:
            count = sum(len(entry.outcomes) for entry in submission.entries)
            return Settled(Receipt(0, count, self.keys[principal, whole][1]), (), {}, {})
        kept: list[Outcome] = []
        texts: dict[str, dict[str, str]] = {}
        fresh: dict[Key, tuple[str, int]] = {}
        count = last = 0
        for entry in submission.entries:
            key = entry.idempotency_key
            count += len(entry.outcomes)
            if key is not None and (principal, key) in self.keys:
                last = max(last, self.keys[principal, key][1])
                continue
            event_seq = self._number(entry.outcomes, principal, key or whole, kept)
            last = max(last, event_seq)
            for decision_id, kinds in entry.texts.items():
                texts.setdefault(decision_id, {}).update(kinds)
            for decision_id, kinds in entry.answers.items():
                wish = self.asked.get(decision_id)
                if wish is not None and wish.at >= entry.answers_since:
                    texts.setdefault(decision_id, {}).update(kinds)
            if key is not None:
                self.keys[principal, key] = fresh[principal, key] = (submission.keys[key], event_seq)
        if whole is not None:
            self.keys[principal, whole] = fresh[principal, whole] = (submission.keys[whole], last)
        answered = tuple(
            self.asked[decision_id]
            for decision_id, kinds in texts.items()
            if RESPONSE in kinds and decision_id in self.asked
        )
        return Settled(Receipt(len(kept), count - len(kept), last), tuple(kept), texts, fresh, answered)

    def _check(self, submission: Submission) -> None:
        for key, digest in submission.keys.items():
            if self.keys.get((submission.principal, key), (digest, 0))[0] != digest:
                raise Conflict(
                    "this idempotency key came before with another body: use a new key for a new request.",
                    param="idempotency_key",
                )
        for decision_id in sorted(submission.decisions() - self.decisions):
            raise UnknownDecision(
                f"no decision {decision_id!r} is known: send the decision_id that the routing reply gave.",
                param="decision_id",
            )

    def _number(
        self, outcomes: Sequence[Outcome], principal: str, key: str | None, kept: list[Outcome]
    ) -> int:
        """Numbers the news among outcomes into `kept`; gives the event that knows all of them."""
        event_seq = 0
        for outcome in outcomes:
            who = outcome.principal or principal
            fact = (outcome.decision_id, outcome.factor, outcome.source, outcome.rater, who)
            value, seq = self.standing.get(fact, (None, 0))
            if outcome.value != value:
                self.seq = seq = self.seq + 1
                self.standing[fact] = (outcome.value, seq)
                kept.append(_kept(outcome, seq, principal, key))
            event_seq = max(event_seq, seq)
        return event_seq


def submit(
    entries: Sequence[Entry], idempotency_key: str | None, digest: str | None, principal: str
) -> Submission:
    """Checks a list and makes it ready to be settled; raises RequestError where a value is no number,
    a string is no text or a key is given twice, so that it cannot harm the others it would be
    written with."""
    for entry in entries:
        for outcome in entry.outcomes:
            if outcome.value is not None and not isfinite(outcome.value):
                raise RequestError(
                    f"{outcome.factor} must be a finite number, got {outcome.value}.", param="value"
                )
    try:
        msgspec.json.encode((entries, principal, idempotency_key))
    except UnicodeEncodeError as error:
        raise RequestError("a text holds half a character (a lone surrogate): send valid Unicode.") from error
    entries = tuple(_copied(entry) for entry in entries)
    keys = {} if idempotency_key is None else {idempotency_key: digest or _digest(entries, principal)}
    for entry in entries:
        if entry.idempotency_key is not None:
            own = entry.digest or _digest([entry], principal)
            if keys.setdefault(entry.idempotency_key, own) != own:
                raise Conflict(
                    f"the idempotency key {entry.idempotency_key!r} comes twice in one request, with two "
                    "contents: give each object a key of its own.",
                    param="idempotency_key",
                )
    return Submission(entries, principal, idempotency_key, keys)


def _copied(entry: Entry) -> Entry:
    """The entry as it is now: it waits to be settled, and its sender goes on."""
    texts = {decision_id: dict(kinds) for decision_id, kinds in entry.texts.items()} if entry.texts else {}
    answers = {decision_id: dict(kinds) for decision_id, kinds in entry.answers.items()}
    return Entry(
        tuple(entry.outcomes), texts, entry.idempotency_key, entry.digest, answers, entry.answers_since
    )


def _digest(entries: Sequence[Entry], principal: str) -> str:
    """What tells one content from another, where the sender gave no digest."""
    told = [
        (o.decision_id, o.factor, o.value, o.source, o.rater, o.principal, o.weight)
        for entry in entries
        for o in entry.outcomes
    ]
    texts = [texts for entry in entries for texts in (entry.texts, entry.answers) if texts]
    return hashlib.sha256(msgspec.json.encode((told, texts, principal))).hexdigest()


def _kept(outcome: Outcome, seq: int, principal: str, idempotency_key: str | None) -> Outcome:
    """The outcome as it enters the log."""
    return Outcome(
        decision_id=outcome.decision_id,
        factor=outcome.factor,
        value=None if outcome.value is None else float(outcome.value),
        source=outcome.source,
        seq=seq,
        at=outcome.at,
        rater=outcome.rater,
        principal=outcome.principal or principal,
        weight=outcome.weight,
        idempotency_key=outcome.idempotency_key or idempotency_key,
    )
