"""The report as a whole: what it says of experiments whose truth is known, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from banditroute.errors import LogError
from banditroute.reports.ab import ABReport, Effect, ab_report, exposures_of, simulated_exposures
from banditroute.reports.ab.chart import course, legend_of, round_between
from banditroute.reports.ab.effects import holm, measured, metric_effects
from banditroute.reports.ab.scores import past_of

CHEAP = Effect(usd=0.39)


@pytest.fixture(scope="module")
def report() -> ABReport:
    own = simulated_exposures(16_000, effects=[CHEAP], requests_per_unit=2.0, seed=1)
    return ab_report(own, experiment="learned-vs-premium", margin=0.02, max_usd=0.08, max_seconds=20.0)


def test_a_cheaper_treatment_that_is_no_worse(report: ABReport) -> None:
    assert report.decision == "not_worse_and_cheaper"
    assert report.verdict.startswith("treatment costs 6")
    assert report.verdict.endswith("inside the agreed margin of 2 points.")
    usd, quality = report.effect("usd"), report.effect()
    assert usd is not None
    assert quality is not None
    assert usd.ratio is not None
    assert usd.ratio.low is not None
    assert usd.ratio.high is not None
    assert usd.ratio.low < 0.39 < usd.ratio.high
    assert usd.ratio.high - usd.ratio.low < 0.08
    assert usd.cap is not None
    assert usd.cap.declared
    assert 0.0 < usd.cap.requests < 0.01
    assert quality.gain is not None
    assert quality.gain > 0.1
    assert quality.looks is not None
    assert len(quality.looks.units) <= 100
    assert quality.looks.units[-1] == quality.units == report.units
    saving = report.savings[0]
    assert saving.per_month is not None
    assert saving.requests_per_month == pytest.approx(30_400, rel=0.05)
    assert saving.per_month.mean == pytest.approx(saving.per_request.mean * saving.requests_per_month)
    assert [one.clear for one in report.classes if one.metric == "usd"] == [True] * 3
    assert not any(one.clear for one in report.classes if one.metric == "quality")


def test_a_class_is_clear_where_the_interval_that_is_shown_leaves_out_zero() -> None:
    """Holm's p of the less clear classes may be below alpha while Bonferroni's interval still holds 0."""
    apart = 0
    for seed in (2, 4):
        own = simulated_exposures(6_000, effects=[Effect(quality=-0.04)], requests_per_unit=2.0, seed=seed)
        found = ab_report(own, metrics=["quality"])
        for one in found.classes:
            value = one.difference
            known = value is not None and value.low is not None and value.high is not None
            assert one.clear == (known and not value.low <= 0.0 <= value.high)
            apart += one.p is not None and one.p <= found.alpha and not one.clear
        marked = any(one.clear for one in found.classes)
        assert ("* clear:" in found.to_text()) == ("* clear:" in found.to_html()) == marked
    assert apart, "the two never disagreed: this test shows nothing"


def test_a_chart_says_where_its_band_goes_on_and_where_it_changes(report: ABReport) -> None:
    quality = report.effect()
    assert quality is not None
    assert "until 500 units (dotted line), asymptotic" in legend_of(quality, report.margin)
    assert "arrow" in legend_of(quality, report.margin)
    drawn = course(quality, report.margin)
    assert drawn.count("<polygon") > 1
    assert "agreed margin −2.0" in drawn
    usd = report.effect("usd")
    assert usd is not None
    assert "there is none before 2,000 units" in legend_of(usd, None)


@pytest.mark.parametrize(
    ("low", "high"), [(-1.2, 2.1), (-0.0016, 0.0001), (0.0, 7.0), (-0.49, 0.9), (-31.0, -1.0)]
)
def test_ticks_are_round_and_neither_few_nor_many(low: float, high: float) -> None:
    ticks = round_between(low, high)
    assert 3 <= len(ticks) <= 7
    assert low <= ticks[0]
    assert ticks[-1] <= high
    assert not low <= 0.0 <= high or min(map(abs, ticks)) == 0.0


def test_it_shows_itself(report: ABReport, tmp_path: Path) -> None:
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["decision"] == report.decision
    text = report.to_text()
    assert "Experiment learned-vs-premium" in text
    assert report.verdict in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 120
    page = report.to_html()
    assert page.startswith("<!doctype html>")
    assert "http" not in page
    assert "<script" not in page
    assert page.count('class="course"') == 4
    assert page.count('aria-label="') > 4
    assert report._repr_html_().count("<table>") == 4
    report.plot(tmp_path / "ab.png")
    assert (tmp_path / "ab.png").stat().st_size > 20_000


def test_names_are_escaped() -> None:
    own = replace(simulated_exposures(600, seed=1), variants=("<b>", "x&y"))
    page = ab_report(own, experiment="<i>").to_html()
    assert "<b>" not in page.split("</style>")[1]
    assert "&lt;i&gt;" in page


def test_a_name_moves_no_cursor_and_colours_nothing() -> None:
    own = replace(simulated_exposures(600, seed=1), variants=("co\x1b[31mntrol", "[red]new\u202e"))
    text = ab_report(own, experiment="\x1b[2J[bold]x").to_text()
    assert not any(sign in text for sign in "\x1b\u202e")
    assert "co�[31mntrol" in text
    assert "[red]new�" in text
    assert text.startswith("Experiment �[2J[bold]x")


def test_a_few_busy_units_decide_nothing() -> None:
    """Nine of ten requests are those of sixteen units; what the others would allow to say is not said."""
    own = simulated_exposures(12_000, effects=[Effect(quality=-0.2)], seed=1)
    busy = np.where(np.arange(12_000) % 10, own.unit % 16, own.unit)
    found = ab_report(replace(own, unit=busy, before=None, variant=own.variant[busy]))
    quality = found.effect()
    assert quality is not None
    assert quality.stage == "sure"
    assert quality.alike < 100.0
    assert found.decision == "too_early"
    assert "that come equally often." in found.verdict


def test_too_few_for_money_but_enough_for_a_disaster() -> None:
    own = simulated_exposures(400, effects=[Effect(quality=-0.4)], seed=1)
    found = ab_report(own)
    assert found.decision == "worse"
    quality, usd = found.effect(), found.effect("usd")
    assert quality is not None
    assert usd is not None
    assert (quality.stage, usd.stage) == ("early", "too_early")
    assert any("by betting" in note for note in found.notes)
    assert not found.savings


def test_no_request_one_variant_and_no_metric() -> None:
    none = simulated_exposures(100).rows(np.zeros(100, np.bool_))
    assert ab_report(none).decision == "no_data"
    assert "neither control nor treatment" in ab_report(none).verdict
    one_sided = simulated_exposures(700).rows(simulated_exposures(700).variant == 0)
    found = ab_report(replace(one_sided, share=np.ones(len(one_sided))))
    assert found.decision in ("no_data", "broken")
    alone = exposures_of({"unit": ["a", "b"], "variant": ["x", "x"], "quality": [1.0, 0.5]})
    assert ab_report(alone).verdict == "Nothing to compare: x is the only variant."
    blind = replace(simulated_exposures(700), metrics={"usd": np.full(700, 0.01)})
    assert ab_report(blind).verdict == "Nothing to compare yet: quality is not known of both variants."
    for report in (ab_report(none), found, ab_report(alone), ab_report(blind)):
        assert report.to_text()
        assert report.to_html()
        assert json.dumps(report.to_dict(), allow_nan=False)


def test_everything_free_is_no_division_by_zero() -> None:
    own = simulated_exposures(3_000, seed=1)
    found = ab_report(replace(own, metrics={**own.metrics, "usd": np.zeros(3_000)}), max_usd=0.05)
    assert "both free" in found.verdict
    json.dumps(found.to_dict(), allow_nan=False)


def test_lost_units_break_it() -> None:
    own = simulated_exposures(8_000, effects=[CHEAP], seed=1)
    kept = (own.variant == 0) | (np.random.default_rng(0).random(8_000) > 0.15)
    found = ab_report(own.rows(kept))
    assert found.decision == "broken"
    assert "sample" not in found.verdict
    assert "find out where the others were lost" in found.verdict


def test_units_in_two_variants_break_it() -> None:
    own = simulated_exposures(6_000, requests_per_unit=3.0, seed=1)
    moved = np.where(np.arange(6_000) > 4_000, 1 - own.variant, own.variant)
    found = ab_report(replace(own, variant=moved))
    assert found.decision == "broken"
    assert "more than one variant" in found.verdict
    few = np.where(np.arange(6_000) > 5_990, 1 - own.variant, own.variant)
    found = ab_report(replace(own, variant=few))
    assert found.decision != "broken"
    assert any("first request alone" in note for note in found.notes)


def test_several_treatments_share_the_error() -> None:
    effects = [Effect(usd=0.5), Effect(quality=-0.1)]
    own = simulated_exposures(9_000, effects=effects, seed=2)
    found = ab_report(own, margin=0.03)
    assert [one.decision for one in found.comparisons] == ["not_worse_and_cheaper", "worse"]
    assert found.decision == "not_worse_and_cheaper"
    assert len(found.classes) == 2 * 2 * 3
    half = metric_effects(measured(own, "quality", past_of(own)), alpha=0.025)[0]
    assert found.effect() == structs.replace(
        half, more_units=found.effects[0].more_units, answered=found.effects[0].answered
    )


def test_a_cap_that_nobody_declared_is_that_of_the_first_units() -> None:
    own = simulated_exposures(3_000, seed=1)
    usd = own.metrics["usd"]
    dear = np.where(np.arange(3_000) < 2_000, usd, 50.0 * usd)
    caps = []
    for values in (usd, dear):
        effect = ab_report(replace(own, metrics={"usd": values}), metric="usd", margin=0.001).effect()
        assert effect is not None
        assert effect.cap is not None
        caps.append(effect.cap)
    assert caps[0].high == caps[1].high
    assert not caps[1].declared
    assert caps[1].requests > 0.2


def test_another_control_turns_the_difference_round() -> None:
    own = simulated_exposures(3_000, effects=[CHEAP], seed=1)
    one = ab_report(own, max_usd=0.05).effect("usd")
    other = ab_report(own, max_usd=0.05, control="treatment").effect("usd")
    assert one is not None
    assert other is not None
    assert one.difference is not None
    assert other.difference is not None
    assert one.difference.mean == pytest.approx(-other.difference.mean)
    assert one.difference.low == pytest.approx(-(other.difference.high or 0.0))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"metric": "joy"}, "no metric joy"),
        ({"metrics": ["joy"]}, "no metric joy"),
        ({"metric": "powered"}, "needs a judge's scores"),
        ({"margin": -0.1}, "0 or more, not -0.1"),
        ({"margin": np.nan}, "a number, 0 or more, not nan"),
        ({"margin": np.inf}, "a number, 0 or more, not inf"),
        ({"metric": "usd"}, "no usual margin for USD per request: .*--margin 0.0005"),
        ({"metric": "error"}, "no usual margin for error rate"),
        ({"max_usd": 0.0}, "max_usd is a number above 0, not 0"),
        ({"max_seconds": np.nan}, "max_seconds is a number above 0, not nan"),
        ({"requests_per_month": -5.0}, "requests_per_month is a number above 0, not -5"),
        ({"alpha": 1.5}, "between 0 and 1; 1.5 is not"),
        ({"control": "x"}, "no variant x"),
    ],
)
def test_questions_that_make_no_sense(asked: dict[str, object], says: str) -> None:
    with pytest.raises(LogError, match=says):
        ab_report(simulated_exposures(100), **asked)  # type: ignore[arg-type]


def test_a_judge_and_people_together() -> None:
    own = simulated_exposures(8_000, effects=[Effect(quality=-0.06)], scored=0.15, judged=True, seed=1)
    found = ab_report(own, metric="powered")
    both, alone = found.effect(), found.effect("quality")
    assert both is not None
    assert alone is not None
    assert both.difference is not None
    assert both.difference.high is not None
    assert alone.difference is not None
    assert alone.difference.high is not None
    assert found.decision == "worse"
    assert both.difference.high - both.difference.mean < 0.8 * (alone.difference.high - alone.difference.mean)


def test_only_the_metrics_that_are_asked_for() -> None:
    found = ab_report(simulated_exposures(600), metrics=["error"])
    assert [one.metric for one in found.effects] == ["quality", "usd", "error"]


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, None, 0.001]) == [1.0, None, pytest.approx(0.003)]
    assert holm([]) == []
