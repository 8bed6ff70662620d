"""What a policy's choices came to, on requests where every model's answer is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from banditroute.core.base import Floats, Ints
from banditroute.types import Weights
from banditroute.upstream.simulated import SimulatedOutcomes


@dataclass(frozen=True, slots=True)
class Choices:
    """The model (by position) that a policy chose for each of n requests.

    `hindsight`: made with knowledge of the outcomes, not attainable in advance.
    """

    policy: str
    model: Ints
    learns: bool = False
    hindsight: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Means over the requests; `usd` is the whole bill, `seconds` the median wait.

    `savings` is the share of the bill saved against sending everything to the dearest model.
    """

    policy: str
    learns: bool
    hindsight: bool
    reward: float
    quality: float
    usd: float
    usd_per_1000: float
    seconds: float
    savings: float
    share: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """The row as it stands in the JSON, in the shape `simulate` uses."""
        return {
            "policy": self.policy,
            "learns": self.learns,
            "hindsight": self.hindsight,
            "reward": {"mean": self.reward},
            "quality": {"mean": self.quality},
            "usd": {"mean": self.usd_per_1000 / 1000, "total": self.usd, "per_1000": self.usd_per_1000},
            "seconds": {"p50": self.seconds},
            "savings": self.savings,
            "share": {model: share for model, share in self.share.items() if share > 0},
        }


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """Known outcomes and the exchange rates: turns choices into scores, over all requests or some."""

    models: tuple[str, ...]
    outcomes: SimulatedOutcomes
    weights: Weights

    @property
    def dearest(self) -> int:
        """The model that costs most when it gets everything."""
        return int(self.outcomes.usd.sum(axis=0).argmax())

    def score(self, choices: Choices, rows: slice = slice(None)) -> Score:
        """The score of one policy's choices on `rows`."""
        model = choices.model[rows]
        n = np.arange(len(model))
        usd = float(self.outcomes.usd[rows][n, model].sum())
        share = np.bincount(model, minlength=len(self.models)) / len(model)
        return Score(
            policy=choices.policy,
            learns=choices.learns,
            hindsight=choices.hindsight,
            reward=float(self.outcomes.utility(self.weights)[rows][n, model].mean()),
            quality=float(self.outcomes.quality[rows][n, model].mean()),
            usd=usd,
            usd_per_1000=1000 * usd / len(model),
            seconds=float(np.median(self.outcomes.seconds[rows][n, model])),
            savings=1 - usd / float(self.outcomes.usd[rows][:, self.dearest].sum()),
            share=dict(zip(self.models, share.tolist(), strict=True)),
        )

    def best_single(self) -> Choices:
        """The one model that would have been best for everything, known only afterwards."""
        best = int(self.outcomes.utility(self.weights).mean(axis=0).argmax())
        return Choices("best_single", np.full(len(self.outcomes.quality), best), hindsight=True)

    def per_class_best(self, request_class: NDArray[np.int64]) -> Choices:
        """The model that would have been best in each true class, known only afterwards."""
        utility: Floats = self.outcomes.utility(self.weights)
        model = np.zeros(len(utility), dtype=np.int64)
        for name in np.unique(request_class):
            mine = request_class == name
            model[mine] = utility[mine].mean(axis=0).argmax()
        return Choices("per_class_best", model, hindsight=True)


def best_static(scores: Sequence[Score]) -> Score:
    """The attainable rule with the highest reward among those that do not learn."""
    return max((s for s in scores if not s.learns and not s.hindsight), key=lambda s: s.reward)


def verdict(learned: Score, scores: Sequence[Score], dearest: str) -> str:
    """One sentence in plain words: what was saved, at what difference of quality, and against what."""
    premium = next(s for s in scores if s.policy == f"fixed:{dearest}")
    rule = best_static(scores)
    points = 100 * (learned.quality - premium.quality)
    quality = f"{abs(points):.1f} points {'higher' if points > 0 else 'lower'}"
    reward = learned.reward - rule.reward
    if abs(points) < 0.05:
        quality = "the same to a tenth of a point"
    return (
        f"Learning as it went, the router spent ${learned.usd:.2f} where {dearest} alone costs "
        f"${premium.usd:.2f} ({learned.savings:.0%} saved), at a mean quality {quality} "
        f"({learned.quality:.3f} against {premium.quality:.3f}); its reward is {abs(reward):.3f} "
        f"{'above' if reward >= 0 else 'below'} the best static rule, {rule.policy}."
    )
