"""Betting on a bounded mean: evidence that may be looked at after every term, kept in a few numbers.

A gambler bets that the mean of terms is higher than claimed. Against the claim m, a bet θ on a term y that is
at least −1/θ turns one unit of money into `(1 + θy)/(1 + θm)`: a martingale where m is the mean given the
past, whatever the distribution. So its wealth exceeds 1/α with probability α at most, at any time (Ville),
and claims against which it does are refuted (Waudby-Smith and Ramdas 2024, "Estimating means of bounded
random variables by betting"). The money is spread over a grid of bets.

Bets are in units of 1 over the largest loss that a term could have brought so far, so they only ever fall.
Hence what is refuted is also a claim about running means that drift: as
`log(1 + θμ) ≤ log(1 + θm) + (μ − m)/(1/θ + m)` and the last factor falls with θ, the wealth against m is
below that of a martingale as long as no running mean of the μ has been above m (summation by parts).
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, log1p

from msgspec import Struct

BETS = tuple(0.95 * 0.5**i for i in range(8))
"""In units of 1 over the largest loss."""

_ROOM = 1.05
"""A new unit allows for losses that are this many times larger still, so that there are few units."""


class Gambler(Struct, frozen=True):
    """Bets that the mean of bounded terms is higher than claimed.

    `growth` is `Σ log(1 + θy)` for each bet; `losses` are the largest losses allowed for so far, rising, and
    `counts` how many terms were betted on under each: there, θ is a number of the grid over that loss.
    """

    growth: tuple[float, ...] = (0.0,) * len(BETS)
    losses: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    def bet(self, y: float, loss: float) -> Gambler:
        """After a term, of which −`loss` was known to be the least possible value."""
        losses, counts = self.losses, self.counts
        if not losses or loss > losses[-1]:
            losses, counts = (*losses, max(1.0, loss * _ROOM)), (*counts, 0)
        by = y / losses[-1]
        growth = tuple([known + log1p(theta * by) for known, theta in zip(self.growth, BETS, strict=True)])
        return Gambler(growth, losses, (*counts[:-1], counts[-1] + 1))

    def log_wealth(self, claim: float) -> float:
        """Log of what one unit of money has become, against the claim that the mean is `claim` or less."""
        spread = [(n, claim / loss) for n, loss in zip(self.counts, self.losses, strict=True)]
        logs = [
            grown - sum([n * log1p(theta * by) for n, by in spread])
            for grown, theta in zip(self.growth, BETS, strict=True)
        ]
        top = max(logs)
        return top + log(sum([exp(one - top) for one in logs]) / len(logs))

    def least(self, goal: float) -> float:
        """The least claim in [−1, 1] against which the wealth is not above e^`goal`."""
        return _first_false(lambda claim: self.log_wealth(claim) > goal)


def _first_false(holds: Callable[[float], bool]) -> float:
    """Where in [−1, 1] a condition that holds below and not above ends."""
    low, high = -1.0, 1.0
    if not holds(low):
        return low
    if holds(high):
        return high
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
