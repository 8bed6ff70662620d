"""Means of quality from people who score when they like, mended by a judge who scored a random sample.

Whether a person scores an answer may depend on how good it was: with model × class cells s and y as people
see it, `logit ρ = α_s + γ·y`. Then the silent of a cell are its speakers tilted by `e^{−γy}` (Kim and Yu
2011, "A semiparametric estimation of mean functionals with nonignorable missing data"), and the mean of a
judge's scores among the silent, which an audit shows, must be that of the speakers, tilted. This one
equation finds γ: pooled over cells with the weights n₁n₀/(n₁ + n₀),

    Σ_s ω_s (J̃_s(γ) − J̄_s of the silent) = 0,    J̃ = Σ d·e^{−γy}·J / Σ d·e^{−γy} over audited speakers

with d one over the probability of having been audited. A judge's scores are thus what calibration weighting
calls a benchmark variable (Kott and Chang 2010, "Using calibration weighting to adjust for nonignorable
unit nonresponse"), elsewhere a shadow variable (Miao and Tchetgen Tchetgen 2016): they go with quality, and,
quality given, not with who speaks. A model's mean is then `Σ_s (n_s ȳ_s + m_s ỹ_s)/N`, ỹ of the m_s silent.
It is `core.response` solved instead of linearised, and unshrunken: a report owes an interval that covers.

What the equation leaves over per model, D_a, has mean 0 and goes with the error of the mean: `b·D_a` is
added, with the b that makes the variance least (the power tuning of Angelopoulos, Duchi and Zrnic 2023,
"PPI++"). Intervals are those of the linearised estimating equations, by units (users): γ's error is in them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from banditroute.core.base import Bools, Floats, Ints

FEW = 10
"""Scores below which a cell has no tilt of its own: a model's small cells are taken together."""

STEEPEST = 15.0
"""Log odds from quality 0 to 1 beyond which nothing is believed to depend on quality."""

STRENGTH = 20.0
"""F statistic of the judge's scores on people's below which they are taken to identify nothing. 10 is
the usual bound for weak instruments (Staiger and Stock 1997); in simulated logs intervals held the truth
in .71 to .92 between 10 and 16, and in .94 to .98 between 25 and 50."""

_COMMON = 2.0  # degrees of freedom that the models' common variance has in that of each


@dataclass(frozen=True, slots=True)
class Answers:
    """n answers: model and class `(n,)` as positions, `unit` `(n,)` as numbers of users, what people said
    `(n,)` and what the judge said `(n,)`, NaN where nobody did; `probability` `(n,)` of having been
    judged."""

    model: Ints
    cls: Ints
    unit: Ints
    people: Floats
    score: Floats
    probability: Floats


@dataclass(frozen=True, slots=True)
class Mended:
    """Means `(m,)` of m domains with their intervals, NaN where too few spoke; `gamma` ± `gamma_sd`, 0 and
    infinite where it is not identified and taken for 0; `strength`, the F statistic that decided it."""

    mean: Floats
    low: Floats
    high: Floats
    gamma: float
    gamma_sd: float
    strength: float

    @property
    def identified(self) -> bool:
        """Whether γ was found, and not taken for 0."""
        return math.isfinite(self.gamma_sd)


def mended_means(answers: Answers, domain: Ints, domains: int, *, level: float = 0.95) -> Mended:
    """Means of the `domains`, where `domain` `(n,)` gives each answer's: models, or cells.

    A domain that holds part of a cell or of a model's small cells has no mean; nor has one with fewer than
    `FEW` scores.
    """
    tilts = _Tilts(answers)
    gamma, gamma_sd, strength = tilts.solved()
    known = math.isfinite(gamma_sd)
    mended = _Mended(tilts, gamma, known=known)
    order = np.argsort(domain, kind="stable")
    starts = np.searchsorted(domain[order], np.arange(domains + 1))
    found = [mended.mean(order[starts[d] : starts[d + 1]]) for d in range(domains)]
    own = [one for one in found if one is not None]
    mean, low, high = (np.full(domains, np.nan) for _ in range(3))
    if own:
        power = _power(own)
        degrees = np.array([one.degrees for one in own])
        common = float(degrees @ [one.scatter for one in own] / degrees.sum())
        for d, one in enumerate(found):
            if one is not None:
                mean[d] = one.value + power * one.over
                half = one.half(power, common, level, tilts.pairs if known else math.inf)
                low[d], high[d] = mean[d] - half, mean[d] + half
    return Mended(mean, low, high, gamma, gamma_sd, strength)


