"""Does a fitted world look like its log? Every cell against the distribution that the world gives it.

Each (model, class, factor) is compared by the largest gap D between the two distribution functions
(Kolmogorov–Smirnov). Were the world the truth, √m·D would follow Kolmogorov's distribution at most (ties
make it smaller), with m = n₁n₂/(n₁ + n₂) of the answers checked and those behind the fit; its median gives
the size that D should have. What models have in common is compared by the mean correlation of normal scores
between models, and by the mean of the best score of each request. All p-values together are judged by Holm's
procedure: of worlds that are right about 5% have anything flagged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import erfc, kolmogi, kolmogorov

from banditroute.core.base import Floats
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log
from banditroute.offline.worlds.answers import COLUMNS, Answers, answers
from banditroute.offline.worlds.dependence import normal_scores, together
from banditroute.offline.worlds.fitted import FittedWorld, fit_answers

LEVEL = 0.05
FEWEST = 20
"""Answers without which a cell is shown and not tested."""

DRAWN, GROUPS = 10_000, 20
"""Requests drawn to see what a world's models have in common; groups of the jackknife for its error."""

NEGLIGIBLE = 0.005
"""Differences of this size in what models have in common are not held against a world."""

CHECK_SEED = 10**9 + 1
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Cell:
    """One factor of one model in one class: pairs `(log, world)`.

    `distance` is D, `expected` its median if the world were true, `limit` what 95% stay under; `p` is NaN
    where there are too few answers to test.
    """

    model: str
    request_class: str
    factor: str
    answers: float
    mean: tuple[float, float]
    sd: tuple[float, float]
    quantiles: tuple[tuple[float, float], ...]
    zeros: tuple[float, float]
    ones: tuple[float, float]
    distance: float
    expected: float
    limit: float
    p: float
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Common:
    """Something about several models at once: what the log has, what the world has, and the error of the
    difference."""

    name: str
    log: float
    world: float
    error: float
    p: float
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class FitCheck:
    """The comparison of a world with a log. `held_out`: the world was fitted to other requests."""

    cells: tuple[Cell, ...]
    common: tuple[Common, ...]
    fitted: int
    checked: int
    held_out: bool

    @property
    def compared(self) -> tuple[Cell | Common, ...]:
        """Every comparison."""
        mixed: list[Cell | Common] = [*self.cells, *self.common]
        return tuple(mixed)

    @property
    def flagged(self) -> tuple[Cell | Common, ...]:
        """What does not fit."""
        return tuple(own for own in self.compared if own.flagged)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, null where nothing can be said."""
        return {
            "fitted_requests": self.fitted,
            "checked_requests": self.checked,
            "held_out": self.held_out,
            "level": LEVEL,
            "flagged": len(self.flagged),
            "cells": [_plain(asdict(cell)) for cell in self.cells],
            "common": [_plain(asdict(own)) for own in self.common],
        }


def check(world: FittedWorld, log: Log | DecisionLog, *, held_out: bool = True) -> FitCheck:
    """Compares a world with a log that it was not fitted to. `held_out` only says whether that is so."""
    return _check(world, answers(log), held_out)


def check_of_fit(log: Log | DecisionLog) -> FitCheck:
    """Fits a world to half of the requests of a log, every second one, and compares it with the others."""
    seen = answers(log)
    if len(seen) < 2 * FEWEST:
        raise LogError(
            f"The log has {len(seen)} requests; a fit cannot be checked with fewer than {2 * FEWEST}."
        )
    order = np.random.default_rng(0).permutation(len(seen))
    by_class = order[np.argsort(seen.class_index[order], kind="stable")]
    world = fit_answers(seen.part(np.sort(by_class[0::2])))
    return _check(world, seen.part(np.sort(by_class[1::2])), True)


def _check(world: FittedWorld, seen: Answers, held_out: bool) -> FitCheck:
    _comparable(world, seen)
    cells = [
        cell
        for g in range(len(seen.classes))
        for a in range(len(seen.models))
        for f in range(4)
        if (cell := _cell(world, seen, f, a, g)) is not None
    ]
    common = _common(world, seen) if seen.full and world.seen.full else []
    cells, common = _judged(cells, common)
    return FitCheck(tuple(cells), tuple(common), len(world.seen), len(seen), held_out)


def _comparable(world: FittedWorld, seen: Answers) -> None:
    for kind, here, there in (
        ("models", seen.models, world.seen.models),
        ("classes", seen.classes, world.seen.classes),
    ):
        if here != there:
            raise LogError(
                f"The log has other {kind} than the one the world was fitted to ({', '.join(here[:5])} "
                f"against {', '.join(there[:5])}); compare it with a log of the same {kind}."
            )


def _cell(world: FittedWorld, seen: Answers, f: int, a: int, g: int) -> Cell | None:
    """One comparison; None where either knows nothing."""
    rows = np.flatnonzero((seen.class_index == g) & ~np.isnan(seen.values[f, :, a]))
    ours = world.response.values[f, a, g]
    if not len(rows) or np.isnan(ours[0]):
        return None
    failure = float(world.response.failure[a, g]) if f < 3 else 0.0
    values, weight = seen.values[f, rows, a], seen.weight[rows, a]
    weight = weight / weight.sum()
    theirs = np.concatenate([[0.0], ours])
    mass = np.concatenate([[failure], np.full(len(ours), (1.0 - failure) / len(ours))])
    n, behind = float(1.0 / (weight**2).sum()), float(world.response.count[a, g])
    distance = _gap(values, weight, theirs, mass)
    size = np.sqrt(n * behind / (n + behind)) if behind else 0.0
    tested = min(n, behind) >= FEWEST
    both = ((values, weight), (theirs, mass))

    def pair(of: Callable[[Floats, Floats], float]) -> tuple[float, float]:
        return of(*both[0]), of(*both[1])

    return Cell(
        model=seen.models[a],
        request_class=seen.classes[g],
        factor=COLUMNS[f],
        answers=n,
        mean=pair(_mean),
        sd=pair(lambda v, w: float(np.sqrt(max(0.0, _mean(v**2, w) - _mean(v, w) ** 2)))),
        quantiles=tuple(pair(partial(_quantile, q)) for q in QUANTILES),
        zeros=pair(lambda v, w: float(w[v == 0.0].sum())),
        ones=pair(lambda v, w: float(w[v == 1.0].sum())),
        distance=distance,
        expected=float(kolmogi(0.5)) / size if tested else np.nan,
        limit=float(kolmogi(LEVEL)) / size if tested else np.nan,
        p=float(kolmogorov(size * distance)) if tested else np.nan,
    )


def _gap(x: Floats, wx: Floats, y: Floats, wy: Floats) -> float:
    """Largest distance between two weighted distribution functions."""
    points = np.unique(np.concatenate([x, y]))
    return float(np.abs(_distribution(x, wx, points) - _distribution(y, wy, points)).max())


def _distribution(values: Floats, weight: Floats, points: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weight[order])])
    found: Floats = reached[np.searchsorted(values[order], points, side="right")]
    return found


def _mean(values: Floats, weight: Floats) -> float:
    return float(values @ weight)


def _quantile(q: float, values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order[min(np.searchsorted(reached, q * reached[-1]), len(values) - 1)]])


def _common(world: FittedWorld, seen: Answers) -> list[Common]:
    """Correlation between models, factor by factor, and the best score of each request."""
    shares = np.bincount(seen.class_index, minlength=len(seen.classes)) / len(seen)
    drawn = answers(world.draw(DRAWN, CHECK_SEED, shares[None, :]))
    z, drawn_z = normal_scores(seen), normal_scores(drawn)
    more = np.sqrt(1.0 + len(seen) / len(world.seen))
    found = []
    for f in range(4):
        if z[f].any() and drawn_z[f].any():
            error = float(more) * _jackknife(z[f])
            found.append(
                _compared(f"{COLUMNS[f]}: correlation of models", together(z[f]), together(drawn_z[f]), error)
            )
    best = seen.values[0].max(axis=1)
    if not np.isnan(best).any():
        error = float(more * best.std() / np.sqrt(len(best)))
        found.append(
            _compared(
                "quality: best of the models",
                float(best.mean()),
                float(drawn.values[0].max(axis=1).mean()),
                error,
            )
        )
    return found


def _compared(name: str, log: float, world: float, error: float) -> Common:
    error = max(error, NEGLIGIBLE)
    p = float(erfc(abs(log - world) / error / np.sqrt(2.0)))
    return Common(name, log, world, error, p)


def _jackknife(z: Floats) -> float:
    """Standard error of `together`, leaving out a group of the requests at a time."""
    groups = np.arange(len(z)) % GROUPS
    left = np.array([together(z[groups != b]) for b in range(GROUPS)])
    return float(np.sqrt((GROUPS - 1) * left.var()))


def _judged(cells: Sequence[Cell], common: Sequence[Common]) -> tuple[list[Cell], list[Common]]:
    """Flags what Holm's procedure rejects among all that was tested."""
    p = np.array([*(own.p for own in cells), *(own.p for own in common)])
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    passed = p[order] > LEVEL / (len(order) - np.arange(len(order)))
    rejected = set(order[: int(passed.argmax()) if passed.any() else len(order)].tolist())
    return (
        [replace(own, flagged=i in rejected) for i, own in enumerate(cells)],
        [replace(own, flagged=i + len(cells) in rejected) for i, own in enumerate(common)],
    )


def _plain(value: object) -> Any:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    return None if isinstance(value, float) and np.isnan(value) else value
