"""The best expected utility, and with epsilon a share of uniform exploration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Policy, Slate, uniform_over
from banditroute.policies.spec import number


@dataclass(frozen=True, slots=True)
class Greedy:
    """Models tied for the best share its probability."""

    name: str
    epsilon: float
    learns: bool = True
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        mean = np.where(slate.eligible, slate.mean, -np.inf)
        best = uniform_over(mean == mean.max(axis=1, keepdims=True))
        pmf = (1.0 - self.epsilon) * best + self.epsilon * uniform_over(slate.eligible)
        return Choice(pmf, parameters={"epsilon": self.epsilon})


def build(argument: str, settings: Settings) -> Policy:
    """`greedy` or `greedy:EPSILON`."""
    epsilon = number(argument, 0.0, 1.0, "the epsilon of 'greedy'") if argument else 0.0
    return Greedy(f"greedy:{argument}" if argument else "greedy", epsilon)
