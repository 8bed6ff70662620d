"""How well a log covers a target: effective rows and weights, over all, by model and by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from banditroute.core.inference import Floats
from banditroute.errors import LogError
from banditroute.offline.estimators.rows import Ints, Logged, logged, matrix, rows_of
from banditroute.offline.estimators.terms import check_logging


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a log of n rows has of what a target does; weights w are π/p.

    `ess` is `(Σw)²/Σw²`; `mean_weight` is near 1 where the log could have taken all that the target does.
    Arrays are by model `(k,)`: `logged` and `wanted` are the rows the log gave it and those the target
    would have, `model_ess` what the logged ones are worth, `model_max_weight` their largest weight.
    `unsupported` is the share of the target on models of logged probability 0, None where the logged pmf is
    not known. `by_class` holds the same for the rows of every class.
    """

    n: int
    ess: float
    max_weight: float
    max_weight_share: float
    mean_weight: float
    logged: Floats
    wanted: Floats
    model_ess: Floats
    model_max_weight: Floats
    unsupported: float | None = None
    by_class: Mapping[str, Overlap] = field(default_factory=dict)


def weights_diagnostics(
    action: ArrayLike,
    propensity: ArrayLike,
    target_pmf: ArrayLike,
    *,
    logging_pmf: ArrayLike | None = None,
    classes: ArrayLike | None = None,
) -> Overlap:
    """The weights of a target on a log, whose arrays are those of `estimate`; `classes` `(n,)` are names.

    Raises LogError for arrays that `estimate` would refuse.
    """
    n = len(np.atleast_1d(np.asarray(action)))
    log = logged(np.zeros(n), action, propensity, target_pmf)
    weight = rows_of(log, None).weight
    logging = None if logging_pmf is None else matrix(logging_pmf, "logging_pmf", log.target.shape)
    if logging is not None:
        check_logging(logging, log)
    parts: dict[str, Overlap] = {}
    if classes is not None:
        names = np.asarray(classes).astype(str)
        if names.shape != (n,):
            raise LogError(f"classes needs one entry per row, ({n},); its shape is {names.shape}.")
        parts = {
            str(name): _overlap(log, weight, logging, np.flatnonzero(names == name), {})
            for name in np.unique(names)
        }
    return _overlap(log, weight, logging, np.arange(n), parts)


def _overlap(
    log: Logged, weight: Floats, logging: Floats | None, rows: Ints, by_class: Mapping[str, Overlap]
) -> Overlap:
    """Of some of the rows."""
    w, action, target = weight[rows], log.action[rows], log.target[rows]
    k = target.shape[1]
    total, squares = float(w.sum()), float(w @ w)
    sums, square_sums = np.bincount(action, w, k), np.bincount(action, w * w, k)
    largest = np.zeros(k)
    np.maximum.at(largest, action, w)
    return Overlap(
        n=len(rows),
        ess=total * total / squares if squares else 0.0,
        max_weight=float(w.max()),
        max_weight_share=float(w.max()) / total if total else 0.0,
        mean_weight=total / len(rows),
        logged=np.bincount(action, minlength=k).astype(np.float64),
        wanted=target.sum(axis=0),
        model_ess=np.divide(sums**2, square_sums, out=np.zeros(k), where=square_sums > 0.0),
        model_max_weight=largest,
        unsupported=None if logging is None else float(target[logging[rows] <= 0.0].sum()) / len(rows),
        by_class=by_class,
    )
