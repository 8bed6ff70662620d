"""Bills against hand-computed ones, and the intervals against known truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.reports.cells import DAY
from banditroute.reports.decisions import savings_of_log
from banditroute.reports.findings import Bill, SavingsReport
from banditroute.reports.savings import Asked
from banditroute.reports.text import span
from tests.reports.logs import LARGE, MEAN, SETTINGS, TAU, by_hand, drawn


def bill(report: SavingsReport, rule: str) -> Bill:
    return next(one for one in report.rules if one.rule == rule)


TWO_EACH = [
    ("code", "small", 1000.0, 100.0, 0.5),
    ("code", "small", 1000.0, 100.0, 0.7),
    ("code", "large", 1000.0, 200.0, 0.9),
    ("code", "large", 1000.0, 200.0, 1.0),
]


def test_what_was_paid_is_tokens_at_their_prices() -> None:
    report = savings_of_log(by_hand(TWO_EACH), SETTINGS, Asked(baseline="large"))
    # small: 2 × (1,000 × 1e-6 + 100 × 4e-6) = 0.0028; large: 2 × (1,000 × 1e-5 + 200 × 4e-5) = 0.036
    assert report.actual.usd.mean == pytest.approx(0.0388)
    assert report.actual.quality is not None
    assert report.actual.quality.mean == pytest.approx((0.5 + 0.7 + 0.9 + 1.0) / 4)
    assert (report.requests, report.metered, report.scored) == (4, 4, 4)
    by_model = {part.name: part.usd for part in report.actual.by_model}
    assert by_model == pytest.approx({"small": 0.0028, "large": 0.036})


def test_another_models_bill_has_its_price_and_its_length() -> None:
    """With many answers each, what is borrowed from the rest of the log no longer matters."""
    report = savings_of_log(by_hand(TWO_EACH * 2_000), SETTINGS, Asked(baseline="large"))
    n = 8_000
    # large on all: 1,000 × 1e-5 + 200 × 4e-5 = 0.018 each; small on all: 0.0014 each
    assert bill(report, "fixed:large").usd.mean == pytest.approx(n * 0.018, rel=2e-3)
    assert bill(report, "fixed:small").usd.mean == pytest.approx(n * 0.0014, rel=2e-3)
    assert bill(report, "cheapest").usd.mean == bill(report, "fixed:small").usd.mean
    assert bill(report, "random").usd.mean == pytest.approx(n * (0.018 + 0.0014) / 2, rel=2e-3)
    large = bill(report, "fixed:large")
    assert large.quality is not None
    assert large.quality.mean == pytest.approx(0.95, abs=1e-3)
    assert large.saving.mean == pytest.approx(large.usd.mean - report.actual.usd.mean)
    assert large.saving_share == pytest.approx(1 - report.actual.usd.mean / large.usd.mean)


def test_reported_usd_stand_over_tokens() -> None:
    log = replace(by_hand(TWO_EACH), usd=np.array([1.0, 2.0, 3.0, 4.0]))
    report = savings_of_log(log, SETTINGS, Asked(baseline="large"))
    assert report.actual.usd.mean == pytest.approx(10.0)


def test_a_rule_per_class_sends_each_class_to_its_model() -> None:
    rows = TWO_EACH * 500 + [
        ("chat", model, read, written, quality) for _, model, read, written, quality in TWO_EACH * 500
    ]
    rule = "per_class:{code: large, chat: small}"
    report = savings_of_log(by_hand(rows), SETTINGS, Asked(rules=(rule,), baseline="large"))
    parts = {part.name: part for part in bill(report, rule).by_class}
    assert parts["code"].usd == pytest.approx(2_000 * 0.018, rel=1e-2)
    assert parts["chat"].usd == pytest.approx(2_000 * 0.0014, rel=1e-2)


def test_without_prices_cost_goes_by_usd_and_an_unknown_model_is_refused() -> None:
    log = replace(by_hand(TWO_EACH * 500), usd=np.tile([0.1, 0.1, 1.0, 1.0], 500))
    report = savings_of_log(log, Settings(), Asked(baseline="large"))
    assert bill(report, "fixed:large").usd.mean == pytest.approx(2_000.0, rel=1e-2)
    assert bill(report, "fixed:small").usd.mean == pytest.approx(200.0, rel=3e-2)
    unpriced = replace(
        SETTINGS, models=(*SETTINGS.models, replace(LARGE, id="new", usd_per_input_token=None))
    )
    report = savings_of_log(log, unpriced, Asked(baseline="large"))
    assert [refusal.rule for refusal in report.refused if refusal.rule.startswith("fixed")] == ["fixed:new"]
    with pytest.raises(LogError, match="fixed:new cannot be the baseline"):
        savings_of_log(log, unpriced, Asked(baseline="new"))


def test_a_model_that_never_answered_is_billed_as_an_average_one_and_says_so() -> None:
    settings = replace(SETTINGS, models=(*SETTINGS.models, replace(LARGE, id="new")))
    report = savings_of_log(by_hand(TWO_EACH * 500), settings, Asked(baseline="new"))
    new = bill(report, "fixed:new")
    assert new.unseen == ["new"]
    assert new.quality is None
    assert new.usd.low is None
    # 150 tokens on average, so 1,000 × 1e-5 + 150 × 4e-5
    assert new.usd.mean == pytest.approx(2_000 * 0.016, rel=0.02)
    assert "new answered no request" in " ".join(report.assumptions)
    assert report.verdict.endswith("at a quality that cannot be compared.")


def test_requests_without_a_cost_are_in_no_bill_and_are_told() -> None:
    rows = [*TWO_EACH * 100, ("code", "small", 1000.0, float("nan"), 0.9)]
    report = savings_of_log(by_hand(rows), SETTINGS, Asked(baseline="large"))
    assert (report.requests, report.metered) == (401, 400)
    assert "1 of 401 requests have no known cost" in " ".join(report.assumptions)
    with pytest.raises(LogError, match="Nothing is known of what requests cost"):
        savings_of_log(by_hand(rows[-1:]), SETTINGS)


def test_one_request_has_a_bill_and_no_interval() -> None:
    report = savings_of_log(by_hand(TWO_EACH[:1]), SETTINGS, Asked(baseline="large", requests_per_month=1e4))
    assert report.actual.usd.low is None
    assert report.actual.monthly is not None
    assert report.actual.monthly.mean == pytest.approx(1e4 * 0.0014)
    assert report.actual.monthly.low is None
    assert "too few requests for intervals" in report.verdict


def test_a_month_is_projected_from_whole_days_or_as_given() -> None:
    rows = TWO_EACH * 30
    at = [(20_000 + i // 10 + 0.5) * DAY for i in range(len(rows))]  # 12 days with 10 requests each
    report = savings_of_log(by_hand(rows, at), SETTINGS, Asked(baseline="large"))
    assert report.projection.requests_per_month == pytest.approx(10 * 365.25 / 12)
    assert report.projection.blocks == "days"
    assert report.actual.monthly is not None
    assert report.actual.yearly is not None
    assert report.actual.yearly.mean == pytest.approx(12 * report.actual.monthly.mean)
    given = savings_of_log(by_hand(rows), SETTINGS, Asked(requests_per_month=1e6))
    assert given.actual.monthly is not None
    assert given.actual.monthly.mean == pytest.approx(1e6 * 0.0388 / 4)
    assert given.projection.blocks == "groups"


def test_too_short_a_log_is_not_projected_and_says_why() -> None:
    at = [(20_000 + i / 2) * DAY for i in range(4)]
    short = savings_of_log(by_hand(TWO_EACH, at), SETTINGS)
    assert short.actual.monthly is None
    assert "0 whole days" in str(short.projection.reason)
    assert "no times" in str(savings_of_log(by_hand(TWO_EACH), SETTINGS).projection.reason)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("larg", 'did you mean "large"'),
        ("fixed:larg", 'did you mean "large"'),
        ("thompson", "Simulate and evaluate"),
        ("rules:/etc/passwd", "Simulate and evaluate"),
        ("per_class:{code: larg}", 'no model "larg"'),
        ("per_class:{cod: large}", 'no class "cod"'),
        ("", "no model or rule"),
    ],
)
def test_rules_that_cannot_be_billed_are_refused(rule: str, said: str) -> None:
    with pytest.raises(LogError, match="cannot be billed") as refusal:
        savings_of_log(by_hand(TWO_EACH), SETTINGS, Asked(rules=(rule,)))
    assert said in str(refusal.value)


def test_a_class_that_is_not_declared_counts_as_other() -> None:
    log = by_hand(TWO_EACH)
    odd = replace(log, classes=("mystery", "code"))
    report = savings_of_log(odd, SETTINGS, Asked(baseline="large"))
    assert {part.name for part in report.actual.by_class} == {"code"}
    odd = replace(odd, class_index=np.zeros(4, np.int64))
    report = savings_of_log(odd, SETTINGS, Asked(baseline="large"))
    assert {part.name for part in report.actual.by_class} == {"other"}


def _expected(log: DecisionLog) -> float:
    """What everything to large is expected to cost on these very requests; what large did is known."""
    names = [log.classes[g] for g in log.class_index]
    written = np.array([TAU[name, "large"] for name in names])
    own = log.action == log.models.index("large")
    return float((1e-5 * log.input_tokens + 4e-5 * np.where(own, log.output_tokens, written)).sum())


def _coverage(logs: int) -> np.ndarray:
    """How often the interval holds the truth: of another model's bill on these requests, of what is paid in
    a month of this traffic, and of the difference in quality."""
    month = 365.25 / 12 * 600 / 21
    read = np.exp(6 + 0.3**2 / 2)
    share = {"code": 0.4, "chat": 0.6}
    usd = {
        model: sum(s * price * (read + 4 * TAU[name, model]) for name, s in share.items())
        for model, price in (("small", 1e-6), ("large", 1e-5))
    }
    monthly = month * (0.7 * usd["small"] + 0.3 * usd["large"])
    better = 0.7 * sum(s * (MEAN[name, "large"] - MEAN[name, "small"]) for name, s in share.items())
    inside = np.zeros(3)
    for seed in range(logs):
        log = drawn(seed, n=600)
        report = savings_of_log(log, SETTINGS, Asked(baseline="large"))
        large = bill(report, "fixed:large")
        for place, (found, truth) in enumerate(
            [(large.usd, _expected(log)), (report.actual.monthly, monthly), (large.quality_gain, -better)]
        ):
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            inside[place] += found.low <= truth <= found.high
    return inside / logs


def test_intervals_cover_what_they_promise() -> None:
    """120 logs: a true 95% is seen in 104 or fewer in 1 of 1,000 runs of a right program (three truths)."""
    assert (_coverage(120) > 104 / 120).all()


@pytest.mark.full
def test_intervals_cover_what_they_promise_in_many_logs() -> None:
    """1,000 logs: a true 95% is seen outside 93-97% in 1 of 100 runs; the first may cover more."""
    found = _coverage(1_000)
    assert (found >= 0.93).all(), found
    assert (found[1:] <= 0.97).all(), found


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0.0, "1 minute"),
        (0.03, "43 minutes"),
        (0.5, "12 hours"),
        (1.5, "36 hours"),
        (2.0, "2 days"),
        (1_200, "1,200 days"),
    ],
)
def test_a_stretch_of_time_in_words(days: float, said: str) -> None:
    assert span(days) == said
