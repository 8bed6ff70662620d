"""Whether an effect can be gone by: by enough units, and with values known of both variants alike."""

from __future__ import annotations

from banditroute.reports.ab.findings import MetricEffect

FEW_ALIKE = 100.0
"""Units that come equally often, below which nothing is decided by an interval that takes them for many."""


def few(effect: MetricEffect) -> bool:
    """Whether the sequence rests on too few units, as some make most of the requests."""
    return effect.stage == "sure" and effect.alike < FEW_ALIKE


def unlike(effect: MetricEffect) -> bool:
    """Whether values are known of one variant more often than of the other, for sure (`ab.answered`)."""
    return effect.answered is not None and effect.answered.unlike


def known_shares(effect: MetricEffect) -> str:
    """How often a metric is known of either variant."""
    found = effect.answered
    assert found is not None
    return (
        f"{_VALUES[effect.metric]} known for {found.control:.0%} of {effect.control} and "
        f"{found.treatment:.0%} of {effect.treatment}"
    )


_VALUES = {
    "quality": "scores are", "powered": "the judge's scores are", "usd": "USD are", "seconds": "seconds are",
    "reward": "rewards are", "error": "errors are", "fallback": "fallbacks are",
    "output_tokens": "output tokens are",
}  # fmt: skip
