"""Exposures: what fits together, what is put in order, and what is refused in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.reports.ab import Exposures, exposures_of, simulated_exposures
from banditroute.reports.ab.exposures import settled

COLUMNS = {
    "at": [3.0, 1.0, 2.0, 4.0, 5.0],
    "unit": ["b", "a", "b", "c", "a"],
    "variant": ["new", "control", "new", "control", "new"],
    "request_class": ["x", "y", "x", "x", "y"],
    "quality": [0.5, None, 1.0, 0.25, 0.0],
    "share": [0.4, 0.5, 0.3, 0.5, 0.5],
}


def test_columns_as_a_log_has_them() -> None:
    own = exposures_of(COLUMNS)
    assert own.variants == ("control", "new")
    assert own.classes == ("x", "y")
    assert own.variant.tolist() == [1, 0, 1, 0, 1]
    assert np.isnan(own.metrics["quality"][1])
    assert set(own.metrics) == {"quality"}
    assert own.units == 3


def test_units_keep_their_first_variant_and_share() -> None:
    seen = settled(exposures_of(COLUMNS))
    own = seen.exposures
    assert own.at.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert own.unit.tolist() == [0, 1, 1, 2]
    assert own.share.tolist() == [0.5, 0.3, 0.3, 0.5]
    assert (seen.units, seen.moved, seen.dropped) == (3, 1, 1)


def test_what_was_before_follows_its_unit() -> None:
    own = exposures_of(COLUMNS)
    known = replace(own, before={"quality": np.array([0.1, 0.2, 0.3])})  # of a, b, c
    before = settled(known).exposures.before
    assert before is not None
    assert before["quality"].tolist() == [0.1, 0.2, 0.3]
    turned = replace(known, unit=2 - own.unit)
    before = settled(turned).exposures.before
    assert before is not None
    assert before["quality"].tolist() == [0.3, 0.2, 0.1]


def test_another_control_comes_first() -> None:
    own = exposures_of(COLUMNS).with_control("new")
    assert own.variants == ("new", "control")
    assert own.variant.tolist() == [0, 1, 0, 1, 0]
    with pytest.raises(LogError, match="no variant other to compare with; the variants are new, control"):
        own.with_control("other")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variants": ("a", "a")}, "different names"),
        ({"shares": np.array([0.5])}, "declared share"),
        ({"share": np.zeros(5)}, "above 0, at most 1"),
        ({"variant": np.array([0, 1, 2, 0, 1])}, "Column variant holds codes outside 0 to 1"),
        ({"unit": np.arange(4)}, "Column unit has 4 rows"),
        ({"metrics": {"usd": np.zeros(3)}}, "Column usd has 3 rows"),
        ({"before": {"usd": np.zeros(2)}}, "needs an entry for every unit"),
        ({"shares": np.array([0.7, 0.7])}, "sum to 1.4"),
        ({"at": np.array([0.0, 1.0, np.nan, 3.0, 4.0])}, "Column at has nan in row 3"),
        (
            {"metrics": {"quality": np.array([0.0, 1.0, 1.2, np.nan, 0.0])}},
            "quality has 1.2 in row 3; it must be b",
        ),
        ({"metrics": {"usd": np.array([0.0, np.inf, 1.2, np.nan, 0.0])}}, "usd has inf in row 2"),
        (
            {"metrics": {"usd": np.array([0.0, 0.1, 0.2, np.nan, -0.1])}},
            "usd has -0.1 in row 5; .* 0 or more",
        ),
        ({"metrics": {"reward": np.full(5, -np.inf)}}, "reward has -inf in row 1"),
        ({"metrics": {"error": np.full(5, 5.0)}}, "error has 5 in row 1; it must be 0 or 1"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], says: str) -> None:
    own: Exposures = exposures_of(COLUMNS)
    with pytest.raises(LogError, match=says):
        replace(own, **change)  # type: ignore[arg-type]


def test_columns_that_say_nothing_are_refused() -> None:
    with pytest.raises(LogError, match="There are no rows, so no variants"):
        exposures_of({"unit": [], "variant": []})
    with pytest.raises(LogError, match="no column variant"):
        exposures_of({"unit": ["a"]})
    with pytest.raises(LogError, match="names new, which is none of control, old"):
        exposures_of(COLUMNS, variants=["control", "old"])
    with pytest.raises(LogError, match="2 variants and 3 shares"):
        exposures_of(COLUMNS, shares=[0.2, 0.3, 0.5])
    with pytest.raises(LogError, match="Column quality holds something that is no number"):
        exposures_of({**COLUMNS, "quality": ["good"] * 5})


def test_simulated_exposures_are_a_function_of_their_arguments() -> None:
    one, other = (simulated_exposures(500, requests_per_unit=3.0, adaptive="usd", seed=4) for _ in range(2))
    assert (one.metrics["usd"] == other.metrics["usd"]).all()
    assert (one.share == other.share).all()
    assert len(np.unique(one.share)) > 2
    assert one.share.min() >= 0.1
    assert (np.unique(one.unit) == np.arange(one.units)).all()
