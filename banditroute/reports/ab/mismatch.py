"""Sample-ratio mismatch: whether units went to the variants as they were meant to.

Where they did not, some were lost on the way, the lost ones are no random sample, and no other figure of the
experiment means anything. Both tests may be read after every unit.

Under constant shares ρ the counts are multinomial. Against them stands a mixture over all other shares, a
Dirichlet distribution about ρ, whose likelihood ratio is a martingale under ρ; its inverse is a
p-value at all times at once (Lindon and Malek 2022, "Anytime-valid inference for multinomial count data").
Where the shares changed, by a ramp or because assignment follows outcomes, a gambler bets for every variant v
that `1[w = v]/π` has a mean other than 1, with π the logged probability; his money is averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from banditroute.core.base import Bools, Floats, Ints

BROKEN_BELOW = 0.001
"""The p-value at which an experiment counts as broken: one of a thousand sound ones ever does."""

_CONCENTRATION = 200.0  # of the mixture: other shares than those meant lie about .035 off
_BETS = np.array([0.8, 0.4, 0.2, 0.1, 0.05, 0.025])
_LOOKS = 1_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Units that came to each variant `(v,)` and those that were due; `p` holds at all times at once."""

    came: Ints
    due: Floats
    p: float

    @property
    def broken(self) -> bool:
        return self.p < BROKEN_BELOW


def mismatch(variant: Ints, share: Floats, shares: Floats) -> Mismatch:
    """Of units in order of their first exposure `(u,)`: the variant each was given, with which probability,
    and what was declared `(v,)`."""
    meant = shares / shares.sum()
    came = np.bincount(variant, minlength=len(shares))
    if not len(variant):
        return Mismatch(came, meant * 0.0, 1.0)
    constant = _constant(variant, share, len(shares))
    if constant is None:
        # Only the probability of what was drawn is logged, so what was due is told by those of each alone.
        weight = np.bincount(variant, 1.0 / share, minlength=len(shares))
        due = came * len(variant) / np.maximum(weight, 1e-12)
        return Mismatch(came, due, _betted(variant, share, len(shares)))
    known = np.where(constant > 0.0, constant, meant)
    known = known / known.sum()
    return Mismatch(came, known * len(variant), _mixed(variant, known))


def _constant(variant: Ints, share: Floats, v: int) -> Floats | None:
    """The one logged probability of each variant, 0 for those that never came; None where it changed."""
    found = np.zeros(v)
    for place in range(v):
        own = share[variant == place]
        if len(own):
            if np.ptp(own) > 1e-9:
                return None
            found[place] = own[0]
    return found


def _mixed(variant: Ints, shares: Floats) -> float:
    rows = _looks(len(variant))
    came = np.stack([np.cumsum(variant == place)[rows] for place in range(len(shares))], axis=1)
    prior = _CONCENTRATION * shares
    log_ratio = gammaln(_CONCENTRATION) - gammaln(_CONCENTRATION + rows + 1.0)
    log_ratio = log_ratio + (gammaln(prior + came) - gammaln(prior) - came * np.log(shares)).sum(axis=1)
    return float(np.exp(-max(log_ratio.max(), 0.0)))


def _betted(variant: Ints, share: Floats, v: int) -> float:
    rows, wealth = _looks(len(variant)), []
    for place in range(v):
        own: Bools = variant == place
        term = np.where(own, 1.0 / share, 0.0) - 1.0
        # A loss is 1 at most on the side of more, and 1/π − 1 at most on that of fewer.
        least = share[own].min() if own.any() else 1.0
        steepest = least / max(1.0 - least, 1e-9)
        bets = (*_BETS, *(-_BETS * min(steepest, 1.0)))
        wealth += [np.cumsum(np.log1p(bet * term))[rows] for bet in bets]
    mixed = np.logaddexp.reduce(np.array(wealth), axis=0) - np.log(len(wealth))
    return float(np.exp(-max(mixed.max(), 0.0)))


def _looks(n: int) -> Ints:
    return np.unique(np.linspace(0, n - 1, min(n, _LOOKS)).astype(np.int64))
