"""What monitors hear: each fact about a decision when it is first said, in the order of the log.

A sequential test may look at every moment, but only at one course of events. So monitors take what was
first said, number by number: of an answer's quality what each speaker first said, so that who is heard may
depend on who spoke; what is revised later moves the posterior and not them. A bill that is revised or taken
back is heard as a correction, for sums of money. However the log is cut into pages, they hear the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Literal

from msgspec import Struct

from banditroute.core.feedback.fold import rank_of
from banditroute.types import Factor, Occasion, Outcome

Topic = Literal["quality", "bill", "seconds", "correction"]

MOST_VOICES = 8
"""Speakers about one answer that are heard: a monitor counts one of them."""

_SCORES: frozenset[Factor] = frozenset({"quality", "error"})
_BILLS: frozenset[Factor] = frozenset({"usd", "output_tokens"})
_by_seq = attrgetter("seq")


class Heard(Struct, frozen=True):
    """One fact, as event `seq` first said it at a time. A bill is in USD, or in output tokens (`tokens`); a
    correction is what it was taken for from then on, 0 where it was taken back, and `was` before with
    `was_tokens`. Of a score, `speaker` is who said it, the principal or without one the rater, and `earlier`
    who had scored the same answer before, with the event."""

    occasion: Occasion
    topic: Topic
    value: float
    seq: int
    tokens: bool = False
    at: float = 0.0
    speaker: str = ""
    earlier: tuple[tuple[str, int], ...] = ()
    was: float = 0.0
    was_tokens: bool = False


def first_heard(
    records: Iterable[tuple[Occasion, Sequence[Outcome]]], *, after_seq: int, error_quality: float
) -> list[Heard]:
    """What was first said after event `after_seq`, in order. `records` pairs each decision with all its
    outcomes up to the last event of the page."""
    news: list[Heard] = []
    for occasion, outcomes in records:
        told = sorted(outcomes, key=_by_seq)
        said = (
            *_scores(occasion, told, error_quality), *_bills(occasion, told), *_seconds(occasion, told)
        )  # fmt: skip
        news += [heard for heard in said if heard.seq > after_seq]
    return sorted(news, key=lambda heard: (heard.seq, heard.topic))


def _scores(occasion: Occasion, told: Sequence[Outcome], error_quality: float) -> Iterator[Heard]:
    """What each speaker first said of an answer's quality."""
    spoke: dict[str, int] = {}
    for event in told:
        if (
            event.factor not in _SCORES
            or event.value is None
            or (event.factor == "error" and not event.value)
        ):
            continue
        who = event.principal or event.rater
        if who in spoke or len(spoke) >= MOST_VOICES:
            continue
        value = error_quality if event.factor == "error" else event.value
        yield Heard(
            occasion, "quality", value, event.seq, at=event.at, speaker=who, earlier=tuple(spoke.items())
        )
        spoke[who] = event.seq


def _bills(occasion: Occasion, told: Sequence[Outcome]) -> Iterator[Heard]:
    """The bill that was first told, and how it was corrected. As in `fold.values`, the highest rank that
    spoke is averaged; the sums are kept up event by event, however many speak."""
    stands: dict[tuple[str, str, str, str], tuple[int, float]] = {}
    sums: dict[tuple[str, int], tuple[float, int]] = {}
    said: tuple[float, bool] | None = None
    silent = True
    for event in told:
        if event.factor not in _BILLS:
            continue
        key = event.factor, event.source, event.rater, event.principal
        if (old := stands.pop(key, None)) is not None:
            _add(sums, event.factor, old[0], -old[1], -1)
        if event.value is not None:
            rank = rank_of(event, occasion.principal)
            stands[key] = rank, event.value
            _add(sums, event.factor, rank, event.value, 1)
        now = _mean(sums, "usd"), False
        if now[0] is None:
            now = _mean(sums, "output_tokens"), True
        value, tokens = now
        if (value, tokens) == said or (value is None and said is None):
            continue
        if silent:
            assert value is not None
            yield Heard(occasion, "bill", value, event.seq, tokens, event.at)
        else:
            was, was_tokens = said or (0.0, False)
            yield Heard(
                occasion, "correction", value or 0.0, event.seq, tokens and value is not None, event.at,
                was=was, was_tokens=was_tokens,
            )  # fmt: skip
        said, silent = None if value is None else (value, tokens), False


def _add(
    sums: dict[tuple[str, int], tuple[float, int]], factor: str, rank: int, value: float, n: int
) -> None:
    total, count = sums.pop((factor, rank), (0.0, 0))
    if count + n:
        sums[factor, rank] = total + value, count + n


def _mean(sums: dict[tuple[str, int], tuple[float, int]], factor: str) -> float | None:
    """What the highest rank says of a factor; None where nobody says anything."""
    ranks = [rank for about, rank in sums if about == factor]
    if not ranks:
        return None
    total, count = sums[factor, min(ranks)]
    return total / count


def _seconds(occasion: Occasion, told: Sequence[Outcome]) -> Iterator[Heard]:
    """How long it was first said to have taken."""
    for event in told:
        if event.factor == "seconds" and event.value is not None:
            yield Heard(occasion, "seconds", event.value, event.seq, at=event.at)
            return
