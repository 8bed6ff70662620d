"""What was spent: USD by the UTC day of the decision, folded like everything else the state knows.

A bill that was reported counts as reported. Where only the output tokens of an answer are known, they
count at list price. Calls that are still under way, and those nobody reports, are not in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from banditroute.core.base import Floats
from banditroute.core.features import TYPICAL_TOKENS
from banditroute.types import Model, Observation

DAY = 86_400.0
DAYS_KEPT = 2
"""Today and yesterday, for decisions around midnight; older days matter to no daily budget."""

Spending = Mapping[int, float]
"""USD by day, counted from the epoch. Never written to."""


def spent_on(spending: Spending, at: float) -> float:
    """USD spent so far on the UTC day of a time."""
    return spending.get(day_of(at), 0.0)


def day_of(at: float) -> int:
    """The UTC day of a time, counted from the epoch."""
    return int(at // DAY)


def spend(
    before: Spending, observations: Sequence[Observation], models: Sequence[Model], prices: Floats, at: float
) -> Spending:
    """The spending after some observations; days that are over by `at` are dropped.

    What is kept does not depend on the order of the observations: a day's sum is whole as long as
    the day is kept. `prices` `(k, 2)` are USD per input and output token, NaN where unknown.
    """
    oldest = day_of(at) - DAYS_KEPT + 1
    bills = [
        (day_of(o.decided_at), o.weight * usd)
        for o in observations
        if (usd := _bill(o, models, prices)) is not None
    ]
    if not bills and all(day >= oldest for day in before):
        return before
    after = {day: usd for day, usd in before.items() if day >= oldest}
    for day, usd in bills:
        if day >= oldest:
            after[day] = after.get(day, 0.0) + usd
    return after


def _bill(o: Observation, models: Sequence[Model], prices: Floats) -> float | None:
    """What an observation says was paid; None where it says nothing about that."""
    if o.factor == "usd":
        return o.value
    if o.factor != "output_tokens" or o.billed:
        return None
    for (given, answered), model in zip(prices, models, strict=True):
        if model.id == o.model and not math.isnan(answered):
            return float(given * (o.context.input_tokens or TYPICAL_TOKENS) + answered * o.value)
    return None
