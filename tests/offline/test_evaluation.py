"""Off-policy evaluation of logs with a known truth: what is estimated is right, as often as is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.offline.evaluation.findings import Evaluated
from banditroute.offline.evaluation.result import Evaluation
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.evaluation.targets import mean_usd
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.types import Model

from .decisions import ALONE, covers, fixed_log, learner_log, run, truth_of, world


def test_the_log_itself_comes_first_with_its_mean() -> None:
    log = fixed_log(2_000, 0)
    found = run(log, "random")["as logged", "as_logged"]
    assert found.leading is not None
    assert found.leading.value == pytest.approx(log.quality.mean())
    half = 1.96 * log.quality.std() / np.sqrt(2_000)
    assert found.leading.high - found.leading.value == pytest.approx(half, rel=0.01)
    assert found.leading.ess == 2_000


@pytest.mark.parametrize("logged_by", ["fixed", "learning"])
def test_a_policy_that_does_what_the_log_did_differs_from_it_by_nothing(logged_by: str) -> None:
    log = world(2_000, 2).logged(np.full((2_000, 3), 1 / 3), 2)
    interval = "normal" if logged_by == "fixed" else "sequence"
    for estimators in (["ips"], ["dr"], ["snips"])[: 3 if logged_by == "fixed" else 2]:
        found = run(log, "random", estimators=estimators, logged_by=logged_by, interval=interval)
        difference = found["random", "static"].difference
        assert difference is not None
        assert abs(difference.value) < 0.02
        wide = 0.0 if estimators != ["dr"] and logged_by == "fixed" else 0.03
        assert -wide - 1e-9 <= difference.low <= 0.0 + 1e-9
        assert -1e-9 <= difference.high <= wide + 1e-9


def test_a_learners_log_gets_a_sequence_where_weights_are_large() -> None:
    found = run(learner_log(1_000, 0, 0.02), "fixed:small")
    leading = found["fixed:small", "static"].leading
    assert leading is not None
    assert (leading.interval, leading.unbiased) == ("sequence", True)
    assert leading.low < leading.value < leading.high
    snips = found["fixed:small", "static"].estimates["snips"]
    assert not np.isfinite(snips.low)


def test_list_prices_do_not_hold_it_against_a_model_that_it_got_dear_requests() -> None:
    """Code costs ten times what chat does, alike at every model; `large` got most of it."""
    log = fixed_log(20_000, 12)
    found = mean_usd(replace(log, usd=np.array([0.001, 0.01])[log.class_index]))
    assert found == pytest.approx(np.full(3, 0.0046), rel=0.15)


def test_a_frozen_learner_is_scored_on_what_it_did_not_see() -> None:
    log = fixed_log(4_000, 3)
    found = run(log, "thompson")["thompson", "frozen"]
    assert found.rows == 2_000
    assert found.yardstick == pytest.approx(log.quality[2_000:].mean())
    assert covers(found, truth_of(found))
    assert truth_of(found) > 0.8  # it learned from the first half: 0.81 is the best single model
    spoiled = replace(log, quality=np.where(np.arange(4_000) < 2_000, 1.0 - log.quality, log.quality))
    assert truth_of(run(spoiled, "thompson")["thompson", "frozen"]) < 0.7


def test_later_rows_teach_a_frozen_learner_nothing() -> None:
    log = fixed_log(2_000, 3)
    later = replace(log, quality=np.where(np.arange(2_000) < 1_000, log.quality, 1.0 - log.quality))
    shares = [run(one, "thompson")["thompson", "frozen"].share for one in (log, later)]
    assert shares[0] == shares[1]


def test_a_learner_starts_from_a_prior_where_there_is_one() -> None:
    log, prior = fixed_log(60, 13), fit_prior(fixed_log(4_000, 14))
    cold, warm = (run(log, "thompson", prior=given)["thompson", "frozen"] for given in (None, prior))
    assert truth_of(warm) > truth_of(cold) + 0.02
    notes = evaluate(log, ["random"], weights=ALONE, prior=prior).notes
    assert any("a prior made of 4,000 requests" in note for note in notes)


def test_rules_fitted_on_the_first_half_are_scored_on_the_second() -> None:
    log = fixed_log(6_000, 15)
    found = run(log, "per_class:fitted", "best_single:fitted")
    per_class, single = (found[name, "frozen"] for name in ("per_class:fitted", "best_single:fitted"))
    assert per_class.rows == single.rows == 3_000
    assert single.share["large"] == 1.0
    code = [cell.model for cell in per_class.overlap if cell.request_class == "code"]
    assert code == ["large"]
    assert covers(single, truth_of(single))


def test_rejection_replay_says_how_many_rows_it_used() -> None:
    log = world(3_000, 4).logged(np.full((3_000, 3), 1 / 3), 4)
    result = evaluate(log, ["thompson"], weights=ALONE)
    found = result.policies[2]
    assert found.how == "rejection_replay"
    assert 850 < found.rows < 1_150
    assert covers(found, float(found.leading.value))  # type: ignore[union-attr]
    assert f"{found.rows:,} of 3,000 used" in result._repr_html_()


def test_repeated_users_widen_the_interval() -> None:
    """Ten rows each, all alike: the standard error is that of a tenth of the rows."""
    log = fixed_log(3_000, 5)
    ten = np.repeat(np.arange(300), 10)
    alike = replace(
        log,
        class_index=log.class_index[ten],
        action=log.action[ten],
        quality=log.quality[ten],
        propensity=log.propensity[ten],  # type: ignore[index]
        pmf=log.pmf[ten],  # type: ignore[index]
        unit=[f"user-{u}" for u in ten],
    )
    clustered = run(alike, "random", estimators=["ips"], interval="normal", logged_by="fixed")[
        "random", "static"
    ]
    naive = run(
        replace(alike, unit=None), "random", estimators=["ips"], interval="normal", logged_by="fixed"
    )["random", "static"]
    assert clustered.leading is not None
    assert naive.leading is not None
    assert clustered.leading.se == pytest.approx(naive.leading.se * np.sqrt(10), rel=0.01)


def test_missing_feedback_is_counted_and_said() -> None:
    log = fixed_log(2_000, 6)
    rng = np.random.default_rng(0)
    sparse = replace(log, quality=np.where(rng.random(2_000) < 0.5, log.quality, np.nan))
    result = evaluate(sparse, ["random"], weights=ALONE)
    kept = int(np.isfinite(sparse.quality).sum())
    assert result.log["with_feedback"] == result.policies[0].rows == kept
    assert any(f"{2_000 - kept:,} of 2,000 rows have no feedback" in note for note in result.notes)


def test_usd_and_seconds_enter_the_reward() -> None:
    log = fixed_log(3_000, 7)
    usd = np.array([0.03, 0.01, 0.001])[log.action]
    seconds = np.array([2.0, 1.0, 0.5])[log.action]
    priced = replace(log, usd=usd, seconds=seconds)
    result = evaluate(
        priced, ["fixed:large"], weights={"quality": 1, "usd": 5, "second": 0.1}, estimators=["snips"]
    )
    leading = result.policies[1].leading
    plain = evaluate(log, ["fixed:large"], weights=ALONE, estimators=["snips"]).policies[1].leading
    assert leading is not None
    assert plain is not None
    assert leading.value == pytest.approx(plain.value - 5 * 0.03 - 0.1 * 2.0)
    noted = evaluate(log, ["random"]).notes
    assert "usd has no part in the reward: the log does not give it." in noted


def test_bounds_taken_from_the_log_are_said_where_an_interval_rests_on_them() -> None:
    log, few = fixed_log(3_000, 7), fixed_log(500, 7)
    paid, thin = (replace(of, usd=np.array([0.03, 0.01, 0.001])[of.action]) for of in (log, few))
    note = "take the most in the log for the most there can be: 0.03 USD."

    def said(log: DecisionLog, **asked: Any) -> tuple[bool, Evaluated]:
        result = evaluate(log, ["fixed:large"], **asked)
        return any(text.endswith(note) for text in result.notes), result.policies[1]

    assert not said(paid)[0]
    assert not said(paid, estimators=["ips(clip=1000)"])[0]
    assert not said(log, interval="sequence")[0]  # nothing is paid there
    assert said(paid, interval="sequence")[0]
    told, clipped = said(paid, estimators=["ips(clip=2)"])
    assert told
    assert clipped.refused is None
    assert clipped.leading is not None
    assert clipped.leading.max_weight > 2.0
    told, refused = said(thin)
    assert "and says" in str(refused.refused)
    assert told


def test_cheapest_goes_by_declared_prices_else_by_what_was_paid() -> None:
    log = fixed_log(1_000, 8)
    paid = replace(log, usd=np.array([0.03, 0.01, 0.001])[log.action])
    assert run(paid, "cheapest")["cheapest", "static"].share["small"] == 1.0
    declared = Settings(models=(Model("medium", usd_per_input_token=0.0, usd_per_output_token=0.0),))
    assert run(paid, "cheapest", settings=declared)["cheapest", "static"].share["medium"] == 1.0


def test_a_learners_log_is_answered_from_propensities_alone() -> None:
    log = replace(learner_log(1_500, 9, 0.1), pmf=None)
    found = run(log, "fixed:large")["fixed:large", "static"]
    assert found.refused is None
    assert found.leading is not None
    assert found.leading.interval == "sequence"
    assert covers(found, truth_of(found))


@pytest.fixture(scope="module")
def result() -> Evaluation:
    return evaluate(fixed_log(1_200, 10, floor=0.24), None, weights=ALONE)


def test_the_json_holds_everything_and_no_nan(result: Evaluation) -> None:
    found = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert found["log"]["logged_by"] == "fixed"
    assert found["policies"][0]["policy"] == "as logged"
    medium = next(row for row in found["policies"] if row["policy"] == "fixed:medium")
    assert [row["estimator"] for row in medium["estimates"]] == ["dr", "ips", "snips", "dm"]
    assert medium["identified"] is False
    assert medium["estimates"][0]["value"] is not None
    assert medium["estimates"][0]["low"] is None
    assert {(cell["model"], cell["request_class"]) for cell in medium["overlap"]} == {
        ("medium", "chat"),
        ("medium", "code"),
    }
    worst = min(medium["overlap"], key=lambda cell: cell["ess"] / cell["wanted"])
    assert medium["weakest_overlap"] == worst
    assert len(found["policies"][0]["overlap"]) == 6


def test_the_tables_say_what_is_not_identified_and_why(result: Evaluation) -> None:
    page = result._repr_html_()
    assert "not identified" in page
    assert "fixed:medium: The weights leave" in page
    assert "Thinnest overlap: " in page


def test_the_plot_draws_every_policy_and_hollow_ones_for_the_unidentified(
    result: Evaluation, tmp_path: Path
) -> None:
    figure = result.plot(tmp_path / "forest.png")
    assert (tmp_path / "forest.png").stat().st_size > 10_000
    axes = figure.axes[0]
    shown = [policy for policy in result.policies if policy.leading is not None]
    assert len(axes.get_yticklabels()) == len(shown)
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == sum(policy.refused is not None for policy in shown) > 0
