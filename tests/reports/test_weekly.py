"""The weekly report: its sums, what it compares with what, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.reports.findings import Range
from banditroute.reports.savings import NothingToBill
from banditroute.reports.weekly import weekly_report
from banditroute.reports.weekly_words import moved, quality_moved
from banditroute.routing.acknowledging import raised
from banditroute.store import Store, open_store
from tests.reports.logs import DAY
from tests.reports.weeks import EXPERIMENT, FIRST, WEEKLY, three_weeks

END = (FIRST + 21) * DAY


@pytest.fixture(scope="module")
def log() -> DecisionLog:
    return three_weeks()[0]


@pytest.fixture
def store() -> Iterator[Store]:
    store = three_weeks()[1]
    yield store
    store.close()


def week(log: DecisionLog, end: float) -> np.ndarray:
    """Which rows are in the seven days before a time."""
    assert log.at is not None
    return (log.at >= end - 7 * DAY) & (log.at < end)


def cost(log: DecisionLog) -> np.ndarray:
    """USD of every request, at the prices of the test's models."""
    large = np.array(log.models)[log.action] == "large"
    return np.where(large, 10.0, 1.0) * (log.input_tokens + 4.0 * log.output_tokens) * 1e-6


def test_sums_are_those_of_the_requests_of_each_week(store: Store, log: DecisionLog) -> None:
    report = weekly_report(WEEKLY, store, until=END)
    assert (report.since, report.until) == (END - 7 * DAY, END)
    for span, end in ((report.total.now, END), (report.total.before, END - 7 * DAY)):
        own = week(log, end)
        assert span.requests == own.sum() > 300
        assert span.usd == pytest.approx(cost(log)[own].sum())
        assert span.quality is not None
        assert span.quality.mean == pytest.approx(log.quality[own].mean())
        assert span.quality.low is not None
        assert span.quality.low < span.quality.mean
    assert report.total.quality_change is not None
    change = log.quality[week(log, END)].mean() - log.quality[week(log, END - 7 * DAY)].mean()
    assert report.total.quality_change.mean == pytest.approx(change)
    chat = next(part for part in report.classes if part.name == "chat")
    own = week(log, END) & (np.array(log.classes)[log.class_index] == "chat")
    assert (chat.now.requests, chat.now.usd) == (own.sum(), pytest.approx(cost(log)[own].sum()))
    assert sum(part.now.requests for part in report.models) == report.total.now.requests


def test_the_week_is_billed_under_the_rule_that_was_named(store: Store) -> None:
    report = weekly_report(WEEKLY, store, until=END, baseline="small")
    assert report.savings is not None
    assert report.savings.baseline == "fixed:small"
    assert report.savings.requests == report.total.now.requests
    assert report.savings.actual.usd.mean == pytest.approx(report.total.now.usd)
    assert report.savings.actual.monthly is not None
    month = report.total.now.usd / 7 * 365.25 / 12
    assert report.savings.actual.monthly.mean == pytest.approx(month)
    assert "everything to small" in report.verdict


def test_a_week_that_the_log_covers_in_part_is_not_projected(store: Store) -> None:
    report = weekly_report(WEEKLY, store, until=(FIRST + 3) * DAY)
    assert report.total.now.requests > 0
    assert report.total.before.requests == 0
    assert report.savings is not None
    assert report.savings.actual.monthly is None
    assert report.notes[0].startswith("The log holds 3 of the seven days")


def test_by_default_the_last_whole_days_count_and_today_where_there_are_none(store: Store) -> None:
    noon = END + 0.5 * DAY
    assert weekly_report(WEEKLY, store, now=noon).until == END
    first_noon = (FIRST + 0.5) * DAY
    today = weekly_report(WEEKLY, store, now=first_noon)
    assert today.until == (FIRST + 1) * DAY
    assert today.total.now.requests > 0


