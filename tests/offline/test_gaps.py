"""Answers without the USD that the reward weighs: refused with the way out, or left out by request."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from banditroute.commands.savings import savings
from banditroute.errors import LogError
from banditroute.offline import frontier, simulate

from .conftest import Row, WriteLog

GAPS = (7, 31, 32)
"""Rows without USD: of the requests 2 and 10, which have three rows each."""

LEFT_OUT = "Left out: 2 requests lack usd for some of their models."


@pytest.fixture
def gaps(rows: list[Row], write: WriteLog) -> Path:
    return write([{**row, "usd": "" if i in GAPS else row["usd"]} for i, row in enumerate(rows)])


@pytest.fixture
def whole(rows: list[Row], write: WriteLog) -> Path:
    """The log without the requests that have gaps."""
    return write([row for i, row in enumerate(rows) if i // 3 not in (2, 10)], "whole.csv")


def test_a_gap_in_what_is_weighed_is_refused_or_left_out(gaps: Path, whole: Path) -> None:
    with pytest.raises(LogError, match=r"weights price usd, but 3 rows have none: .*--skip-bad.*usd=0"):
        simulate(gaps, ["thompson"], weights={"usd": 3}, seeds=1, jobs=1)
    names = ["thompson", "cheapest", "budget"]
    found = simulate(gaps, names, weights={"usd": 3}, seeds=1, skip_bad=True, jobs=1).to_dict()
    clean = simulate(whole, names, weights={"usd": 3}, seeds=1, jobs=1).to_dict()
    assert found["log"]["requests"] == 58
    assert found["policies"] == clean["policies"]
    assert LEFT_OUT in found["notes"]


def test_a_gap_in_what_is_not_weighed_is_no_fault(gaps: Path) -> None:
    found = simulate(gaps, ["thompson"], weights={"usd": 0}, seeds=1, skip_bad=True, jobs=1).to_dict()
    assert found["log"]["requests"] == 60
    assert found["notes"] == []
    with pytest.raises(LogError, match=r"budget goes by what requests cost.*--skip-bad"):
        simulate(gaps, ["budget"], weights={"usd": 0}, seeds=1, skip_bad=True, jobs=1)


def test_a_training_part_has_no_gaps_either(gaps: Path, whole: Path) -> None:
    asked = {"weights": {"usd": 3}, "seeds": 1, "train": 0.3}
    found = simulate(gaps, ["per_class:fitted"], skip_bad=True, **asked).to_dict()  # type: ignore[arg-type]
    clean = simulate(whole, ["per_class:fitted"], **asked).to_dict()  # type: ignore[arg-type]
    assert found["policies"] == clean["policies"]


def test_frontier_and_savings_leave_them_out_too(gaps: Path) -> None:
    drawn = frontier(gaps, ["fixed:small", "fixed:large"], seeds=1, keep=None, skip_bad=True, jobs=1)
    assert LEFT_OUT in drawn.notes
    done = CliRunner().invoke(savings, [str(gaps), "--policy", "fixed:small", "--skip-bad", "--json", "-"])
    assert done.exit_code == 0, done.output
    assert LEFT_OUT in done.stdout
