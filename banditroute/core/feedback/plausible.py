"""What a meter may say at most: a slip of the decimal point shall not decide about a model.

A bill or a wait is taken for at most `MOST` times what the receipt expected of that model, and tokens for as
many as such a bill would pay for. The expectation was made before the answer, and follows what is learned: a
model that really is that dear is known to be so after two answers instead of one. The log keeps what was
said. Where nothing was expected to be paid, tokens count for at most as many as any model writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from banditroute.core.features import TYPICAL_TOKENS
from banditroute.types import Decision, Occasion

MOST = 100.0

LONGEST = 1_000_000.0
"""Tokens that no prompt and no answer exceeds."""

_TOKENS = ("input_tokens", "output_tokens")
_NO_PRICES: Mapping[str, tuple[float, float]] = {}


def plausible(
    decision: Decision | Occasion,
    factor: str,
    value: float,
    most: float = MOST,
    *,
    prices: Mapping[str, tuple[float, float]] = _NO_PRICES,
) -> float:
    """The USD, seconds or tokens that are believed of one answer; other factors, and USD and seconds of
    decisions without a receipt of that model, as they are. `prices` are USD per input and output token, by
    model."""
    if factor in _TOKENS:
        return min(value, _most_tokens(decision, factor, most, prices), LONGEST)
    if factor not in ("usd", "seconds"):
        return value
    expected = _expected(decision, factor)
    return min(value, most * expected) if expected > 0.0 else value


def ratio(
    decision: Decision | Occasion,
    factor: str,
    value: float,
    prices: Mapping[str, tuple[float, float]] = _NO_PRICES,
) -> float:
    """How many times what the receipt expected a value is; 0 where it expected nothing, or nothing of that
    factor."""
    expected = 0.0
    if factor in ("usd", "seconds"):
        expected = _expected(decision, factor)
    elif factor == "output_tokens" and prices.get(decision.model, (0.0, 0.0))[1] > 0.0:
        expected = _most_tokens(decision, factor, 1.0, prices)
    return value / expected if 0.0 < expected < math.inf else 0.0


def _expected(decision: Decision | Occasion, factor: str) -> float:
    """The USD or seconds that the receipt expected of the model that was chosen; 0 where it says nothing."""
    for candidate in decision.candidates:
        if candidate.model == decision.model:
            return candidate.usd if factor == "usd" else candidate.seconds
    return 0.0


def _most_tokens(
    decision: Decision | Occasion, factor: str, most: float, prices: Mapping[str, tuple[float, float]]
) -> float:
    """The tokens that `most` times the expected bill pays for."""
    given, answered = prices.get(decision.model, (0.0, 0.0))
    price, other = given, 0.0
    if factor == "output_tokens":
        price, other = answered, given * (decision.context.input_tokens or TYPICAL_TOKENS)
    expected = _expected(decision, "usd")
    if price <= 0.0 or expected <= 0.0:
        return LONGEST
    return max(most * expected - other, 0.0) / price
