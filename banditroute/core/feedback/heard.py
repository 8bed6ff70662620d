"""What monitors hear: each fact about a decision once, when it is first said, in the order of the log.

A sequential test may look at every moment, but only at one course of events. So monitors take what was
first said, number by number; what is revised later moves the posterior and not them. However the log is
cut into pages, they hear the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from banditroute.core.feedback.fold import values
from banditroute.types import Factor, Occasion, Outcome

Topic = Literal["quality", "bill", "seconds"]

_ABOUT: dict[Topic, frozenset[Factor]] = {
    "quality": frozenset({"quality", "error"}),
    "bill": frozenset({"usd", "output_tokens"}),
    "seconds": frozenset({"seconds"}),
}


class Heard(Struct, frozen=True):
    """One fact, as event `seq` first said it at a time. A bill is in USD, or in output tokens (`tokens`)."""

    occasion: Occasion
    topic: Topic
    value: float
    seq: int
    tokens: bool = False
    at: float = 0.0


def first_heard(
    records: Iterable[tuple[Occasion, Sequence[Outcome]]], *, after_seq: int, error_quality: float
) -> list[Heard]:
    """The facts that were first said after event `after_seq`, in order. `records` pairs each decision with
    all its outcomes up to the last event of the page."""
    news = [
        heard
        for occasion, outcomes in records
        for topic in _ABOUT
        if (heard := _first(occasion, outcomes, topic, error_quality)) is not None and heard.seq > after_seq
    ]
    return sorted(news, key=lambda heard: (heard.seq, heard.topic))


def _first(
    occasion: Occasion, outcomes: Sequence[Outcome], topic: Topic, error_quality: float
) -> Heard | None:
    """What the event said that first told anything about a topic."""
    about = _ABOUT[topic]
    told = sorted((o for o in outcomes if o.factor in about and o.value is not None), key=lambda o: o.seq)
    for event in told:
        known = [o for o in outcomes if o.seq <= event.seq and o.factor in about]
        if len(known) == 1 and event.factor != "error":
            return Heard(occasion, topic, _value(event), event.seq, event.factor == "output_tokens", event.at)
        said = values(known, error_quality=error_quality)
        for factor in ("quality",) if topic == "quality" else ("usd", "output_tokens", "seconds"):
            if factor in said:
                return Heard(occasion, topic, said[factor], event.seq, factor == "output_tokens", event.at)
    return None


def _value(outcome: Outcome) -> float:
    assert outcome.value is not None
    return outcome.value
