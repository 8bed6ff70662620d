"""What a meter may say at most: a slip of the decimal point shall not decide about a model.

A bill or a wait is taken for at most `MOST` times what the receipt expected of that model. The expectation
was made before the answer, and follows what is learned: a model that really is that dear is known to be so
after two answers instead of one. The log keeps what was said.
"""

from __future__ import annotations

from banditroute.types import Decision, Occasion

MOST = 100.0


def plausible(decision: Decision | Occasion, factor: str, value: float, most: float = MOST) -> float:
    """The USD or seconds that are believed of one answer; other factors, and decisions without a receipt of
    that model, as they are."""
    if factor not in ("usd", "seconds"):
        return value
    for candidate in decision.candidates:
        if candidate.model == decision.model:
            expected = candidate.usd if factor == "usd" else candidate.seconds
            return min(value, most * expected) if expected > 0.0 else value
    return value