@dataclass(frozen=True, slots=True)
class _Mean:
    """The mean of one domain before tuning, and what each unit adds to its error and to what is left over."""

    value: float
    over: float
    error: Floats
    left: Floats
    labels: float
    scatter: float

    @property
    def degrees(self) -> float:
        return self.labels - 1.0

    def half(self, power: float, common: float, level: float, pairs: float) -> float:
        """Half the interval. Scores that happen to be alike are not certainty: their scatter is drawn to
        what the domains have in common."""
        drawn = (_COMMON * common + self.degrees * self.scatter) / (_COMMON + self.degrees)
        variance = _variance(self.error + power * self.left) + max(drawn - self.scatter, 0.0) / self.labels
        return float(stdtrit(min(self.degrees, pairs - 1.0), (1.0 + level) / 2.0)) * math.sqrt(variance)


def _variance(by_unit: Floats) -> float:
    units = int(np.count_nonzero(by_unit))
    return float(by_unit @ by_unit) * units / max(units - 1, 1)


def _power(means: list[_Mean]) -> float:
    """The b for which the variances of `mean + b·over` are least in all."""
    square = sum(float(one.left @ one.left) for one in means)
    together = sum(float(one.left @ one.error) for one in means)
    return -together / square if square > 1e-18 else 0.0


class _Tilts:
    """The cells, with what tilting their speakers gives. One per report; not shared."""

    def __init__(self, answers: Answers) -> None:
        self._a = answers
        self._units = int(answers.unit.max(initial=-1)) + 1
        self.spoke: Bools = ~np.isnan(answers.people)
        self.cell, self.cells = _merged(answers, self.spoke)
        judged = ~np.isnan(answers.score)
        self.d = np.where(judged, 1.0 / np.where(judged, answers.probability, 1.0), 0.0)
        self.y = np.where(self.spoke, answers.people, 0.0)
        self.j = np.where(judged, answers.score, 0.0)
        self.both, self.silent = judged & self.spoke, judged & ~self.spoke
        self.all = self.sum(np.ones(len(self.cell)), np.ones(len(self.cell), bool))
        self.said = self.sum(np.ones(len(self.cell)), self.spoke)
        n1, n0 = (self.sum(np.ones(len(self.cell)), part) for part in (self.both, self.silent))
        self.weight = np.where((n1 > 1) & (n0 > 0), n1 * n0 / np.maximum(n1 + n0, 1.0), 0.0)
        self.pairs = float(n1[self.weight > 0.0].sum())

    def sum(self, values: Floats, part: Bools) -> Floats:
        """Sums by cell over a part of the answers."""
        return np.bincount(self.cell[part], values[part], minlength=self.cells).astype(np.float64)

    def level(self, values: Floats, weights: Floats, part: Bools) -> Floats:
        """Weighted means by cell over a part of the answers; 0 where it has none."""
        total = self.sum(weights, part)
        return self.sum(weights * values, part) / np.where(total > 0.0, total, 1.0)

    def solved(self) -> tuple[float, float, float]:
        """γ, its sd and F; 0 and an infinite sd where the audit does not tell."""
        strength = self._strength()
        if strength < STRENGTH or self._left(-STEEPEST) * self._left(STEEPEST) >= 0.0:
            return 0.0, math.inf, strength
        from scipy.optimize import brentq

        gamma = float(brentq(self._left, -STEEPEST, STEEPEST, xtol=1e-10))
        return gamma, math.sqrt(_variance(self.by_unit(self.of_gamma(gamma)))), strength

    def _left(self, gamma: float) -> float:
        return float(self.weight @ self.apart(gamma))

    def apart(self, gamma: float) -> Floats:
        """Judge's mean of the tilted speakers less that of the silent, by cell."""
        tilted = self.level(self.j, self.d * self.tilt(gamma), self.both)
        return tilted - self.level(self.j, self.d, self.silent)

    def tilt(self, gamma: float) -> Floats:
        """`e^{−γy}`, about the middle of the scale."""
        tilt: Floats = np.exp(-gamma * (self.y - 0.5))
        return tilt

    def _strength(self) -> float:
        """F of the judge's scores on people's within cells; 0 where they go against each other."""
        y = self.y - self.level(self.y, self.d, self.both)[self.cell]
        j = self.j - self.level(self.j, self.d, self.both)[self.cell]
        total = np.maximum(self.sum(self.d, self.both), 1e-300)
        each = np.where(self.both, (self.weight / total)[self.cell] * self.d, 0.0)
        square = float((each * y * y).sum())
        if square <= 0.0:
            return 0.0
        slope = float((each * y * j).sum()) / square
        error = self.by_unit(each * y * (j - slope * y)) / square
        return slope**2 / max(_variance(error), 1e-300) if slope > 0.0 else 0.0

    def differences(self, gamma: float, cells: Floats) -> Floats:
        """What each answer adds to the error of `Σ cells·(J̃ − J̄)`, γ held."""
        tilt = self.d * self.tilt(gamma)
        apart = self.j - self.level(self.j, tilt, self.both)[self.cell]
        behind = self.j - self.level(self.j, self.d, self.silent)[self.cell]
        own = np.where(self.both, tilt / self.over(tilt, self.both) * apart, 0.0)
        own -= np.where(self.silent, self.d / self.over(self.d, self.silent) * behind, 0.0)
        return cells[self.cell] * own

    def over(self, weights: Floats, part: Bools) -> Floats:
        total = self.sum(weights, part)
        return np.where(total > 0.0, total, 1.0)[self.cell]

    def slope(self, gamma: float) -> Floats:
        """Derivative of J̃ by γ, by cell: less the tilted covariance of J and y."""
        tilt = self.d * self.tilt(gamma)
        y = self.y - self.level(self.y, tilt, self.both)[self.cell]
        return -self.level(self.j * y, tilt, self.both)

    def of_gamma(self, gamma: float) -> Floats:
        """What each answer adds to the error of γ."""
        return -self.differences(gamma, self.weight) / float(self.weight @ self.slope(gamma))

    def by_unit(self, errors: Floats, rows: Ints | None = None) -> Floats:
        """Sums by unit, of some rows or of all."""
        unit = self._a.unit if rows is None else self._a.unit[rows]
        return np.bincount(unit, errors, minlength=self._units).astype(np.float64)


