"""A model of the reward, fitted to the log itself: one ridge regression per model.

A row's prediction rests on other rows only: cross-fitted over folds where rows are exchangeable (Chernozhukov
et al. 2018, "Double/debiased machine learning"), on earlier rows where a learner wrote the log in this order.
Both are the same arithmetic: sums over every group of rows, and a table of which groups teach which.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from banditroute.core import offpolicy
from banditroute.core.inference import Floats
from banditroute.errors import LogError
from banditroute.offline.estimators.rows import LARGEST, Ints, actions, floats, ids

RIDGE = 4.0
"""The penalty, in rows: it pulls a coefficient to 0 as much as so many rows that show nothing of it."""

_FIRST, _GROWTH, _SHARE = 16, 0.25, 1 / 64
"""Stretches of time: the first has 16 rows, the next a quarter of what came before, or a 64th of the log."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model of the reward, and what it was fitted to.

    q̂ `(n, k)`, features `x` and classes `cls` of the rows, and `Σ f·f′` with its penalty `(k, d, d)`.
    """

    q: Floats
    x: Floats
    cls: Ints
    gram: Floats

    def influence(self, target: Floats, action: Ints, altered_weight: Floats, residual: Floats) -> Floats:
        """What each row `(n,)` moves an estimate by through q̂, to be added to its own term.

        An estimate that is not DR leans on the coefficients, and they are estimates themselves: the
        derivative of the value by them, times what each row did to them (White 1980, for the latter).
        """
        lean = np.zeros(self.gram.shape[:2])
        offpolicy.leaning(target, self.x, self.cls, action, altered_weight, lean)
        slope = np.linalg.solve(self.gram, lean[..., None])[..., 0]
        moved = np.empty(len(action))
        offpolicy.leverage(self.x, self.cls, action, residual, slope, moved)
        return moved


def fit_q(
    reward: Floats,
    action: Ints,
    k: int,
    *,
    x: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    order: Literal["any", "time"] = "any",
    bounds: tuple[float, float] | None = None,
    cluster: Ints | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Floats:
    """Expected reward `(n, k)` of every model for every row, from rows other than its own (or earlier ones).

    `x` `(n, d)` are features, `classes` `(n,)` ids that become indicator features; a column of ones is added.
    Predictions are cut to `bounds`, where given. A model with no row to learn from is expected to earn what
    all do on average; the first rows in time the middle of the bounds. Clusters `(n,)` share a fold.

    Raises LogError for features of the wrong shape or not finite, and for fewer rows or clusters than folds.
    """
    return fitted(
        floats(reward, "reward"),
        actions(action),
        k,
        x=x,
        classes=classes,
        order=order,
        bounds=bounds,
        cluster=cluster,
        folds=folds,
        seed=seed,
    ).q


def fitted(
    reward: Floats,
    action: Ints,
    k: int,
    *,
    x: ArrayLike | None,
    classes: ArrayLike | None,
    order: Literal["any", "time"],
    bounds: tuple[float, float] | None,
    cluster: Ints | None,
    folds: int,
    seed: int,
) -> Fitted:
    """`fit_q` with what it was fitted to."""
    n = len(reward)
    if not np.isfinite(reward).all() or len(action) != n or action.min() < 0 or action.max() >= k:
        raise LogError("A model of the reward needs finite rewards, and an action from 0 to k − 1 for each.")
    if order == "time":
        group = _stretches(n)
        teaches = np.tri(int(group[-1]) + 1, k=-1, dtype=np.bool_)
    else:
        group = _folds(n, folds, cluster, seed)
        teaches = ~np.eye(folds, dtype=np.bool_)
    own = _own_features(x, n)
    cls = np.empty(0, np.int64) if classes is None else ids(classes, "classes", n)
    d = 1 + (int(cls.max()) + 1 if len(cls) else 0) + own.shape[1]
    gram, moment = np.zeros((len(teaches) * k, d, d)), np.zeros((len(teaches) * k, d))
    offpolicy.group_sums(reward, group * k + action, own, cls, gram, moment)
    low, high = bounds or (-math.inf, math.inf)
    middle = 0.5 * (low + high) if bounds else 0.0
    gram, moment = gram.reshape(-1, k, d, d), moment.reshape(-1, k, d)
    theta = _taught(gram, moment, teaches, middle)
    q = np.empty((n, k))
    offpolicy.predict_groups(own, cls, group, theta, low, high, q)
    return Fitted(q, own, cls, _penalised(gram.sum(axis=0)))


def _own_features(x: ArrayLike | None, n: int) -> Floats:
    if x is None:
        return np.empty((n, 0))
    own = floats(x, "x")
    if own.ndim != 2 or len(own) != n:
        raise LogError(
            f"x needs one row of features per row of target_pmf, ({n}, d); its shape is {own.shape}."
        )
    if not np.isfinite(own).all():
        raise LogError("x holds numbers that are not finite.")
    if (np.abs(own) > LARGEST).any():
        raise LogError(f"x holds numbers beyond {LARGEST:g}; give them in a larger unit.")
    return own


def _taught(gram: Floats, moment: Floats, teaches: NDArray[np.bool_], middle: float) -> Floats:
    """Coefficients `(groups, d, k)` that each group is predicted with, from the sums of those that teach it.

    What is regressed is the difference to the mean over all models, and the penalty is in units of each
    feature's mean square: so neither the level of rewards nor the unit of a feature matters.
    """
    groups = len(teaches)
    taught = teaches.astype(np.float64)
    own_gram, own_moment = np.tensordot(taught, gram, 1), np.tensordot(taught, moment, 1)
    rows = own_gram[:, :, 0, 0].sum(axis=1)
    mean = np.divide(own_moment[:, :, 0].sum(axis=1), rows, out=np.full(groups, middle), where=rows > 0.0)
    centred = own_moment - mean[:, None, None] * own_gram[..., 0]
    theta = np.linalg.solve(_penalised(own_gram), centred[..., None])[..., 0]
    theta[:, :, 0] += mean[:, None]
    return np.ascontiguousarray(theta.transpose(0, 2, 1))


def _penalised(gram: Floats) -> Floats:
    """Lower halves `(…, k, d, d)` made whole, the ridge added: 1 a row for a feature that was always 0."""
    diagonal = np.einsum("...ii->...i", gram)
    rows = np.maximum(diagonal[..., 0].sum(axis=-1), 1.0)
    size = diagonal.sum(axis=-2) / rows[..., None]
    whole = gram + np.tril(gram, -1).swapaxes(-1, -2)
    np.einsum("...ii->...i", whole)[...] += RIDGE * np.where(size > 0.0, size, 1.0)[..., None, :]
    return whole


def _folds(n: int, folds: int, cluster: Ints | None, seed: int) -> Ints:
    """A fold for every row `(n,)`, drawn by lot, equally many rows or clusters in each."""
    units = n if cluster is None else int(cluster.max()) + 1
    if isinstance(folds, bool) or not isinstance(folds, SupportsIndex):
        raise LogError(f"folds must be a whole number from 2 up; it is {folds!r}.")
    if folds < 2 or units < folds:
        what = "rows" if cluster is None else "clusters"
        raise LogError(
            f"Cross-fitting needs 2 folds or more and something in each; {units} {what} do not make {folds}."
        )
    fold = np.arange(units, dtype=np.int64) % folds
    np.random.default_rng(seed).shuffle(fold)
    return fold if cluster is None else fold[cluster]


def _stretches(n: int) -> Ints:
    """The stretch of time that each row lies in, `(n,)`."""
    starts = [0, _FIRST]
    while starts[-1] < n:
        starts.append(starts[-1] + math.ceil(max(_FIRST, min(_GROWTH * starts[-1], _SHARE * n))))
    marks = np.zeros(n, np.int64)
    marks[[start for start in starts[1:] if start < n]] = 1
    return np.cumsum(marks)
