"""Answers that people and a judge scored, drawn from known qualities, offsets and noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.feedback.instruments import Instrument, empty_instrument, with_judged, with_pairs
from banditroute.core.posterior import FactorPrior, Posterior, SufficientStats, fit

CENTER = 0.8
PRIOR = FactorPrior(center=CENTER, noise=0.05, logarithmic=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """n answers: model, class, vector, what people say, what the judge says, and whether people said it."""

    model: Ints
    cls: Ints
    x: Floats
    people: Floats
    judge: Floats
    asked: Bools

    def rows(self, which: Bools) -> Answers:
        """Some of them."""
        return replace(self, **{name: getattr(self, name)[which] for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class JudgedWorld:
    """`quality` `(k, c)`, and a judge whose scores are off by `offset` `(k, c)`, rise by `slope` per unit of
    quality and scatter by `judge_sd`. People's scores scatter by `sd`; the judge sees a part `seen` of it."""

    quality: Floats
    offset: Floats
    slope: float = 1.0
    sd: float = 0.2
    judge_sd: float = 0.2
    seen: float = 1.0

    def answers(self, rng: np.random.Generator, n: int, asked: float) -> Answers:
        """Answers of models and classes at random, people asked with a probability."""
        k, c = self.quality.shape
        a, g = rng.integers(k, size=n), rng.integers(c, size=n)
        x = np.zeros((n, c + 2))
        x[:, 0] = x[np.arange(n), 1 + g] = 1.0
        x[:, -1] = rng.normal(size=n)
        own = self.sd * rng.normal(size=n)
        y = self.quality[a, g] + own
        level = CENTER + self.offset[a, g] + self.slope * (self.quality[a, g] + self.seen * own - CENTER)
        return Answers(a, g, x, y, level + self.judge_sd * rng.normal(size=n), rng.random(n) < asked)


def drawn(rng: np.random.Generator, k: int, c: int, **judge: float) -> JudgedWorld:
    """Models .1, classes .08 and cells .05 apart; a judge off by .08 (sd) per model and .03 per cell."""
    q = 0.7 + 0.1 * rng.normal(size=(k, 1)) + 0.08 * rng.normal(size=c) + 0.05 * rng.normal(size=(k, c))
    offset = 0.05 * rng.normal() + 0.08 * rng.normal(size=(k, 1)) + 0.03 * rng.normal(size=(k, c))
    return JudgedWorld(q, offset, **judge)


def outcomes(k: int, c: int, answers: Answers, values: Floats) -> SufficientStats:
    """The sums of values of answers as outcomes."""
    return with_judged(
        empty_instrument(k, c, c + 2), answers.model, answers.cls, answers.x, values,
        np.ones(len(values)), CENTER,
    ).judged  # fmt: skip


def heard(k: int, c: int, answers: Answers) -> tuple[SufficientStats, Instrument]:
    """Direct sums of what people said, and the judge's of all answers."""
    both, alone = answers.rows(answers.asked), answers.rows(~answers.asked)
    instrument = with_pairs(
        empty_instrument(k, c, c + 2), both.model, both.cls, both.judge, both.people,
        np.ones(len(both.model)), CENTER,
    )  # fmt: skip
    instrument = with_judged(
        instrument, alone.model, alone.cls, alone.x, alone.judge, np.ones(len(alone.model)), CENTER
    )
    return outcomes(k, c, both, both.people), instrument


def believed_cells(stats: SufficientStats) -> tuple[Floats, Floats]:
    """Posterior means and variances `(k, c)` of a model in a class."""
    k, c = stats.cells.shape[:2]
    posterior: Posterior = fit(stats, PRIOR, np.full(k, np.nan))
    mean = CENTER + posterior.kappa + posterior.theta[:, :1] + posterior.theta[:, 1 : 1 + c]
    cov = posterior.covariance
    own = np.arange(1, 1 + c)
    return mean, cov[:, 0, 0][:, None] + 2.0 * cov[:, 0, own] + cov[:, own, own]
