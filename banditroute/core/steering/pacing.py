"""Pacing: a shadow price on cost and on wait that keeps their means at a target.

To maximise utility under a mean spend of ρ is to maximise `utility − λ·usd` at the right λ ≥ 0, the shadow
price. It is found online, by a step of dual descent for each bill: dearer than ρ raises λ, cheaper lowers it
(Agrawal and Devanur 2014; Balseiro, Lu and Mirrokni 2020). A choice is then made by weights that have λ
on top, so it stays one of Thompson's, with exact propensities, and the receipt says the λ.

What was over- or underspent is carried along and made up for over the next few hundred requests, so that the
realised mean meets ρ and not only the price settles. A budget for the day has ρ for what is left of both,
the money and the day. The step is in units of ρ: λ moves as it would if costs were quoted in cents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from banditroute.config.feedback import BudgetSettings
from banditroute.core.base import Floats
from banditroute.core.features import TYPICAL_TOKENS
from banditroute.core.feedback.heard import Heard
from banditroute.core.feedback.plausible import plausible
from banditroute.core.spending import DAY, day_of
from banditroute.types import Occasion, Weights

GAIN = 0.01
"""How far one bill of twice the target moves the price, in units of `WORTH` per target."""

WORTH = 0.1
"""Utility that a request's target spend is taken to be worth: the scale of prices, not their size."""

RECOVERY = 300.0
"""Requests over which what was over- or underspent is made up for."""

AHEAD = 24.0
"""The rate of the moment is taken to last this many times as long as the day has been going."""

MOST = 20.0
"""A bill counts for at most this many times what was expected: one absurd one shall not stop a day."""

CARRIED = 500.0
"""At most this many requests' targets are carried along: a quiet week does not buy a wild day."""


class Dual(Struct, frozen=True):
    """A shadow price, what is left of what was allowed so far, and the number of bills."""

    price: float = 0.0
    left: float = 0.0
    n: int = 0

    def paid(self, amount: float, target: float, ceiling: float) -> Dual:
        """After a bill where each is meant to be `target` on average; what is left is carried along."""
        most = CARRIED * target
        left = min(max(self.left + target - amount, -most), most)
        return Dual(self._moved(amount, target + left / RECOVERY, target, ceiling), left, self.n + 1)

    def corrected(self, by: float, target: float) -> Dual:
        """After a bill turned out higher by so much: what is left is less, the price as it was."""
        most = CARRIED * target
        return Dual(self.price, min(max(self.left - by, -most), most), self.n)

    def due(self, amount: float, aim: float, typical: float, ceiling: float) -> Dual:
        """After a bill that was meant to be `aim`; `typical` is what bills are like on the whole."""
        return Dual(self._moved(amount, aim, typical, ceiling), self.left, self.n + 1)

    def _moved(self, amount: float, aim: float, typical: float, ceiling: float) -> float:
        # In proportion to the price too: where targets change by the hour, so does the size of prices.
        step = GAIN * (WORTH / typical + self.price) * (amount - aim) / typical
        return min(max(self.price + step, 0.0), ceiling)


class Day(Struct, frozen=True):
    """What was paid today: USD and bills, the bills of the day before (0 before the second day), the times of
    the day's first and last decision, and the mean time between decisions, over about thirty."""

    day: int = -1
    usd: float = 0.0
    bills: int = 0
    before: int = 0
    first: float = 0.0
    at: float = 0.0
    interval: float = 0.0

    def with_bill(self, usd: float, at: float) -> Day:
        """After a bill; one of an earlier day, come late, counts for none."""
        day = day_of(at)
        if day < self.day:
            return self
        waited = max(0.0, at - self.at) if self.day >= 0 else 0.0
        known = min(self.bills + self.before, 30)
        interval = waited if known <= 1 else self.interval + (waited - self.interval) / known
        if day > self.day:
            return Day(day, usd, 1, self.bills, at, at, interval)
        last = max(at, self.at)
        return Day(day, self.usd + usd, self.bills + 1, self.before, self.first, last, interval)

    def corrected(self, by: float, at: float) -> Day:
        """After a bill of a decision made at a time was found to have been higher by so much."""
        return replace(self, usd=self.usd + by) if day_of(at) == self.day else self

    def to_come(self) -> float:
        """Bills that the rest of the day may bring: as many as came yesterday, or at the rate of the
        moment; halfway, since the one knows nothing of growth and the other nothing of the night. A minute's
        rate says something of the next half hour, and nothing of the day."""
        seen = self.at - self.first
        left = min((self.day + 1) * DAY - self.at, AHEAD * (seen + 60.0))
        at_rate = left / max(self.interval, 1e-3)
        if self.before == 0:
            return max(at_rate, 1.0)
        return max(0.5 * at_rate + 0.5 * max(self.before - self.bills, 0), 1.0)


