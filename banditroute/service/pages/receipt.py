"""`/decisions/ID`: why this model, in sentences, bars and numbers, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from banditroute.core.feedback.fold import standing
from banditroute.errors import UnknownDecision
from banditroute.routing.wording import quoted
from banditroute.service.pages import reasons
from banditroute.service.pages.desk import Desk, View
from banditroute.service.pages.formats import gain, money, seconds
from banditroute.service.pages.parameters import parameters
from banditroute.types import Decision, Outcome

FACTORS = {
    "quality": "Quality",
    "usd": "Cost",
    "seconds": "Wait",
    "ttft_seconds": "Wait for the first token",
    "input_tokens": "Tokens read",
    "output_tokens": "Tokens written",
    "error": "Failed",
}
"""What an outcome is about, for people."""


def receipt_page(desk: Desk, decision_id: str) -> View:
    """The receipt of a decision in the event log."""
    record = desk.router.store.record(decision_id)
    if record is None:
        raise UnknownDecision(
            f"There is no decision {quoted(decision_id)}; look for it on the page Decisions, by how its id "
            "begins.",
            param="decision_id",
        )
    decision = record.decision
    values = receipt(decision) | {
        "outcomes": _outcomes(record.outcomes),
        "came": _came(decision, record.outcomes),
        "hushed": sum(1 for _ in record.outcomes) - len(standing(record.outcomes)),
    }
    return View(f"Decision {decision.id}", "receipt.html", values)


def receipt(decision: Decision, *, dry_run: bool = False) -> dict[str, object]:
    """What a receipt shows of a decision that was made, or would be."""
    candidates = sorted(decision.candidates, key=lambda c: -c.propensity)
    lows = [c.utility - 1.96 * c.sd for c in candidates]
    highs = [c.utility + 1.96 * c.sd for c in candidates]
    return {
        "d": decision,
        "dry_run": dry_run,
        "story": reasons.story(decision, dry_run=dry_run),
        "strip": reasons.strip(decision),
        "candidates": candidates,
        "least": min(lows, default=0.0),
        "most": max(highs, default=1.0),
        "excluded": [(own.model, reasons.reason(own.reason), own.detail) for own in decision.excluded],
        "limits": _limits(decision),
        "used": parameters(decision.parameters),
    }


def _limits(decision: Decision) -> list[tuple[str, str]]:
    """What the caller asked for, besides the defaults."""
    wanted, limits = decision.preferences, decision.preferences.limits
    weights = wanted.weights
    told = [
        (
            "Weights",
            f"quality × {weights.quality:g} − USD × {weights.usd:g} − seconds × {weights.second:g}"
            + (f" − first token × {weights.ttft_second:g}" if weights.ttft_second else ""),
        )
    ]
    named = (
        ("Only", ", ".join(limits.allow)),
        ("Not", ", ".join(limits.deny)),
        ("Needs", ", ".join(limits.require)),
        ("At most", money(limits.max_usd) if limits.max_usd is not None else ""),
        ("Within", seconds(limits.max_seconds) if limits.max_seconds is not None else ""),
        (
            "First token within",
            seconds(limits.max_ttft_seconds) if limits.max_ttft_seconds is not None else "",
        ),
        ("Quality at least", f"{limits.min_quality:g}" if limits.min_quality is not None else ""),
        ("Tier", wanted.tier or ""),
        ("Model", wanted.model or ""),
    )
    return told + [(name, text) for name, text in named if text]


def _outcomes(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """What was reported, the newest first; what was revised or taken back is marked."""
    stands = {outcome.seq for outcome in standing(outcomes).values()}
    return [
        {
            "what": FACTORS.get(o.factor, o.factor),
            "value": _value(o.factor, o.value),
            "source": o.source,
            "who": " · ".join(filter(None, (o.rater, o.principal if o.principal != o.rater else ""))),
            "at": o.at,
            "stands": o.seq in stands,
        }
        for o in sorted(outcomes, key=lambda o: -o.seq)
    ]


def _value(factor: str, value: float | None) -> str:
    if value is None:
        return "taken back"
    if factor == "usd":
        return money(value)
    if factor in ("seconds", "ttft_seconds"):
        return seconds(value)
    if factor == "error":
        return "yes" if value else "no"
    return f"{value:.3g}" if factor == "quality" else f"{value:,.0f}"


def _came(decision: Decision, outcomes: Sequence[Outcome]) -> str:
    """What came of it, against what was expected, in a sentence."""
    last = {o.factor: o.value for o in standing(outcomes).values() if o.value is not None}
    mine = next((c for c in decision.candidates if c.model == decision.model), None)
    if not last:
        return "Nothing was reported about this decision yet."
    if last.get("error"):
        return "The call failed."
    if mine is None:
        return ""
    parts = []
    if (value := last.get("quality")) is not None:
        parts.append(f"a quality of {value:.3g}, {gain(value - mine.quality)} points from what was expected")
    if (value := last.get("usd")) is not None:
        parts.append(f"a cost of {money(value)} (expected {money(mine.usd)})")
    if (value := last.get("seconds")) is not None:
        parts.append(f"a wait of {seconds(value)} (expected {seconds(mine.seconds)})")
    return f"It came to {'; '.join(parts)}." if parts else ""
