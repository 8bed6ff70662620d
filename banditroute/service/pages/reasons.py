"""A receipt in sentences: why this model, what spoke for it, and why the others could not be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from banditroute.service.pages.formats import money, quality, seconds, share
from banditroute.types import Candidate, Decision

EXCLUDED = {
    "rule": "A rule keeps it out",
    "tier": "Not of the tier asked for",
    "forced": "Another model was named",
    "allow": "Not among the allowed models",
    "deny": "Denied by the caller",
    "tag": "Lacks a tag",
    "capability": "Lacks a capability",
    "context_window": "The request is too long for it",
    "max_usd": "Too expensive",
    "max_seconds": "Too slow",
    "max_ttft_seconds": "Too slow to begin",
    "min_quality": "Not good enough",
    "not_probed": "Not probed yet",
    "probe_failed": "Failed its golden tasks",
    "masked": "Its calls fail at the moment",
    "unsure": "The class is not clear enough",
}
"""Reasons of exclusions, for people."""

_LEAST = 0.0005
"""A part of utility below which it decides nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the strip that the draw falls on: from `start`, `width` wide, of a whole of 1."""

    model: str
    start: float
    width: float


def strip(decision: Decision) -> list[Part]:
    """The candidates side by side, each as wide as its probability, in the order of the draw."""
    ends = list(accumulate(c.propensity for c in decision.candidates))
    return [
        Part(c.model, end - c.propensity, c.propensity)
        for c, end in zip(decision.candidates, ends, strict=True)
        if c.propensity > 0
    ]


def story(decision: Decision, *, dry_run: bool = False) -> list[str]:
    """Why this model, in a few sentences."""
    told = [_request(decision), *_experiment(decision)]
    if decision.kind == "caller":
        told.append(f"The caller named {decision.model}, so there was nothing to choose.")
    elif len(decision.candidates) == 1:
        told.append(f"Only {decision.model} was left: every other model was excluded, as listed below.")
    else:
        told += [*_rule(decision), *_choice(decision, dry_run), *_tipped(decision)]
    if decision.attempt > 1:
        told.append(f"This is attempt {decision.attempt}, after an earlier model failed or was not enough.")
    return told + _mode(decision)


def reason(code: str) -> str:
    """A reason of exclusion, for people."""
    return EXCLUDED.get(code, code.replace("_", " ").capitalize())


def _request(decision: Decision) -> str:
    context = decision.context
    size = ""
    if context.input_tokens is not None:
        size = f" of {'about ' if context.input_tokens_estimated else ''}{context.input_tokens:,} tokens"
    found = "as the caller said"
    if context.confidence is not None:
        found = f"found from its text with confidence {share(context.confidence)}"
    elif context.request_class == "other":
        found = "the class of whatever is not declared"
    return f"A request{size} of class {context.request_class} ({found})."


def _experiment(decision: Decision) -> list[str]:
    if decision.variant is None:
        return []
    where = f" of the experiment {decision.experiment}" if decision.experiment else ""
    who = f"Unit {decision.context.unit}" if decision.context.unit else "This request"
    return [
        f"{who} is in the variant {decision.variant}{where}, which gets {share(decision.variant_share)}; "
        f"that variant's policy, {decision.policy}, chose."
    ]


def _rule(decision: Decision) -> list[str]:
    return [f"A rule spoke: {decision.rule.rstrip('.')}."] if decision.rule else []


def _choice(decision: Decision, dry_run: bool) -> list[str]:
    ranked = sorted(decision.candidates, key=lambda c: -c.propensity)
    first, mine, among = ranked[0], decision.propensity, len(ranked)
    if mine >= 1 - 1e-9 and not _learns(decision):
        return [f"The rule {decision.policy} takes {decision.model} of {among} models."]
    if mine >= 1 - 1e-9:
        return [f"Of {among} models, {decision.model} is all but sure to be worth most."]
    drawn = "would be drawn" if dry_run else "was drawn"
    told = [
        f"{decision.model} {drawn} with probability {share(mine)} from {among} models"
        + (": by all that is known so far, that is its chance to be worth most." if _plain(decision) else ".")
    ]
    if first.model != decision.model:
        told.append(
            f"{first.model} was likelier ({share(first.propensity)}). Each model is taken as often as it may "
            "be the best one, which is how the router goes on learning about all of them."
        )
    return told


def _tipped(decision: Decision) -> list[str]:
    """What speaks for the chosen one, against the best of the others by expected utility."""
    mine = next((c for c in decision.candidates if c.model == decision.model), None)
    others = [c for c in decision.candidates if c.model != decision.model]
    if mine is None or not others or not _learns(decision):
        return []
    rival = max(others, key=lambda c: c.utility)
    pros = [text for gain, text in _parts(decision, mine, rival) if gain >= _LEAST]
    cons = [text for gain, text in _parts(decision, mine, rival) if gain <= -_LEAST]
    if not pros and not cons:
        return [f"For this request it is expected to do just as well as {rival.model}."]
    told = f"Against {rival.model}"
    if pros:
        told += f", what speaks for it: {_and(pros)}"
    if cons:
        told += f"{';' if pros else ','} what speaks against it: {_and(cons)}"
    ahead = mine.utility - rival.utility
    side = "more" if ahead >= 0 else "less"
    return [f"{told}. In all it is expected to be worth {abs(ahead):.3f} {side}."]


def _parts(decision: Decision, mine: Candidate, rival: Candidate) -> list[tuple[float, str]]:
    """What quality, cost and wait add to the difference of utility, with the words for it, largest first."""
    weights, extra = decision.preferences.weights, decision.parameters
    usd = weights.usd + extra.get("shadow_usd", 0.0)
    second = weights.second + extra.get("shadow_second", 0.0)
    parts = [
        (
            weights.quality * (mine.quality - rival.quality),
            f"quality {quality(mine.quality)} against {quality(rival.quality)}",
        ),
        (usd * (rival.usd - mine.usd), f"cost {money(mine.usd)} against {money(rival.usd)}"),
        (
            second * (rival.seconds - mine.seconds),
            f"wait {seconds(mine.seconds)} against {seconds(rival.seconds)}",
        ),
    ]
    known = [(gain, f"{text} ({gain:+.3f})".replace("-", "−")) for gain, text in parts if gain == gain]
    return sorted(known, key=lambda part: -abs(part[0]))


def _mode(decision: Decision) -> list[str]:
    if decision.mode == "off":
        return [f"Learning does not serve at the moment: the baseline, {decision.policy}, does."]
    if decision.shadow:
        other = decision.shadow.get("model")
        if other == decision.model:
            return ["The policy that runs in its shadow would have taken the same model."]
        return [f"The policy that runs in its shadow would have taken {other}."]
    return []


def _learns(decision: Decision) -> bool:
    return any(c.sd > 0 for c in decision.candidates) and not decision.policy.startswith(
        ("fixed", "cheapest", "random", "round_robin", "rules", "per_class", "complexity", "best_prior")
    )


def _plain(decision: Decision) -> bool:
    """Whether the probabilities are those of being best, and nothing else."""
    return decision.policy == "thompson" and not decision.parameters.get("floor")


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