class Pace(Struct, frozen=True):
    """The shadow prices, and what today has cost."""

    usd: Dual = Dual()
    seconds: Dual = Dual()
    today: Day = Day()

    def fold(self, heard: Heard, budget: BudgetSettings, prices: Mapping[str, tuple[float, float]]) -> Pace:
        """After one fact. `prices` are USD per input and output token, by model."""
        if heard.topic == "seconds" and budget.seconds_per_request is not None:
            waited = plausible(heard.occasion, "seconds", heard.value, MOST)
            seconds = self.seconds.paid(waited, budget.seconds_per_request, budget.max_shadow_second)
            return Pace(self.usd, seconds, self.today)
        if heard.topic == "correction":
            return self._corrected(heard, budget, prices)
        usd = billed_usd(heard, prices) if heard.topic == "bill" else None
        if usd is None:
            return self
        today, known, ceiling = self.today.with_bill(usd, heard.occasion.at), self.usd, budget.max_shadow_usd
        if budget.usd_per_day is not None:
            to_come = today.to_come()
            typical = budget.usd_per_day / (today.bills + to_come)
            aim = min(max(budget.usd_per_day - today.usd, 0.0) / to_come, 4.0 * typical)
            if budget.usd_per_request is None or aim < budget.usd_per_request:
                return Pace(known.due(usd, aim, typical, ceiling), self.seconds, today)
        if budget.usd_per_request is not None:
            known = known.paid(usd, budget.usd_per_request, ceiling)
        return Pace(known, self.seconds, today)

    def _corrected(
        self, heard: Heard, budget: BudgetSettings, prices: Mapping[str, tuple[float, float]]
    ) -> Pace:
        """After a bill was revised or taken back: money counts as it is, prices were set meanwhile."""
        by = correction_usd(heard, prices)
        known, target = self.usd, budget.usd_per_request
        if target is not None:
            known = known.corrected(by, target)
        return Pace(known, self.seconds, self.today.corrected(by, heard.occasion.at))

    def distance(self, other: Pace) -> float:
        """The largest relative difference of the prices."""
        pairs = ((self.usd.price, other.usd.price), (self.seconds.price, other.seconds.price))
        return max(abs(one - two) / max(abs(one), abs(two), 1e-6) for one, two in pairs)

    def weights(self, own: Weights) -> Weights:
        """A request's weights with the shadow prices on top."""
        return Weights(
            own.quality, own.usd + self.usd.price, own.second + self.seconds.price, own.ttft_second
        )


def billed_usd(heard: Heard, prices: Mapping[str, tuple[float, float]]) -> float | None:
    """What a bill counts for; None where only tokens are known and no price is. `prices` are USD per input
    and output token, by model."""
    return _usd(heard.occasion, heard.value, prices, tokens=heard.tokens)


def correction_usd(heard: Heard, prices: Mapping[str, tuple[float, float]]) -> float:
    """By how much a correction raises what a bill counts for, in USD; it may be negative."""
    now = _usd(heard.occasion, heard.value, prices, tokens=heard.tokens)
    was = _usd(heard.occasion, heard.was, prices, tokens=heard.was_tokens)
    return (now or 0.0) - (was or 0.0)


def _usd(
    occasion: Occasion, amount: float, prices: Mapping[str, tuple[float, float]], *, tokens: bool
) -> float | None:
    """An amount of USD, or of output tokens, in USD as far as they are plausible."""
    if tokens:
        if occasion.model not in prices:
            return None
        given, answered = prices[occasion.model]
        amount = given * (occasion.context.input_tokens or TYPICAL_TOKENS) + answered * amount
    return plausible(occasion, "usd", amount, MOST)


def token_prices(models: Sequence[str], prices: Floats) -> dict[str, tuple[float, float]]:
    """USD per input and output token by model id, for those that have them; `prices` is `(k, 2)`."""
    return {
        model: (float(paid_in), float(paid_out))
        for model, (paid_in, paid_out) in zip(models, prices, strict=True)
        if paid_out == paid_out
    }
