"""How each model answers each class: a distribution per cell, shrunk to what the model does elsewhere.

With n answers in a cell, its distribution is `(n F_cell + m F_model) / (n + m)`: the posterior mean under a
Dirichlet process around the model's own distribution (Ferguson, *A Bayesian analysis of some nonparametric
problems*, 1973). `m` is the ratio of the variance within cells to that between them, as in James and Stein's
shrinkage of means: where classes hardly differ, small cells borrow much. Atoms such as scores of exactly 0
and 1 keep their mass, nothing leaves the range that was seen, and every mean is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.offline.worlds.answers import Answers

POINTS = 1_000
"""Equally likely values that a distribution is held as."""

MOST_NUMBERS = 2 * 10**7
"""What the tables of a world may hold in all; with very many cells they get coarser."""

STRENGTH = (0.5, 1_000.0)
"""Bounds on m, in answers."""

FAILURES = 10.0
"""Answers that the failure rate of the whole log counts as, in each cell."""


@dataclass(frozen=True, slots=True)
class Response:
    """`values` `(4, k, c, points)`: equally likely values of each factor, ascending, of calls that do not
    fail, NaN for a factor the log lacks; `failure` `(k, c)`; `count` `(k, c)` effective answers behind them;
    `strength` `(4,)` is m of each factor.
    """

    values: Floats
    failure: Floats
    count: Floats
    strength: Floats

    def draw(self, factor: int, model: int, which: Ints, u: Floats) -> Floats:
        """Values at the quantiles `u` for requests of the classes `which`, `(n,)`."""
        points = self.values.shape[3]
        place = np.minimum((u * points).astype(np.int64), points - 1)
        drawn: Floats = self.values[factor, model, which, place]
        return drawn

    def means(self) -> Floats:
        """Expected values `(4, k, c)`; a failed call has quality 0, no tokens and no bill."""
        answered = np.stack([1.0 - self.failure] * 3 + [np.ones_like(self.failure)])
        means: Floats = self.values.mean(axis=3) * answered
        return means


def fit_response(seen: Answers) -> Response:
    """The response model of a log's answers."""
    k, c = len(seen.models), len(seen.classes)
    points = int(min(POINTS, max(20, MOST_NUMBERS // (4 * k * c))))
    rows = [np.flatnonzero(seen.class_index == g) for g in range(c)]
    values = np.full((4, k, c, points), np.nan)
    strength = np.ones(4)
    for f in range(4):
        known = ~np.isnan(seen.values[f]) & ~seen.failed
        weight = np.where(known, seen.weight, 0.0)
        strength[f] = _strength(np.where(known, seen.values[f], 0.0), weight, rows)
        for a in range(k):
            sorted_rows = np.argsort(seen.values[f, :, a], kind="stable")
            for g in range(c):
                own = _mixture(seen.class_index[sorted_rows] == g, weight[sorted_rows, a], strength[f])
                if own.any():
                    values[f, a, g] = _points(seen.values[f, sorted_rows, a], own, points)
    answered = np.where(np.isnan(seen.values[0]), 0.0, seen.weight)
    rate = float((answered * seen.failed).sum() / answered.sum())
    failure, count = np.empty((k, c)), np.empty((k, c))
    for g, members in enumerate(rows):
        total, squares = answered[members].sum(axis=0), (answered[members] ** 2).sum(axis=0)
        count[:, g] = np.divide(total**2, squares, out=np.zeros(k), where=squares > 0)
        failing = np.divide(
            (answered * seen.failed)[members].sum(axis=0), total, out=np.zeros(k), where=total > 0
        )
        failure[:, g] = (count[:, g] * failing + FAILURES * rate) / (count[:, g] + FAILURES)
    return Response(values, failure, count, strength)


def _mixture(of_class: Floats, weight: Floats, strength: float) -> Floats:
    """What each answer of a model counts in one cell `(n,)`: n parts of its own, m parts of all."""
    inside = np.where(of_class, weight, 0.0)
    total, everywhere = inside.sum(), weight.sum()
    if everywhere <= 0.0:
        return weight
    count = total**2 / (inside**2).sum() if total > 0.0 else 0.0
    share = count / (count + strength)
    own = share * inside / total if total > 0.0 else 0.0
    mixed: Floats = own + (1.0 - share) * weight / everywhere
    return mixed


def _points(values: Floats, weight: Floats, points: int) -> Floats:
    """Quantiles at (i + ½)/points of weighted values, sorted ascending."""
    reached = np.cumsum(weight)
    wanted = (np.arange(points) + 0.5) / points * reached[-1]
    found: Floats = values[np.searchsorted(reached, wanted, side="left")]
    return found


def _strength(values: Floats, weight: Floats, rows: list[Ints]) -> float:
    """Variance within cells over variance between the cells of a model: moments, weighted by what is seen."""
    total = np.array([weight[members].sum(axis=0) for members in rows])  # (c, k)
    if not total.any():
        return 1.0
    safe = np.maximum(total, 1e-300)
    means = np.array([(weight * values)[members].sum(axis=0) for members in rows]) / safe
    squares = np.array([(weight * values**2)[members].sum(axis=0) for members in rows]) / safe
    within = float((total * np.maximum(squares - means**2, 0.0)).sum() / total.sum())
    around = (total * means).sum(axis=0) / np.maximum(total.sum(axis=0), 1e-300)
    counts = np.array([(weight[m] > 0).sum(axis=0) for m in rows])
    used = counts > 1
    if used.sum() < 2:
        return STRENGTH[1]
    noise = within / np.maximum(counts, 1)
    between = float((((means - around) ** 2 - noise)[used]).mean())
    return float(np.clip(within / max(between, 1e-12 * max(within, 1e-300)), *STRENGTH))
