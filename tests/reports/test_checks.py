"""Logs with propensities: qualities by off-policy estimation, refused where they are not identified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.reports.checks import savings_of_decisions
from banditroute.reports.decisions import savings_of_log
from banditroute.reports.findings import Bill, SavingsReport
from banditroute.reports.savings import Asked
from tests.reports.logs import SETTINGS, by_hand

ASKED = Asked(baseline="large")


def all_to_large(report: SavingsReport) -> Bill:
    return next(bill for bill in report.rules if bill.rule == "fixed:large")


def confounded(n: int = 4_000, floor: float = 0.2) -> tuple[DecisionLog, float]:
    """Within the one class, hard requests mostly went to large; and the quality that large has on all."""
    rng = np.random.default_rng(2)
    hard = rng.uniform(size=n) < 0.5
    to_large = np.where(hard, 1 - floor, floor)
    large = rng.uniform(size=n) < to_large
    quality = np.where(hard, 0.5, 0.9) + np.where(large, 0.05, 0.0) + rng.uniform(-0.05, 0.05, size=n)
    models = np.where(large, "large", "small").tolist()
    rows = [("code", model, 1_000.0, 200.0, q) for model, q in zip(models, quality.tolist(), strict=True)]
    given = np.where(large, to_large, 1 - to_large)
    at = (20_000 * 86_400 + 600.0 * np.arange(n)).tolist()
    return by_hand(rows, at, kind="logged", propensity=given, policy=["rules"] * n), 0.75


def test_what_classes_get_wrong_the_propensities_put_right() -> None:
    log, truth = confounded()
    naive = next(bill for bill in savings_of_log(log, SETTINGS, ASKED).rules if bill.rule == "fixed:large")
    bill = next(
        bill for bill in savings_of_decisions(log, SETTINGS, ASKED).rules if bill.rule == "fixed:large"
    )
    assert naive.quality is not None
    assert naive.quality.mean < truth - 0.1, "large met the hard requests"
    assert bill.quality is not None
    assert bill.quality.low is not None
    assert bill.quality.high is not None
    assert bill.quality.low <= truth <= bill.quality.high
    assert bill.check is not None
    assert bill.check.usd_per_request is not None
    assert bill.check.usd_per_request.mean == pytest.approx(1e-5 * 1_000 + 4e-5 * 200, rel=0.05)
    assert bill.quality_gain is not None
    gain = float(log.quality.mean()) - bill.quality.mean
    assert bill.quality_gain.mean == pytest.approx(gain, abs=1e-6)


def test_too_little_overlap_is_refused_and_the_class_stands() -> None:
    log, _ = confounded(n=100)
    bill = all_to_large(savings_of_decisions(log, SETTINGS, ASKED))
    assert bill.check is not None
    assert bill.check.quality is None
    assert "200" in str(bill.check.quality_refused)
    assert bill.quality == all_to_large(savings_of_log(log, SETTINGS, ASKED)).quality


def test_without_propensities_there_is_nothing_to_check() -> None:
    log = replace(confounded(n=50)[0], kind="observational", propensity=None)
    assert savings_of_decisions(log, SETTINGS, ASKED) == savings_of_log(log, SETTINGS, ASKED)