def test_running_experiments_bring_their_verdicts(store: Store) -> None:
    (own,) = weekly_report(WEEKLY, store, until=END).experiments
    assert (own.name, own.status) == (EXPERIMENT.name, "running")
    assert own.decision is not None
    assert "treatment" in own.verdict


def test_an_alarm_stands_until_it_is_acknowledged(store: Store) -> None:
    assert weekly_report(WEEKLY, store, until=END).verdict.endswith("No alarm.")
    about = {"kind": "model", "subject": "large", "factor": "quality", "message": "It changed.", "id": "a"}
    store.controls.append("alarm", "model/large/quality", body=about)
    report = weekly_report(WEEKLY, store, until=END)
    assert [(one.message, one.acknowledged) for one in report.alarms] == [("It changed.", False)]
    assert report.verdict.endswith("1 alarm to look at.")
    store.controls.append("acknowledge", "model/large/quality")
    assert weekly_report(WEEKLY, store, until=END).alarms == [], "it is not of that week, and seen to"
    assert [seen for _, seen in raised(store.controls)] == [True]


def test_a_broken_guardrail_comes_first(store: Store) -> None:
    about = {"kind": "guardrail", "subject": "code", "factor": "quality", "message": "Broken.", "id": "b"}
    event = store.controls.append("alarm", "guardrail/code/quality", body=about)
    report = weekly_report(WEEKLY, store, until=END)
    assert {one.request_class: one.broken_since for one in report.guardrails} == {
        "code": event.at,
        "chat": None,
    }
    assert report.verdict.endswith("The guardrail of code is broken: look at it first.")
    store.controls.append("acknowledge", "*")
    assert all(one.broken_since is None for one in weekly_report(WEEKLY, store, until=END).guardrails)


def test_the_page_and_the_data_say_the_same(store: Store) -> None:
    report = weekly_report(WEEKLY, store, until=END)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["verdict"] == report.verdict
    page = report.to_html()
    for said in (report.verdict, EXPERIMENT.name, "By class, beside the week before", "Guardrails"):
        assert said.replace("'", "&#x27;") in page
    assert "http" not in page, "it loads nothing"
    assert "<table>" in report._repr_html_()


def test_a_page_has_one_scale_and_no_bars_of_a_week_without_a_log(store: Store) -> None:
    first, second = (weekly_report(WEEKLY, store, until=end).to_html() for end in ((FIRST + 7) * DAY, END))
    bars = [page.split("By class, beside")[0].split("USD by class")[1] for page in (first, second)]
    assert "$0" not in bars[0]
    assert ["the week before" in drawn for drawn in bars] == [False, True]
    report = weekly_report(WEEKLY, store, until=END)
    assert report.savings is not None
    quality = report.savings.actual.quality
    assert quality is not None
    assert f"<td>{100 * quality.mean:.1f}</td>" in second
    assert f"{quality.mean:.3f}" not in second


def test_an_empty_log_is_refused() -> None:
    store = open_store("memory://")
    with pytest.raises(NothingToBill, match="nothing to bill"):
        weekly_report(WEEKLY, store)
    store.close()


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (10.0, 0.0, "from nothing the week before"),
        (0.0, 0.0, "as the week before: none"),
        (10.0, 10.01, "as the week before"),
        (12.0, 10.0, "up 20% on the week before"),
        (3.0, 10.0, "down 70% on the week before"),
        (31.0, 10.0, "3.1 times that of the week before"),
    ],
)
def test_how_a_sum_moved(now: float, before: float, said: str) -> None:
    assert moved(now, before) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Range(-0.012, -0.024, -0.001), "lower than the week before: −1.2 points (−2.4 to −0.1)"),
        (Range(0.02, 0.01, 0.03), "higher than the week before: +2.0 points (+1.0 to +3.0)"),
        (Range(0.001, -0.01, 0.012), "about as the week before: +0.1 points (−1.0 to +1.2)"),
        (Range(0.02), "+2.0 points on the week before (too few users for an interval)"),
    ],
)
def test_how_quality_moved(change: Range, said: str) -> None:
    assert quality_moved(change) == said
