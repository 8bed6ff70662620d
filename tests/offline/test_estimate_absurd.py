"""What makes no sense is refused in one sentence: no bare error of a library, no NaN for an answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline import estimate
from banditroute.offline.estimators.forms import FORMS

N = 600
RNG = np.random.default_rng(0)
SOUND: dict[str, Any] = {
    "reward": RNG.random(N),
    "action": RNG.integers(3, size=N),
    "propensity": np.full(N, 1 / 3),
    "target_pmf": np.tile([0.5, 0.3, 0.2], (N, 1)),
}


class NotAvailable:
    """As the NA of data frames: comparisons with it are itself, and neither true nor false."""

    def __ne__(self, other: object) -> Any:
        return self

    __eq__ = __ne__
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


ABSURD: list[tuple[str, Any, str]] = [
    ("bounds", "ab", "smallest and the largest"),
    ("bounds", 5, "smallest and the largest"),
    ("bounds", (0, 1, 2), "smallest and the largest"),
    ("bounds", (None, 1), "smallest and the largest"),
    ("bounds", (0, math.inf), "smallest and the largest"),
    ("cluster", [None, *range(N - 1)], "1 row has no id in cluster, the first is row 0"),
    ("cluster", np.r_[1.0, np.nan, np.arange(N - 2)], "the first is row 1"),
    ("cluster", ["a", NotAvailable()] * (N // 2), "300 rows have no id in cluster, the first is row 1"),
    ("cluster", [[1], [1, 2]] * (N // 2), "differ in length"),
    ("cluster", np.fromiter(({i} for i in range(N)), object), "must hold ids"),
    ("reward", SOUND["reward"] * 1e300, "beyond 1e\\+30"),
    ("reward", ["1"] * N, "reward must hold numbers"),
    ("reward", SOUND["reward"] * 1j, "reward must hold numbers"),
    ("reward", {}, "reward must hold numbers"),
    ("reward", [], "one entry per row"),
    ("action", None, "action must hold whole numbers"),
    ("propensity", np.r_[1e-300, np.full(N - 1, 1 / 3)], "smallest propensity is 1e-300"),
    ("target_pmf", [], "at least one of each"),
    ("target_pmf", [[1], [1, 2]] * (N // 2), "differ in length"),
    ("q_hat", np.full((N, 3), 1e300), "beyond 1e\\+30"),
    ("x", np.full((N, 2), 1e300), "beyond 1e\\+30"),
    ("clip", "x", "clip of dr must be a number from 0 up"),
    ("level", "x", "level must be a number"),
    ("folds", 2.5, "folds must be a whole number"),
    ("seed", -1, "seed must be a whole number"),
    ("order", np.array([1, 2]), "order must be"),
    ("interval", [], "no interval"),
    ("classes", [None] * N, "no id in classes"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), ABSURD)
def test_an_absurd_argument_is_refused(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(LogError, match=sentence):
        estimate("dr", **SOUND | {name: value})


@pytest.mark.parametrize(
    "estimator", [None, 3, {"dr"}, ["dr", None], "", "sndr(clip=0)", "ips(clip=0)", "switch_dr(tau=-1)"]
)
def test_an_absurd_name_is_refused(estimator: Any) -> None:
    with pytest.raises(LogError):
        estimate(estimator, **SOUND)


def test_odd_but_sound_arguments_are_answered() -> None:
    """Ids of two kinds, numpy's own numbers, parameters of 0: finite answers."""
    ids = np.array([f"user-{i}" if i % 2 else i for i in range(N)], object)
    for found in estimate(
        list(FORMS), **SOUND, cluster=ids, folds=np.int64(3), level=np.float64(0.9), tau=0, shrinkage=0
    ):  # fmt: skip
        assert found.refusal is None
        assert all(math.isfinite(v) for v in (found.value, found.low, found.high, found.se, found.ess))
