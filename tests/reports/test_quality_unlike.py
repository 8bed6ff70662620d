"""Scores that are alike: intervals that still hold, and a report that says why a cell is empty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.core.base import Floats
from banditroute.core.feedback.prediction import powered_means
from banditroute.reports.quality import quality_report
from banditroute.reports.quality_answers import Heard
from banditroute.reports.quality_text import markdown, tables
from banditroute.reports.quality_unlike import reaching
from tests.reports.scored import JUDGE, scored


def interval(said: Floats) -> tuple[float, float, float]:
    """Mean and limits of one domain, as the report makes them."""
    domain = np.zeros(len(said), np.int64)
    found = powered_means(domain, np.zeros(len(said)), said, 1)
    low, high = reaching(found.mean, found.low, found.high, domain, said)
    return float(found.mean[0]), float(low[0]), float(high[0])


def alike(found: Heard, value: float) -> Heard:
    """The same with all that people said at one value."""
    same = np.where(np.isnan(found.people), np.nan, value)
    return replace(found, people=same, asked=np.full_like(same, np.nan), volunteered=same)


def test_equal_scores_reach_as_far_as_clopper_and_pearson() -> None:
    """Of 20 thumbs up the exact lower limit of the binomial is .832."""
    mean, low, high = interval(np.ones(20))
    assert (mean, high) == (1.0, 1.0)
    assert low == pytest.approx(0.025 ** (1 / 20))
    _, low, high = interval(np.full(5, 0.8))
    assert low < 0.4
    assert high > 0.88


@pytest.mark.parametrize("n", [5, 20, 60])
def test_rare_failures_are_in_the_interval(n: int) -> None:
    """2,000 samples of answers at .8, of which 3% are worth 0 and do not come up in most: nominal 95%. By
    scatter alone, which is 0 wherever none came up, most intervals miss; at the rate, below 94.2% in 1 of 20.
    """
    rng = np.random.default_rng(n)
    held = plain = 0
    for _ in range(2_000):
        said = np.where(rng.random(n) < 0.03, 0.0, 0.8)
        _, low, high = interval(said)
        held += low <= 0.776 <= high
        own = 2.0 * said.std() / np.sqrt(n)
        plain += abs(said.mean() - 0.776) <= own
    assert held / 2_000 > 0.942
    assert plain / 2_000 < 0.85


def test_scores_all_over_the_scale_are_told_by_their_scatter() -> None:
    said = np.random.default_rng(0).beta(2.0, 1.0, 400)
    domain = np.zeros(400, np.int64)
    found = powered_means(domain, np.zeros(400), said, 1)
    low, high = reaching(found.mean, found.low, found.high, domain, said)
    assert (low, high) == (found.low, found.high)


def test_no_report_has_an_interval_without_width() -> None:
    report = quality_report(alike(scored(1, gamma=0.0, n=300), 0.8), by_class=True)
    for row in (*report.models, *report.classes):
        for one in (row.people, row.judge, row.powered):
            if one is not None and one.low is not None and one.high is not None:
                assert one.high - one.low > 0.02
    assert "Clopper and Pearson" in report.notes[0]


def test_the_verdict_does_not_say_alike_where_means_move() -> None:
    """40 pairs: γ is −2.6 ± 1.6, and the best guess moves a mean by .1."""
    report = quality_report(scored(3, n=600))
    assert max(abs(row.moved or 0.0) for row in report.models) > 0.05
    assert "about alike" not in report.verdict
    assert "too small to tell whether people score good and bad answers alike" in report.verdict
    assert "which may be chance" in report.verdict


def test_alike_is_said_where_the_audit_shows_it() -> None:
    report = quality_report(scored(0, gamma=0.0, n=100_000))
    assert "score good and bad answers about alike, as the audit shows" in report.verdict
    assert max(abs(row.moved or 0.0) for row in report.models) < 0.02


def test_every_blank_cell_has_its_reason() -> None:
    found = scored(2, n=400)
    unsaid = np.where(found.model == 2, np.nan, found.people)
    rows, values = found.judges[JUDGE]
    kept = found.model[rows] != 1
    report = quality_report(
        replace(
            found, people=unsaid, volunteered=np.where(found.model == 2, np.nan, found.volunteered),
            judges={JUDGE: (rows[kept], values[kept])},
        )
    )  # fmt: skip
    cells = [cell for _, _, lines in tables(report) for line in lines for cell in line]
    assert "–" in cells
    assert "" not in cells
    told = markdown(report)
    assert "under “people alone”: people scored none" in told
    assert "under “judge alone”: the judge scored none" in told
    assert "Too few scores for both together, “–”: " in told
