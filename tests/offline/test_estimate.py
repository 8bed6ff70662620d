"""Estimators against hand-computed cases, against each other's limits, and against arrays that are wrong."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline import PolicyValue, estimate
from banditroute.offline.estimators.forms import FORMS
from tests.offline.logged_worlds import LOGGING, TARGET, WORLD, fixed_logs, truth

CASE: dict[str, Any] = {
    "reward": [1.0, 0.5, 0.0, 0.8],
    "action": [0, 1, 1, 0],
    "propensity": [0.5, 0.25, 0.5, 0.8],
    "target_pmf": [[0.6, 0.4], [0.5, 0.5], [0.2, 0.8], [1.0, 0.0]],
    "q_hat": [[0.9, 0.4], [0.7, 0.6], [0.5, 0.2], [0.6, 0.3]],
}
# Weights 1.2, 2, 1.6, 1.25, their sum 6.05, of squares 9.5625; what q̂ expects 0.7, 0.65, 0.26, 0.6; residuals
# 0.1, −0.1, −0.2, 0.2; weight times residual 0.12, −0.2, −0.32, 0.25.
BY_HAND = {
    "ips": (1.2 + 1.0 + 0.0 + 1.0) / 4,
    "snips": 3.2 / 6.05,
    "dm": 2.21 / 4,
    "dr": (2.21 - 0.15) / 4,
    "sndr": 2.21 / 4 - 0.15 / 6.05,
    "switch_dr(tau=1.5)": (2.21 + 0.12 + 0.25) / 4,
    "dros(shrinkage=4)": 2.21 / 4
    + (0.12 * 4 / (1.44 + 4) - 0.2 * 4 / (4 + 4) - 0.32 * 4 / (2.56 + 4) + 0.25 * 4 / (1.5625 + 4)) / 4,
    "ips(clip=1.25)": (1.2 + 0.625 + 0.0 + 1.0) / 4,
    "dr(clip=1.25)": (2.21 + 0.12 - 0.125 - 0.25 + 0.25) / 4,
    "snips(clip=1.25)": 2.825 / 4.95,
}


def log_case(seed: int = 0, n: int = 2_000, rep: int = 0) -> dict[str, Any]:
    """A log of a fixed policy, with a q̂ that is a little off."""
    arrays: dict[str, Any] = fixed_logs(rep + 1, n, seed).arrays(rep, TARGET)
    rng = np.random.default_rng(seed + 1)
    return arrays | {"q_hat": rng.uniform(0.5, 0.9, size=(n, 4)), "classes": None}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    found = estimate(name, **CASE)
    assert found.value == pytest.approx(BY_HAND[name], rel=1e-12)
    assert (found.n, found.estimator) == (4, name.partition("(")[0])
    assert found.ess == pytest.approx(6.05**2 / 9.5625)
    assert (found.max_weight, found.max_weight_share) == pytest.approx((2.0, 2.0 / 6.05))


def test_standard_errors_by_hand() -> None:
    terms = np.array([1.2, 1.0, 0.0, 1.0])
    weights = np.array([1.2, 2.0, 1.6, 1.25])
    ips, snips, dm, dr, sndr = estimate(["ips", "snips", "dm", "dr", "sndr"], **CASE)
    assert ips.se == pytest.approx(terms.std(ddof=1) / 2)
    linear = (terms - snips.value * weights) / weights.mean()
    assert snips.se == pytest.approx(linear.std(ddof=1) / 2)
    expected, pulled = np.array([0.7, 0.65, 0.26, 0.6]), np.array([0.12, -0.2, -0.32, 0.25])
    assert dm.se == pytest.approx(expected.std(ddof=1) / 2)
    assert dr.se == pytest.approx((expected + pulled).std(ddof=1) / 2)
    linear = expected + (pulled - pulled.sum() / weights.sum() * weights) / weights.mean()
    assert sndr.se == pytest.approx(linear.std(ddof=1) / 2)


def test_one_pass_gives_what_single_calls_give() -> None:
    names = [*FORMS, "switch_dr(tau=2)", "dros(shrinkage=3)", "dr(clip=2)"]
    case = log_case()
    together = estimate(names, **case)
    assert [astuple(value) for value in together] == [astuple(estimate(name, **case)) for name in names]
    assert all(isinstance(value, PolicyValue) for value in together)


def test_parameters_may_be_keywords() -> None:
    case = log_case()
    for written, name, keyword in [
        ("switch_dr(tau=2)", "switch_dr", {"tau": 2.0}),
        ("dros(shrinkage=3)", "dros", {"shrinkage": 3.0}),
        ("ips(clip=2)", "ips", {"clip": 2.0}),
    ]:
        assert estimate(written, **case) == estimate(name, **case, **keyword)
    assert estimate("DROS( 3 )", **case).parameter == 3.0
    assert estimate("ips", **case).parameter is None
    assert not estimate("ips(clip=2)", **case).unbiased


def test_uniform_weights_give_the_mean() -> None:
    """Where every weight is the same, nothing is reweighted; and where the target is the logging policy."""
    case = log_case()
    reward = case["reward"]
    uniform = case | {"propensity": np.full(2_000, 0.25), "target_pmf": np.full((2_000, 4), 0.25)}
    same = case | {"target_pmf": fixed_logs(1, 2_000, 0).pmf[0]}
    for each in (uniform, same):
        ips, snips = estimate(["ips", "snips"], **each)
        assert ips.value == pytest.approx(reward.mean(), rel=1e-12)
        assert snips.value == pytest.approx(reward.mean(), rel=1e-12)
        assert ips.ess == pytest.approx(2_000)
        assert ips.se == pytest.approx(reward.std(ddof=1) / math.sqrt(2_000))


def test_limits_meet() -> None:
    case = log_case()
    dm, dr = estimate(["dm", "dr"], **case)
    for name, limit in [
        ("switch_dr(tau=0)", dm),
        ("switch_dr(tau=inf)", dr),
        ("switch_dr(tau=1000)", dr),
        ("dros(shrinkage=0)", dm),
        ("dros(shrinkage=inf)", dr),
        ("dr(clip=0)", dm),
        ("dr(clip=1000)", dr),
    ]:
        found = estimate(name, **case)
        assert (found.value, found.se) == pytest.approx((limit.value, limit.se), rel=1e-12), name
    assert estimate("dros(shrinkage=1e9)", **case).value == pytest.approx(dr.value, rel=1e-6)
    nothing = case | {"q_hat": np.zeros((2_000, 4))}
    assert estimate("dr", **nothing).value == pytest.approx(estimate("ips", **nothing).value, rel=1e-12)
    assert estimate("sndr", **nothing).value == pytest.approx(estimate("snips", **nothing).value, rel=1e-12)


def test_a_level_of_rewards_changes_no_error() -> None:
    """A million added to every reward and to q̂ moves DR by a million, and its error not at all."""
    case = log_case()
    far = case | {"reward": case["reward"] + 1e6, "q_hat": case["q_hat"] + 1e6}
    near, moved = estimate("dr", **case), estimate("dr", **far)
    assert moved.value - near.value == pytest.approx(1e6, rel=1e-12)
    assert moved.se == pytest.approx(near.se, rel=1e-6)


def test_what_numpy_would_say() -> None:
    """The compiled sums against one line of numpy, on a log of many rows."""
    case = log_case(n=5_000)
    rows = np.arange(5_000)
    weight = case["target_pmf"][rows, case["action"]] / case["propensity"]
    expected = (case["target_pmf"] * case["q_hat"]).sum(axis=1)
    terms = expected + weight * (case["reward"] - case["q_hat"][rows, case["action"]])
    found = estimate("dr", **case)
    assert found.value == pytest.approx(terms.mean(), rel=1e-12)
    assert found.se == pytest.approx(terms.std(ddof=1) / math.sqrt(5_000), rel=1e-10)
    assert (found.low, found.high) == pytest.approx(
        (found.value - 1.9599640 * found.se, found.value + 1.9599640 * found.se)
    )


def test_arrays_of_other_kinds_are_read() -> None:
    case = log_case()
    as_lists = {name: value.tolist() if value is not None else None for name, value in case.items()}
    frozen = case | {
        "target_pmf": np.asfortranarray(case["target_pmf"]),
        "action": case["action"].astype("i4"),
    }
    frozen["reward"] = case["reward"].astype(bool)
    case["reward"].flags.writeable = False
    assert estimate("dr", **as_lists) == estimate("dr", **case) == estimate("dr", **frozen)


def test_thresholds_are_chosen_where_weights_are_wild() -> None:
    """A model wanted half the time and logged once in 200, q̂ good: weights of 100 are not worth their noise.

    The errors of 100 logs; where weights are tame and q̂ is off, the choice loses next to nothing to DR.
    """
    good = WORLD + 0.02
    wild, half = np.tile([0.005, 0.335, 0.33, 0.33], (3, 1)), np.tile([0.5, 0.5, 0.0, 0.0], (3, 1))
    for logging, target, q, factor in [(wild, half, good, 0.9), (LOGGING, TARGET, good[::-1], 1.1)]:
        logs = fixed_logs(100, 2_000, 3, logging)
        errors = np.array(
            [
                [each.value - truth(target) for each in estimate(["dr", "switch_dr", "dros"], **arrays)]
                for arrays in (
                    logs.arrays(rep, target) | {"q_hat": q[logs.classes[rep]]} for rep in range(100)
                )
            ]
        )
        dr, switch, shrunk = np.sqrt((errors**2).mean(axis=0))
        assert switch < factor * dr
        assert shrunk < factor * dr


def test_a_chosen_parameter_is_told_and_bears_the_error_of_dr() -> None:
    dr, switch, shrunk = estimate(["dr", "switch_dr", "dros"], **log_case())
    for each in (switch, shrunk):
        assert each.parameter is not None
        assert each.se == dr.se
        assert not each.unbiased
    assert estimate(f"switch_dr(tau={switch.parameter})", **log_case()).value == switch.value


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "unknown name": ({"estimator": "ipw"}, "no estimator 'ipw'"),
    "no name": ({"estimator": []}, "at least one"),
    "parameter of another": ({"estimator": "dros(tau=1)"}, "takes only shrinkage"),
    "no parameter": ({"estimator": "dm(tau=1)"}, "takes no parameter"),
    "not a number": ({"estimator": "ips(clip=x)"}, "not a number"),
    "negative": ({"estimator": "ips(clip=-1)"}, "from 0 up"),
    "empty": ({"target_pmf": np.empty((0, 2))}, "at least one of each"),
    "one-dimensional target": ({"target_pmf": [0.5, 0.5]}, "at least one of each"),
    "short rewards": ({"reward": [1.0]}, r"reward needs one entry per row of target_pmf, \(4,\)"),
    "q_hat of other shape": ({"q_hat": [[0.5], [0.5], [0.5], [0.5]]}, "q_hat needs the shape"),
    "words": ({"reward": ["a", "b", "c", "d"]}, "reward must hold numbers"),
    "nan reward": ({"reward": [1.0, math.nan, 0.0, math.nan]}, "2 rows have a reward .* the first is row 1"),
    "infinite q_hat": ({"q_hat": np.full((4, 2), math.inf)}, "4 rows of q_hat"),
    "float action": ({"action": [0.0, 1.0, 1.0, 0.0]}, "whole numbers"),
    "action out of range": ({"action": [0, 1, 2, 0]}, "Row 2 has an action that is no column"),
    "negative action": ({"action": [0, -1, 1, 0]}, "Row 1 has an action"),
    "propensity 0": ({"propensity": [0.5, 0.0, 0.5, 0.8]}, r"Row 1 has a propensity outside \(0, 1\]"),
    "propensity above 1": ({"propensity": [0.5, 1.1, 0.5, 0.8]}, "Row 1 has a propensity"),
    "no propensity": ({"propensity": [0.5, math.nan, 0.5, 0.8]}, "Row 1 has a propensity"),
    "negative target": ({"target_pmf": [[1.1, -0.1]] * 4}, "negative"),
    "target short of 1": ({"target_pmf": [[0.5, 0.4]] * 4}, "4 rows of target_pmf do not sum to 1"),
    "nan target": ({"target_pmf": [[math.nan, 0.5]] * 4}, "4 rows of target_pmf hold negative or non-finite"),
    "never taken": ({"action": [0, 0, 0, 0], "target_pmf": [[0.0, 1.0]] * 4}, "would never have taken"),
    "unknown interval": ({"interval": "wald"}, "no interval 'wald'"),
    "level": ({"level": 95.0}, "between 0 and 1"),
    "bounds": ({"bounds": (1.0, 0.0)}, "smallest and the largest"),
    "outside the bounds": ({"bounds": (0.0, 0.5)}, "rewards go from 0 to 1"),
    "order": ({"order": "random"}, "order must be"),
    "clusters": ({"cluster": [1, 2]}, "cluster needs one entry"),
    "logged pmf": ({"logging_pmf": [[0.5, 0.4]] * 4}, "logging_pmf must hold probabilities"),
    "logged pmf says otherwise": ({"logging_pmf": [[0.5, 0.5]] * 4}, "differ in 2 rows"),
    "too few rows for folds": ({"estimator": "dr", "q_hat": None}, "4 rows do not make 5"),
    "features": ({"estimator": "dr", "q_hat": None, "folds": 2, "x": [[1.0]]}, "x needs one row"),
    "nan features": ({"estimator": "dr", "q_hat": None, "folds": 2, "x": [[math.nan]] * 4}, "not finite"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_wrong_arrays_are_refused_with_a_sentence(name: str) -> None:
    change, said = BROKEN[name]
    arrays = {"estimator": "dr"} | CASE | change
    with pytest.raises(LogError, match=said) as error:
        estimate(arrays.pop("estimator"), **arrays)
    assert str(error.value).endswith(".")


def test_the_log_of_the_tests_is_what_it_says() -> None:
    logs = fixed_logs(1, 30_000, 9)
    share = np.bincount(logs.action[0][logs.classes[0] == 2], minlength=4) / (logs.classes[0] == 2).sum()
    np.testing.assert_allclose(share, LOGGING[2], atol=0.025)  # five standard errors
