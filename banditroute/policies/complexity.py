"""The harder the request looks, the higher the step of models that answers it.

`complexity` steps through `[classify] tiers`; `complexity:price` cuts the models by list price
into as many steps, for pools without tiers. `[classify] thresholds` say where a step ends. Within
a step the cheapest eligible model answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Ints, Policy, Slate, point_mass
from banditroute.core.memo import by_identity
from banditroute.errors import ConfigError
from banditroute.policies.order import by_price, cheapest_of
from banditroute.types import Model


@dataclass(frozen=True, slots=True)
class Complexity:
    """Thresholds on the complexity score to steps of models.

    A request of unknown complexity goes to the highest step. A step with no eligible model gives
    way to the next higher one, and when there is none, to the next lower one.
    """

    name: str
    tiers: tuple[str, ...]
    thresholds: tuple[float, ...]
    by_price: bool
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        steps = self._steps(slate.models)
        scores = [1.0 if c.complexity is None else c.complexity for c in slate.contexts]
        wanted = np.searchsorted(self.thresholds, scores, side="right")
        # Distance up counts by steps, distance down comes after every way up.
        away = steps[None, :] - wanted[:, None]
        detour = np.where(away >= 0, away, len(self.tiers) - away)
        detour = np.where(slate.eligible, detour, 3 * len(self.tiers))
        found = detour.min(axis=1)
        chosen = cheapest_of(slate.models, slate.usd, detour == found[:, None])
        reasons = [
            f"complexity {score:.2f}: {self._label(step)}"
            + ("" if met == 0 else ", none eligible, next step")
            for score, step, met in zip(scores, wanted, found, strict=True)
        ]
        return Choice(point_mass(chosen, len(slate.models)), reasons=reasons)

    def _steps(self, models: tuple[Model, ...]) -> Ints:
        """The step of each model, `(k,)`; a tier that is not listed counts as the highest."""
        if self.by_price:
            return _price_steps(models) * len(self.tiers) // len(models)
        last = len(self.tiers) - 1
        return np.array([self.tiers.index(m.tier) if m.tier in self.tiers else last for m in models])

    def _label(self, step: int) -> str:
        return f"price step {step + 1}" if self.by_price else f"tier {self.tiers[step]}"


@by_identity
def _price_steps(models: tuple[Model, ...]) -> Ints:
    """Each model's place in the order of list prices, `(k,)`."""
    rank = np.empty(len(models), dtype=np.int64)
    rank[by_price(models)] = np.arange(len(models))
    return rank


def build(argument: str, settings: Settings) -> Policy:
    """`complexity` or `complexity:price`."""
    tiers, thresholds = settings.classify.tiers, settings.classify.thresholds
    if argument not in ("", "price"):
        raise ConfigError(f"write 'complexity' or 'complexity:price', not 'complexity:{argument}'")
    if len(thresholds) != len(tiers) - 1 or list(thresholds) != sorted(thresholds):
        raise ConfigError(
            f"[classify] thresholds must rise and be one fewer than the {len(tiers)} tiers, "
            f"not {list(thresholds)}."
        )
    return Complexity(
        f"complexity:{argument}" if argument else "complexity", tiers, thresholds, bool(argument)
    )
