"""Off-policy estimates from arrays: several estimators in one pass over the log."""

from __future__ import annotations

from typing import Literal, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from banditroute.errors import LogError
from banditroute.offline.estimators.forms import parse_form
from banditroute.offline.estimators.intervals import Wish, answer, reward_range
from banditroute.offline.estimators.regression import fitted
from banditroute.offline.estimators.rows import ids, logged, matrix, rows_of, vector
from banditroute.offline.estimators.terms import Terms, check_logging
from banditroute.offline.estimators.tuning import settled
from banditroute.offline.estimators.value import IntervalKind, PolicyValue

Order = Literal["any", "time"]


class _Logged(TypedDict):
    reward: ArrayLike
    action: ArrayLike
    propensity: ArrayLike
    target_pmf: ArrayLike


class _Asked(_Logged, total=False):
    """The keywords of `estimate`, for its two kinds of call."""

    q_hat: ArrayLike | None
    x: ArrayLike | None
    classes: ArrayLike | None
    logging_pmf: ArrayLike | None
    order: Order
    interval: IntervalKind | None
    level: float
    bounds: tuple[float, float] | None
    cluster: ArrayLike | None
    clip: float | None
    tau: float | None
    shrinkage: float | None
    folds: int
    uneven: ArrayLike | None
    seed: int


@overload
def estimate(estimator: str, **asked: Unpack[_Asked]) -> PolicyValue: ...


@overload
def estimate(estimator: list[str] | tuple[str, ...], **asked: Unpack[_Asked]) -> list[PolicyValue]: ...


def estimate(
    estimator: str | list[str] | tuple[str, ...],
    *,
    reward: ArrayLike,
    action: ArrayLike,
    propensity: ArrayLike,
    target_pmf: ArrayLike,
    q_hat: ArrayLike | None = None,
    x: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    logging_pmf: ArrayLike | None = None,
    order: Order = "any",
    interval: IntervalKind | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
    cluster: ArrayLike | None = None,
    clip: float | None = None,
    tau: float | None = None,
    shrinkage: float | None = None,
    folds: int = 5,
    uneven: ArrayLike | None = None,
    seed: int = 0,
) -> PolicyValue | list[PolicyValue]:
    """What a target policy would have earned per row; one name gives one answer, several give a list.

    n rows, k models. `reward`, `action` (column of the model taken) and `propensity` (the probability it was
    drawn with) are `(n,)`, `target_pmf` `(n, k)` with rows that sum to 1. Names: `ips`, `snips`, `dm`, `dr`,
    `sndr`, `switch_dr`, `dros`, with parameters as in `"switch_dr(tau=5)"` or by keyword; `tau` and
    `shrinkage` are chosen by the data where neither says (`tuning`), `clip` caps the weights of the first
    two, `dr` and `sndr`.

    `q_hat` `(n, k)` is a model of the reward. Where one is needed and none is given, a ridge regression
    per model is fitted on features `x` `(n, d)` and `classes` `(n,)`, cross-fitted over `folds`, or with
    `order="time"` on earlier rows only.

    `order="time"` says that rows are in the order they were decided and that the policy which decided them
    may have learned on the way. Then a `q_hat` that is given must itself rest on earlier rows only, and the
    default interval is a martingale's (`sequence`), as the normal one does not cover there.

    `interval`: `normal` (the default otherwise), `bootstrap`, `bernstein` or `sequence`. The last two hold
    around ips and dr, and need `bounds`, the range of the reward, by default (0, 1) where all rewards lie in
    it. `logging_pmf` `(n, k)`, where known, narrows `sequence` and shows where the target does what the log
    never could. `cluster` `(n,)` holds ids of what belongs together (a user, a session): errors are then of
    cluster sums. `uneven` `(n,)` is the part of the reward whose range is not known beforehand, such as bills
    and waits: by default what lies outside (0, 1) where `bounds` are not known, and nothing where they are. A
    normal interval is refused where few rows carry the estimate by it (`tails`).

    Raises LogError where the arrays are wrong or cannot say anything about the target.
    """
    if not isinstance(estimator, str | list | tuple):
        raise LogError(f"Name an estimator, such as 'dr', or a list of them, not {estimator!r}.")
    names = [estimator] if isinstance(estimator, str) else list(estimator)
    forms = [parse_form(name, {"clip": clip, "tau": tau, "shrinkage": shrinkage}) for name in names]
    if not forms:
        raise LogError("Name at least one estimator, such as 'dr'.")
    if not isinstance(order, str) or order not in ("any", "time"):
        raise LogError(f"order must be 'any' or 'time', not '{order}'.")
    log = logged(reward, action, propensity, target_pmf)
    n, k = log.target.shape
    modelled = any(form.modelled for form in forms)
    q = None if q_hat is None else matrix(q_hat, "q_hat", (n, k))
    clusters = None if cluster is None else ids(cluster, "cluster", n)
    rows = rows_of(log, q if modelled else None)
    wish = Wish(interval, level, reward_range(log.reward, bounds), order == "time", seed)
    fit = None
    if modelled and q is None:
        fit = fitted(
            log.reward, log.action, k, x=x, classes=classes, order=order, bounds=wish.bounds,
            cluster=clusters, folds=folds, seed=seed,
        )  # fmt: skip
        q, rows = fit.q, rows_of(log, fit.q)
    logging = None if logging_pmf is None else matrix(logging_pmf, "logging_pmf", (n, k))
    if logging is not None:
        check_logging(logging, log)
    if uneven is not None:
        uneven = vector(uneven, "uneven", n)
    elif wish.bounds is None:
        uneven = log.reward - np.clip(log.reward, 0.0, 1.0)
    terms = Terms(log, q, logging, clusters, rows, fit, uneven)
    answers = [answer(settled(form, terms), terms, wish) for form in forms]
    return answers[0] if isinstance(estimator, str) else answers
