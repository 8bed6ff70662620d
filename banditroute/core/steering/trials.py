"""How models earn their share: what a newcomer may take, what a tier may take until it is confirmed, and what
exploring may cost a day. The rules, in words:

- A model without `outcomes` scores gets at most `max_share` of the choices wherever a known model may serve;
  beyond, its cap grows in proportion to its scores until it is 1. Once it was paid `usd_per_day` it waits for
  the next UTC day.
- Models without `outcomes` scores get at least the share `eager` together, each alike, for as long as the
  policy itself gives it a chance of `_MAYBE`: a good one is found as soon as if its first requests were
  forced on it, and one that begins badly is left alone.
- The models of a tier in `tier_shares` get at most that share together, but for those that are confirmed for
  the request: with `outcomes` scores, and with probability 0.95 not worse by more than `margin` than the best
  model outside such tiers, or than the guarded baseline of the class (then by its margin).
- Exploring costs what the expected utility falls short of that of always taking the model believed best,
  under the same caps, in USD at the request's own exchange rate; where USD weigh nothing, what it costs
  more in USD. It counts when the decision is made, and as billed once the bill is there. When a day's cost
  reaches `exploration_usd_per_day`, the believed best is taken.

All of it is about policies that learn: a rule does as it is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from banditroute.config.feedback import TrialSettings
from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.heard import Heard
from banditroute.core.spending import DAYS_KEPT, day_of
from banditroute.core.steering.pacing import billed_usd, correction_usd
from banditroute.types import Occasion

EXPLORED = "exploration_usd"
"""The parameter of a receipt that says what exploring cost."""

_SURE = 1.6448536269514722  # the normal quantile of 0.95
_MAYBE = 0.02


class Purse(Struct, frozen=True):
    """USD by UTC day of the decision, counted when its bill is heard: what exploring cost, of that what the
    receipts had `foreseen`, and what each model was paid. Days before yesterday are dropped.

    `decided` is what the receipts of all decisions foresee, billed or not. No fold of outcomes knows it:
    whoever makes the decisions says so (`routing.exploring`); without, only what was billed counts.
    """

    explored: dict[int, float] = {}
    paid: dict[int, dict[str, float]] = {}
    foreseen: dict[int, float] = {}
    decided: dict[int, float] = {}

    def fold(self, heard: Heard, prices: Mapping[str, tuple[float, float]]) -> Purse:
        """After one fact. `prices` are USD per input and output token, by model."""
        if heard.topic not in ("bill", "correction"):
            return self
        occasion, day, first = heard.occasion, day_of(heard.occasion.at), heard.topic == "bill"
        oldest = max([day, *self.paid, *self.explored]) - DAYS_KEPT + 1
        if day < oldest:
            return self
        explored = {known: usd for known, usd in self.explored.items() if known >= oldest}
        paid = {known: by_model for known, by_model in self.paid.items() if known >= oldest}
        foreseen = {known: usd for known, usd in self.foreseen.items() if known >= oldest}
        cost = occasion.parameters.get(EXPLORED, 0.0) if first else 0.0
        usd = billed_usd(heard, prices) if first else correction_usd(heard, prices)
        foreseen[day] = foreseen.get(day, 0.0) + cost
        explored[day] = explored.get(day, 0.0) + cost + _beyond(occasion, usd, first=first)
        if usd is not None:
            today = paid.get(day, {})
            paid[day] = {**today, occasion.model: today.get(occasion.model, 0.0) + usd}
        return Purse(explored, paid, foreseen, self.decided)

    def explored_on(self, at: float) -> float:
        """USD that exploring cost on the UTC day of a time: as billed, else as foreseen."""
        day = day_of(at)
        unbilled = self.decided.get(day, 0.0) - self.foreseen.get(day, 0.0)
        return max(self.explored.get(day, 0.0), 0.0) + max(unbilled, 0.0)

    def paid_on(self, at: float) -> Mapping[str, float]:
        """USD by model on the UTC day of a time."""
        return self.paid.get(day_of(at), {})

    def distance(self, other: Purse) -> float:
        """The largest relative difference of the sums."""
        mine, theirs = self._sums(), other._sums()
        both = [(mine.get(key, 0.0), theirs.get(key, 0.0)) for key in {*mine, *theirs}]
        return max((abs(a - b) / max(abs(a), abs(b), 1e-6) for a, b in both), default=0.0)

    def _sums(self) -> dict[tuple[int, str], float]:
        by_model = {(day, name): usd for day, sums in self.paid.items() for name, usd in sums.items()}
        return {**by_model, **{(day, ""): usd for day, usd in self.explored.items()}}


def _beyond(occasion: Occasion, usd: float | None, *, first: bool) -> float:
    """What the bill of a model that was tried adds to what its receipt foresaw; 0 for the one believed best,
    which costs what it would have cost anyway."""
    best = max((candidate.utility for candidate in occasion.candidates), default=0.0)
    own = next((known for known in occasion.candidates if known.model == occasion.model), None)
    if usd is None or own is None or own.utility >= best or EXPLORED not in occasion.parameters:
        return 0.0
    return usd - own.usd if first else usd


def new_purse(settings: Settings) -> Purse | None:
    """An empty one, where anything depends on it."""
    counted = settings.budget.exploration_usd_per_day is not None or not math.isinf(
        settings.trial.usd_per_day
    )
    return Purse() if counted else None


def newcomer_cap(trial: TrialSettings, scores: float, paid: float) -> float:
    """The largest share of a model with so many scores, that was paid so many USD today."""
    if scores < trial.outcomes:
        return 0.0 if paid >= trial.usd_per_day else trial.max_share
    if trial.max_share == 0.0 or trial.outcomes == 0:
        return 1.0
    return min(1.0, trial.max_share * scores / trial.outcomes)


def encouraged(pmf: Sequence[float], newcomers: Sequence[int], share: float) -> list[float]:
    """The pmf in which the models at the places `newcomers` that may yet be best have at least their part of
    `share`, the others giving in proportion."""
    hopeful = [a for a in newcomers if pmf[a] >= _MAYBE]
    if not hopeful:
        return list(pmf)
    least = {a: max(pmf[a], share / len(hopeful)) for a in hopeful}
    theirs, left = sum(pmf[a] for a in hopeful), 1.0 - sum(least.values())
    if theirs >= 1.0 or left < 0.0:
        return list(pmf)
    return [least.get(a, p * left / (1.0 - theirs)) for a, p in enumerate(pmf)]


def is_confirmed(quality: float, sd: float, reference: float, reference_sd: float, margin: float) -> bool:
    """Whether a model is, with probability 0.95, worse than a reference by `margin` at most. Given are
    expected qualities and the sds of the expectations."""
    return quality - reference + margin >= _SURE * math.hypot(sd, reference_sd)


def exploration_usd(
    pmf: Sequence[float], best: Sequence[float], mean: Sequence[float], usd: Sequence[float], rate: float
) -> float:
    """What exploring costs in USD: from what is drawn from, and what always taking the best would be drawn
    from; with utilities, expected USD and the utility of a USD."""
    apart = [known - own for known, own in zip(best, pmf, strict=True)]
    if rate > 0.0:
        return max(
            sum([share * worth for share, worth in zip(apart, mean, strict=True) if share]) / rate, 0.0
        )
    return max(-sum([share * cost for share, cost in zip(apart, usd, strict=True) if share]), 0.0)


def scores_heard(cells: Floats, group: Ints) -> Floats:
    """Scores `(k,)` of each model: Σw of its cells `(k, c, 3)`, that of deployments together."""
    heard: Floats = cells[:, :, 2].sum(axis=1)[group]
    return heard