class _Mended:
    """Means of domains at one γ; what all of them share is worked out once."""

    def __init__(self, tilts: _Tilts, gamma: float, *, known: bool) -> None:
        t = self._t = tilts
        self._tilt = t.tilt(gamma)
        self._level = t.level(t.y, self._tilt, t.spoke)
        self._total = t.over(self._tilt, t.spoke)
        self._apart = t.apart(gamma)
        self._left = t.differences(gamma, np.ones(t.cells))
        self._slope = t.slope(gamma)
        away = t.y - self._level[t.cell]
        self._spread = t.level(away * away, self._tilt, t.spoke)
        self._of_gamma = t.by_unit(t.of_gamma(gamma)) if known else None

    def mean(self, rows: Ints) -> _Mean | None:
        """The mean of a domain; None where it cuts a cell, or too few spoke there."""
        t, cell = self._t, self._t.cell[rows]
        held = np.bincount(cell, minlength=t.cells)
        whole = held > 0
        if t.said[whole].sum() < FEW or (held[whole] != t.all[whole]).any() or (t.said[whole] == 0).any():
            return None
        size = float(len(rows))
        silent = np.where(whole, t.all - t.said, 0.0) / size
        y, level, spoke = t.y[rows], self._level[cell], t.spoke[rows]
        value = float(silent @ self._level) + float(y[spoke].sum()) / size
        per = silent[cell] * self._tilt[rows] / self._total[rows]  # the silent that each speaks for
        error = np.where(spoke, (y - value) / size + per * (y - level), (level - value) / size)
        weight = np.where(whole, t.weight, 0.0)
        weight = weight / max(float(weight.sum()), 1e-300)
        by_unit = t.by_unit(error, rows)
        left = t.by_unit(weight[cell] * self._left[rows], rows)
        if self._of_gamma is not None:
            by_unit -= float(silent @ self._spread) * self._of_gamma
            left += float(weight @ self._slope) * self._of_gamma
        share = np.where(spoke, 1.0 / size + per, 0.0)
        labels = float(share.sum() ** 2 / (share @ share))
        scatter = float(share @ (y - value) ** 2) * labels / max(labels - 1.0, 1.0)
        return _Mean(value, float(weight @ self._apart), by_unit, left, labels, scatter)


def _merged(answers: Answers, spoke: Bools) -> tuple[Ints, int]:
    """Cells of model and class, the small ones of a model in one, by number; that one, where it is small
    too, with the model's largest."""
    classes = int(answers.cls.max(initial=0)) + 1
    models = int(answers.model.max(initial=0)) + 1
    cell = answers.model * classes + answers.cls
    said = np.bincount(cell[spoke], minlength=models * classes).reshape(models, classes)
    to = np.arange(models * classes).reshape(models, classes)
    for a in range(models):
        small = said[a] < FEW
        if said[a][small].sum() < FEW:
            small[said[a].argmax()] = True
        to[a][small] = to[a][small.argmax()]
    names, numbers = np.unique(to.ravel()[cell], return_inverse=True)
    return numbers.astype(np.int64), len(names)
