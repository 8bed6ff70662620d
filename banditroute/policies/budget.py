"""The cheapest model that is good enough, within what is left of the day's money.

    budget                                     quality 0.8, no limit on the spending
    budget:{quality: 0.85, usd_per_day: 50}    UTC days

Quality and cost are what the posterior expects, so the rule moves as the state learns. What is left
is the day's budget less what the state knows to be spent; it is in the receipt, and the choice can be
recomputed from it. Calls whose bill is not known yet are not in it, so a burst may overshoot by what
is under way. The limit is hard: nothing is saved up for the evening.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Bools, Choice, Floats, Policy, Slate, point_mass
from banditroute.errors import ConfigError
from banditroute.policies.order import cheapest_of
from banditroute.policies.parts import every_part
from banditroute.policies.spec import braced, number

QUALITY = 0.8
"""The quality floor where none is written: a score most people call a good answer."""

USAGE = "budget:{quality: 0.8, usd_per_day: 50}"


@dataclass(frozen=True, slots=True)
class Budget:
    """The cheapest affordable model whose expected quality reaches the floor.

    Where none that is affordable reaches it, the best of the affordable ones; where nothing is
    affordable, the cheapest eligible one: a request is answered all the same, and the receipt says so.
    """

    name: str
    quality: float
    usd_per_day: float | None
    learns: bool = True
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        left = self._left(slate)
        affordable = slate.eligible & (_known(slate.usd) <= left[:, None])
        good = affordable & (slate.quality >= self.quality)
        best = _best(slate.quality, affordable)
        left_over = np.where(affordable.any(axis=1, keepdims=True), best, slate.eligible)
        pool = np.where(good.any(axis=1, keepdims=True), good, left_over)
        chosen = cheapest_of(slate.models, slate.usd, pool)
        reasons = [self._reason(rich.any(), fine.any()) for rich, fine in zip(affordable, good, strict=True)]
        limited = {} if self.usd_per_day is None else {"usd_left": left}
        return Choice(
            point_mass(chosen, len(slate.models)),
            reasons=reasons,
            parameters={"min_quality": self.quality},
            row_parameters=limited,
        )

    def _left(self, slate: Slate) -> Floats:
        """USD left `(n,)`; without a limit all the money there is."""
        if self.usd_per_day is None:
            return np.full(len(slate.contexts), math.inf)
        return np.maximum(self.usd_per_day - np.broadcast_to(slate.spent, len(slate.contexts)), 0.0)

    def _reason(self, affordable: np.bool_, good: np.bool_) -> str | None:
        if good:
            return None
        if affordable:
            return f"budget: no affordable model is expected to reach quality {self.quality:g}, best of them"
        return "budget: nothing is affordable with what is left of the day, cheapest eligible model"


def limited(policy: Policy) -> bool:
    """Whether a policy is, or may hand a request to, a budget with a limit: then its choices depend on what
    it has spent itself."""
    return any(isinstance(part, Budget) and part.usd_per_day is not None for part in every_part(policy))


def _known(usd: Floats) -> Floats:
    """Costs that a limit can be held against: where nothing is known of one, nothing speaks against it."""
    return np.nan_to_num(usd, nan=0.0)


def _best(quality: Floats, among: Bools) -> Bools:
    """The models with the highest quality among some, row by row."""
    merit = np.where(among, quality, -np.inf)
    best: Bools = among & (merit == merit.max(axis=1, keepdims=True))
    return best


def build(argument: str, settings: Settings) -> Policy:
    """`budget` or `budget:{quality: FLOOR, usd_per_day: USD}`, either or both."""
    if not argument:
        return Budget("budget", QUALITY, None)
    given = dict(braced(argument, USAGE))
    unknown = [name for name in given if name not in ("quality", "usd_per_day")]
    if unknown:
        raise ConfigError(f"'budget' knows quality and usd_per_day, not '{unknown[0]}'; write {USAGE}")
    quality = number(given.get("quality", str(QUALITY)), 0.0, 1.0, "the quality of 'budget'")
    usd = given.get("usd_per_day")
    limit = None if usd is None else number(usd, 0.0, 1e9, "the usd_per_day of 'budget'")
    return Budget(f"budget:{argument}", quality, limit)
