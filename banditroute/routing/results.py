"""A decision and its outcomes as one row of the read model."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from operator import attrgetter

from banditroute.core.feedback.fold import standing, values
from banditroute.store.results import FACTS, Facts, Result
from banditroute.types import OTHER, Context, Decision, Outcome

_seq = attrgetter("seq")
_SOURCES = ("user", "metric", "judge", "meter")


def result_of(
    seq: int, decision: Decision, outcomes: Iterable[Outcome], classes: Collection[str] = ()
) -> Result:
    """The row of decision number `seq`; `classes` are those declared, none where any name is one. Without a
    unit, later attempts at a request are of the unit that its first decision is."""
    d, name = decision, decision.context.request_class
    chosen = next((c for c in d.candidates if c.model == d.model), None)
    facts = facts_of(d.context, outcomes)
    return Result(
        seq, d.id, d.at, name if not classes or name in classes else OTHER, d.model, d.policy, d.kind,
        d.mode, d.experiment, d.variant, d.variant_share, d.context.unit or d.root_id, d.principal,
        d.propensity, d.attempt,
        None if chosen is None else chosen.quality,
        None if chosen is None else chosen.usd,
        None if chosen is None else chosen.seconds,
        *(getattr(facts, field) for field in FACTS),
    )  # fmt: skip


def facts_of(context: Context, outcomes: Iterable[Outcome]) -> Facts:
    """What the outcomes of a decision say about it by now."""
    told = list(outcomes)
    said = values(told, error_quality=math.nan)
    if not said:
        return Facts(input_tokens=context.input_tokens)
    scores = [own for own in told if own.factor == "quality"]
    source, judge = _heard(scores) if scores and "quality" in said else (None, None)
    quality = said.get("quality", math.nan)
    return Facts(
        quality=None if math.isnan(quality) else quality,
        quality_source=source,
        judged=None if judge is None else judge.value,
        judged_by=None if judge is None else judge.rater,
        usd=said.get("usd"),
        seconds=said.get("seconds"),
        ttft_seconds=said.get("ttft_seconds"),
        input_tokens=said.get("input_tokens", context.input_tokens),
        output_tokens=said.get("output_tokens"),
        error=said.get("error"),
        told=1,
    )


def _heard(scores: list[Outcome]) -> tuple[str | None, Outcome | None]:
    """Whose score counts, and the last one of a judge."""
    stands = standing(scores).values()
    sources = {own.source for own in stands}
    judges = [own for own in stands if own.source == "judge"]
    return next((s for s in _SOURCES if s in sources), None), max(judges, key=_seq, default=None)
