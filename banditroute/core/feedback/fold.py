"""Events -> observations: what a set of outcomes says about one decision, and what changed.

State keeps sums and no history, so a revision must arrive as the old value taken back and the new
one added. Both are pure functions of the outcomes in the log: what those up to the last folded
sequence number said, against what all of them say now. Hence repeated, late, revised and retracted
feedback gives the same state as the clean sequence would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct

from banditroute.core.feedback.plausible import plausible, ratio
from banditroute.core.feedback.scores import Score, scores, speaker_of
from banditroute.types import Decision, Factor, Observation, Occasion, Outcome

_by_seq = attrgetter("seq")
_RANK = {"user": 0, "metric": 1, "judge": 2, "meter": 3}
_METERED: tuple[Factor, ...] = ("output_tokens", "usd", "seconds", "ttft_seconds")
_NO_PRICES: Mapping[str, tuple[float, float]] = {}


def standing(outcomes: Iterable[Outcome]) -> dict[tuple[str, str, str, str], Outcome]:
    """The outcome that stands for each (factor, source, rater, principal): the highest sequence number."""
    latest: dict[tuple[str, str, str, str], Outcome] = {}
    for o in sorted(outcomes, key=_by_seq):
        latest[o.factor, o.source, o.rater, o.principal or ""] = o
    return {key: o for key, o in latest.items() if o.value is not None}


def values(outcomes: Iterable[Outcome], *, error_quality: float, owner: str = "") -> dict[Factor, float]:
    """What the outcomes of one decision say together, per factor.

    People outrank metrics, metrics judges, judges meters; within the highest rank that spoke, the
    raters' values are averaged. Of what a call cost and how long it took, the principal who asked for the
    decision, its `owner`, knows better than all others. A failed call without a score counts as
    `error_quality`.
    """
    facts = standing(outcomes).values()
    said = {o.factor: o.value for o in facts if o.value is not None}
    if len(said) < len(facts):  # several spoke about one factor
        said = _agreed(facts, owner)
    if said.get("error") and "quality" not in said:
        said["quality"] = error_quality
    return said


def rank_of(outcome: Outcome, owner: str) -> int:
    """The lowest is believed: first the owner of a decision, but for its quality, then people and so on."""
    owned = owner and outcome.principal == owner and outcome.factor != "quality"
    return -1 if owned else _RANK[outcome.source]


def _speakers(facts: Iterable[Outcome], owner: str) -> dict[Factor, str]:
    """Per factor, who said what `_agreed` takes; nobody in particular where several did."""
    by_factor: dict[Factor, list[tuple[int, str]]] = {}
    for o in facts:
        by_factor.setdefault(o.factor, []).append((rank_of(o, owner), speaker_of(o)))
    said: dict[Factor, str] = {}
    for factor, ranked in by_factor.items():
        best = [speaker for rank, speaker in ranked if rank == min(ranked)[0]]
        said[factor] = best[0] if len(best) == 1 else ""
    return said


def _agreed(facts: Iterable[Outcome], owner: str) -> dict[Factor, float]:
    """Per factor, the mean of what the highest rank that spoke said."""
    by_factor: dict[Factor, dict[int, list[float]]] = {}
    for o in facts:
        if o.value is not None:
            by_factor.setdefault(o.factor, {}).setdefault(rank_of(o, owner), []).append(o.value)
    said: dict[Factor, float] = {}
    for factor, ranks in by_factor.items():
        best = sorted(ranks[min(ranks)])  # sorted: the same sum whatever order they came in
        said[factor] = sum(best) / len(best)
    return said


def observations(
    records: Sequence[tuple[Decision | Occasion, Sequence[Outcome]]],
    *,
    after_seq: int,
    error_quality: float,
    rater_correlation: float = 0.5,
    prices: Mapping[str, tuple[float, float]] = _NO_PRICES,
) -> list[Observation]:
    """What to learn: the difference between what outcomes up to `after_seq` said and all say.

    `records` pairs each decision with all its outcomes up to the sequence number being folded.
    `rater_correlation` is that of the errors of several people about one answer (`scores`), `prices` are USD
    per input and output token, by model.
    """
    changed: list[Observation] = []
    for decision, outcomes in records:
        known = [o for o in outcomes if o.seq <= after_seq]
        owner = decision.principal
        before = _said(known, owner, error_quality, rater_correlation) if known else _SILENCE
        now = _said(outcomes, owner, error_quality, rater_correlation)
        if before.scores != now.scores:
            for said, weight in ((before, -1.0), (now, 1.0)):
                changed += [
                    Observation(
                        decision.context, decision.model, "quality", one.value, decision.at,
                        weight * one.weight, speaker=one.speaker, instrument=one.instrument,
                        people=one.people,
                    )
                    for one in said.scores
                ]  # fmt: skip
        for said, weight in ((before, -1.0), (now, 1.0)):
            elsewhere = now if weight < 0.0 else before
            facts, other = said.facts, elsewhere.facts
            metered, billed = "output_tokens" in facts, "usd" in facts
            for factor in _METERED:
                if factor not in facts:
                    continue
                unchanged = (
                    facts[factor] == other.get(factor)
                    and said.who[factor] == elsewhere.who[factor]
                    and (factor != "usd" or metered == ("output_tokens" in other))
                    and (factor != "output_tokens" or billed == ("usd" in other))
                )
                if not unchanged:
                    value = plausible(decision, factor, facts[factor], prices=prices)
                    changed.append(
                        Observation(
                            decision.context, decision.model, factor, value, decision.at, weight,
                            metered, billed, said.who[factor], ratio=ratio(decision, factor, value, prices),
                        )
                    )  # fmt: skip
    return changed


class _Said(Struct, frozen=True):
    """What outcomes of one decision say: readings of its quality, and the other facts and who said them."""

    scores: tuple[Score, ...] = ()
    facts: dict[Factor, float] = {}
    who: dict[Factor, str] = {}


_SILENCE = _Said()


def _said(outcomes: Iterable[Outcome], owner: str, error_quality: float, correlation: float) -> _Said:
    stands = list(standing(outcomes).values())
    quality = [o for o in stands if o.factor == "quality"]
    rest = [o for o in stands if o.factor != "quality"] if quality else stands
    facts = {o.factor: o.value for o in rest if o.value is not None}
    if len(facts) < len(rest):  # several spoke about one factor
        facts, who = _agreed(rest, owner), _speakers(rest, owner)
    else:
        who = {o.factor: speaker_of(o) for o in rest}
    failed = next((o for o in rest if o.factor == "error" and o.value), None) if facts.get("error") else None
    said = scores(quality, failed=failed, error_quality=error_quality, correlation=correlation)
    return _Said(said, facts, who)
