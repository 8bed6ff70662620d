"""What was said about the quality of one answer: by people or metrics directly, by judges as instruments.

A person's score stands in place of every other one for that answer, and teaches beside it what a judge who
scored the same answer is worth, in the person's name. Scores of several people are averaged. Their errors are
alike (the same ambiguous question misleads all of them), so n of them weigh `n/(1 + (n−1)ρ)` scores, ρ their
correlation: the variance of a mean of n equally correlated errors (Kish 1965, Survey Sampling, the design
effect). Several judges weigh as much as one: ρ is 1 of models that read the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from banditroute.core.feedback.instruments import instrument_of
from banditroute.types import Outcome

_DIRECT = ("user", "metric", "meter")


class Score(Struct, frozen=True):
    """One reading of an answer's quality; the last three as in `types.Observation`."""

    value: float
    weight: float = 1.0
    speaker: str = ""
    instrument: str = ""
    people: float | None = None


def scores(
    facts: Sequence[Outcome], *, failed: Outcome | None, error_quality: float, correlation: float
) -> tuple[Score, ...]:
    """The readings of one answer that its standing outcomes of quality give; a call that `failed`, as
    somebody said, and that nobody scored, counts as `error_quality`. `correlation` is that of the errors of
    several people: each is heard, for a part of what all of them weigh."""
    if not facts:
        return () if failed is None else (Score(error_quality, 1.0, speaker_of(failed)),)
    if len(facts) == 1 and facts[0].source != "judge":
        return (Score(_value(facts[0]), 1.0, speaker_of(facts[0])),)
    direct: tuple[Score, ...] = ()
    source = next((s for s in _DIRECT if any(o.source == s for o in facts)), "")
    judges = {instrument_of(o): _value(o) for o in facts if o.source == "judge"}
    if source == "meter" and judges:
        source = ""
    if source:
        said: dict[str, list[float]] = {}
        for value, speaker in sorted((_value(o), speaker_of(o)) for o in facts if o.source == source):
            said.setdefault(speaker, []).append(value)  # sorted: the same whatever order they came in
        n = sum(len(values) for values in said.values())
        part = 1.0 / (1.0 + (n - 1) * correlation)
        direct = tuple(
            Score(sum(values) / len(values), part * len(values), speaker)
            for speaker, values in sorted(said.items())
        )
    if not direct:
        return tuple(Score(value, 1.0 / len(judges), "", name) for name, value in sorted(judges.items()))
    if source != "user":
        return direct  # a metric outranks judges and is no measure of them
    weights = sum(score.weight for score in direct)
    return direct + tuple(
        Score(value, own.weight / weights, own.speaker, name, own.value)
        for name, value in sorted(judges.items())
        for own in direct
    )


def _value(outcome: Outcome) -> float:
    assert outcome.value is not None  # what stands has a value
    return outcome.value


def speaker_of(outcome: Outcome) -> str:
    """Who said it: the principal, or without one the rater."""
    return outcome.principal or outcome.rater
