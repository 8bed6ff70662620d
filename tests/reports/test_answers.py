"""Full information: bills are read off the log, and a policy is replayed in place of what was paid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.logs.reading import Log
from banditroute.reports.answers import savings_of_answers
from banditroute.reports.savings import Asked


@pytest.fixture(scope="module")
def log() -> Log:
    """300 requests in 30 days, two classes, two models; the dear one is better."""
    rng = np.random.default_rng(0)
    n = 300
    nothing = np.full((n, 2), np.nan)
    return Log(
        kind="full_information",
        request_ids=np.array([f"r{i:03d}" for i in range(n)]),
        models=("cheap", "dear"),
        classes=("a", "b"),
        class_index=rng.integers(0, 2, size=n),
        quality=rng.uniform(0.5, 0.7, size=(n, 2)) + np.array([0.0, 0.2]),
        usd=rng.uniform(0.5, 1.5, size=(n, 2)) * np.array([0.001, 0.02]),
        seconds=nothing,
        output_tokens=nothing,
        input_tokens=np.full(n, np.nan),
        at=(20_000 + np.arange(n) / 10 + 0.05) * 86_400,
    )


def test_bills_are_the_sums_of_the_log(log: Log) -> None:
    rule = "per_class:{a: dear, b: cheap}"
    asked = Asked(rules=(rule,), baseline="dear")
    report = savings_of_answers(log, Settings(), policy="fixed:cheap", asked=asked)
    usd = {bill.rule: bill.usd for bill in report.rules}
    assert report.actual.usd.mean == pytest.approx(log.usd[:, 0].sum())
    assert usd["fixed:dear"].mean == pytest.approx(log.usd[:, 1].sum())
    assert usd["fixed:dear"].low is None, "it is exact"
    split = np.where(log.class_index == 0, log.usd[:, 1], log.usd[:, 0])
    assert usd[rule].mean == pytest.approx(split.sum())
    dear = next(bill for bill in report.rules if bill.rule == "fixed:dear")
    assert dear.quality is not None
    assert dear.quality.mean == pytest.approx(log.quality[:, 1].mean())
    assert dear.basis == "exact"
    assert report.actual.basis == "simulated"
    assert report.verdict.startswith("fixed:cheap would have cost")


def test_a_month_has_students_interval_over_days(log: Log) -> None:
    """The log has 10 requests a day: the projection is the mean day times the days of a month."""
    report = savings_of_answers(log, Settings(), policy="fixed:cheap", asked=Asked(baseline="dear"))
    days = log.usd[:, 0].reshape(30, 10).sum(axis=1)[1:-1]
    month = 365.25 / 12
    half = 2.0518305164802833 * days.std(ddof=1) / np.sqrt(28)  # t of 27 degrees of freedom
    monthly = report.actual.monthly
    assert monthly is not None
    assert monthly.mean == pytest.approx(month * days.mean())
    assert monthly.low == pytest.approx(month * (days.mean() - half))
    assert monthly.high == pytest.approx(month * (days.mean() + half))


def test_a_learner_is_replayed_over_several_seeds(log: Log) -> None:
    report = savings_of_answers(log, Settings(), asked=Asked(baseline="dear"), seeds=3)
    assert report.actual.rule == "thompson"
    assert sum(part.requests for part in report.actual.by_model) == pytest.approx(300)
    assert log.usd[:, 0].sum() < report.actual.usd.mean < log.usd[:, 1].sum()
    again = savings_of_answers(log, Settings(), asked=Asked(baseline="dear"), seeds=3)
    assert again == report


def test_a_log_without_every_cost_is_refused(log: Log) -> None:
    usd = log.usd.copy()
    usd[3, 1] = np.nan
    with pytest.raises(LogError, match=r"1 answer has no usd.*or leave these requests out with --skip-bad"):
        savings_of_answers(replace(log, usd=usd), Settings())


def test_what_reads_prompts_is_not_replayed_without_them(log: Log) -> None:
    with pytest.raises(LogError, match="complexity cannot be played: it reads the prompts"):
        savings_of_answers(log, Settings(), policy="complexity")
    with pytest.raises(LogError, match="cannot be billed: rules cannot be played: it reads the prompts"):
        savings_of_answers(log, Settings(), asked=Asked(("rules",)))


@pytest.mark.parametrize("rule", ["fixed:none", "xyzzy"])
def test_wrong_rules_are_refused(log: Log, rule: str) -> None:
    with pytest.raises(LogError, match="cannot be billed"):
        savings_of_answers(log, Settings(), asked=Asked(rules=(rule,)))
