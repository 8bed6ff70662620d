"""The arrays of a log, checked while they are read, as three numbers per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from banditroute.core import offpolicy
from banditroute.core.inference import Floats
from banditroute.errors import LogError
from banditroute.offline.logs.files import counted

Ints = NDArray[np.int64]

LARGEST = 1e30
"""What no reward, feature or weight needs to exceed; sums of their squares and products stay finite."""

FAULTS = (
    ("has a reward that is not a finite number", "have a reward that is not a finite number"),
    ("has an action that is no column of target_pmf", "have an action that is no column of target_pmf"),
    ("has a propensity outside (0, 1]", "have a propensity outside (0, 1]"),
    (
        "of target_pmf holds a negative or non-finite number",
        "of target_pmf hold negative or non-finite numbers",
    ),
    ("of target_pmf does not sum to 1", "of target_pmf do not sum to 1"),
    ("of q_hat holds a number that is not finite", "of q_hat hold numbers that are not finite"),
)
"""What is wrong with one row, with several, in the order of the kernel's faults."""


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows: weight π/p, what q̂ expects of the target, what it missed of the reward; each `(n,)`.

    Without q̂ nothing is expected and all of the reward is missed. `ess`, `largest` and `share` are of the
    weights; `smallest` is the smallest propensity.
    """

    weight: Floats
    expected: Floats
    residual: Floats
    ess: float
    largest: float
    share: float
    mean_weight: float
    smallest: float

    def __len__(self) -> int:
        return len(self.weight)


@dataclass(frozen=True, slots=True)
class Logged:
    """What was logged and what is asked, as arrays of the right kind: `(n,)`, and `(n, k)` for the target."""

    reward: Floats
    action: Ints
    propensity: Floats
    target: Floats


def logged(reward: ArrayLike, action: ArrayLike, propensity: ArrayLike, target_pmf: ArrayLike) -> Logged:
    """Arrays of the right kind and shape; what their rows hold is checked by `rows_of`."""
    target = floats(target_pmf, "target_pmf")
    if target.ndim != 2 or 0 in target.shape:
        raise LogError(
            "target_pmf needs a row per logged row and a column per model, at least one of each; its shape "
            f"is {target.shape}."
        )
    n = len(target)
    taken = actions(action)
    _check_length(taken, "action", n)
    return Logged(
        vector(reward, "reward", n),
        taken,
        vector(propensity, "propensity", n),
        target,
    )


def rows_of(log: Logged, q_hat: Floats | None) -> Rows:
    """Reads every row once; refuses the log when one is wrong."""
    n = len(log.target)
    weight, expected, residual = np.empty(n), np.empty(n), np.empty(n)
    faults, totals = np.zeros((len(FAULTS), 2), np.int64), np.zeros(4)
    q = np.empty((0, log.target.shape[1])) if q_hat is None else q_hat
    offpolicy.importance(
        log.reward, log.action, log.propensity, log.target, q, weight, expected, residual, faults, totals
    )
    for (one, several), (count, first) in zip(FAULTS, faults.tolist(), strict=True):
        if count == 1:
            raise LogError(f"Row {first} {one}.")
        if count > 1:
            raise LogError(f"{count:,} rows {several}, the first is row {first}.")
    total, squares, largest, smallest = totals.tolist()
    if total <= 0.0:
        raise LogError(
            "The target policy would never have taken what was logged: no row says anything about it. It can "
            "be answered by a log in which its models were tried."
        )
    if not largest <= LARGEST:
        raise LogError(f"The smallest propensity is {smallest:g}; nothing was ever drawn with that.")
    if not max(expected.max(), -expected.min(), residual.max(), -residual.min()) <= LARGEST:
        raise LogError(f"reward or q_hat hold numbers beyond {LARGEST:g}; give them in a larger unit.")
    return Rows(
        weight, expected, residual, total * total / squares, largest, largest / total, total / n, smallest
    )


def vector(values: ArrayLike, name: str, n: int) -> Floats:
    """`(n,)` floats."""
    found = floats(values, name)
    _check_length(found, name, n)
    return found


def matrix(values: ArrayLike, name: str, shape: tuple[int, int]) -> Floats:
    """Floats of the shape of the target."""
    found = floats(values, name)
    if found.shape != shape:
        raise LogError(f"{name} needs the shape of target_pmf, {shape}; its shape is {found.shape}.")
    return found


def actions(values: ArrayLike) -> Ints:
    """The columns that were taken, as whole numbers."""
    taken = _array(values, "action")
    if taken.dtype.kind not in "iu":
        raise LogError(
            f"action must hold whole numbers, the columns of target_pmf that were taken, not {taken.dtype}."
        )
    return np.ascontiguousarray(taken, np.int64)


def floats(values: ArrayLike, name: str) -> Floats:
    """Contiguous doubles, copied only where they are something else."""
    found = _array(values, name)
    if found.dtype.kind not in "biufO":
        raise LogError(f"{name} must hold numbers, not {found.dtype}.")
    try:
        return np.ascontiguousarray(found, np.float64)
    except (TypeError, ValueError):
        raise LogError(f"{name} must hold numbers.") from None


def ids(values: ArrayLike | Sequence[object], name: str, n: int) -> Ints:
    """`(n,)` positions of whatever ids: equal ids, equal numbers. Refuses rows without one."""
    found = _array(values, name)
    _check_length(found, name, n)
    plain = found.dtype.kind != "O"
    absent = found != found if plain else np.fromiter(map(_is_missing, found.tolist()), np.bool_, n)
    if absent.any():
        rows = counted(int(absent.sum()), "row has", "rows have")
        raise LogError(
            f"{rows} no id in {name}, the first is row {int(absent.argmax())}; give every row one, its own "
            "where it stands alone."
        )
    if not plain:
        return _numbered(found, name)
    position: Ints = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return position


def _is_missing(value: Any) -> bool:
    """Whether it is None, unlike itself as nan is, or cannot tell, as the NA of data frames."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        return True


def _numbered(found: NDArray[Any], name: str) -> Ints:
    """Ids of any kinds, which may have no order, by their first appearance."""
    places: dict[object, int] = {}
    try:
        return np.array([places.setdefault(one, len(places)) for one in found.tolist()], np.int64)
    except TypeError:
        raise LogError(f"{name} must hold ids, such as numbers or texts.") from None


def _array(values: object, name: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        raise LogError(f"{name} must be an array of one shape; its rows differ in length.") from None


def _check_length(values: NDArray[Any], name: str, n: int) -> None:
    if values.shape != (n,):
        raise LogError(f"{name} needs one entry per row of target_pmf, ({n},); its shape is {values.shape}.")
