"""Values that go missing more often in one variant: no mean of those that are left compares the two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.reports.ab import ABReport, Effect, Exposures, ab_report, exposures_of, simulated_exposures
from banditroute.reports.ab.answered import answered
from banditroute.reports.ab.exposures import settled
from banditroute.reports.ab.scores import past_of


def good_answers_scored(seed: int) -> Exposures:
    """A treatment that is 15 points worse, whose good answers alone are scored."""
    rng, n = np.random.default_rng(seed), 6_000
    treated = rng.random(n) < 0.5
    quality = np.clip(0.8 + 0.15 * rng.normal(size=n) - 0.15 * treated, 0.0, 1.0)
    known = np.where(treated, (quality > 0.72) & (rng.random(n) < 0.75), rng.random(n) < 0.6)
    return exposures_of(
        {
            "unit": np.arange(n),
            "variant": np.where(treated, "treatment", "control"),
            "quality": np.where(known, quality, np.nan),
            "usd": np.where(treated, 0.002, 0.01) * np.exp(0.3 * rng.normal(size=n)),
        }
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_worse_treatment_whose_good_answers_are_scored_is_not_called_better(seed: int) -> None:
    found = ab_report(good_answers_scored(seed))
    quality = found.effect()
    assert quality is not None
    assert quality.answered is not None
    assert (round(quality.answered.control, 1), quality.answered.unlike) == (0.6, True)
    assert found.decision == "unlike_answers"
    assert "but scores are known for " in found.verdict
    assert found.verdict.endswith("of treatment, so the two cannot be compared by them.")
    assert any("a judge score all and people a random sample" in note for note in found.notes)
    assert found.savings


def without(own: Exposures, metric: str, share: tuple[float, float], seed: int) -> Exposures:
    """Values of a metric left in such shares of either variant."""
    kept = np.random.default_rng(seed).random(len(own)) < np.array(share)[own.variant]
    return replace(own, metrics={**own.metrics, metric: np.where(kept, own.metrics[metric], np.nan)})


def test_values_that_go_missing_alike_raise_no_alarm() -> None:
    """60 experiments of users who come back and are scored as a whole or not at all, each looked at five
    times: of a nominal 1%, four or more are called unlike in one of 300 runs of this test at most."""
    wrong = 0
    for seed in range(60):
        own = simulated_exposures(2_000, requests_per_unit=2.0, seed=seed)
        scored = np.random.default_rng(seed).random(int(own.unit.max()) + 1) < 0.5
        own = replace(own, metrics={"quality": np.where(scored[own.unit], own.metrics["quality"], np.nan)})
        looks = [settled(own.rows(np.arange(n))).exposures for n in (400, 800, 1_200, 1_600, 2_000)]
        wrong += any(answered(seen, "quality", past_of(seen))[0].unlike for seen in looks)
    assert wrong < 4


def test_a_small_difference_is_left_alone_and_a_large_one_found() -> None:
    own = simulated_exposures(40_000, seed=1)
    found = []
    for share in ((0.99, 0.975), (0.99, 0.95)):
        seen = without(own, "quality", share, seed=1)
        found.append(answered(seen, "quality", past_of(seen))[0].unlike)
    assert found == [False, True]


def test_costs_that_are_known_of_one_more_often_are_not_called_less() -> None:
    own = simulated_exposures(16_000, effects=[Effect(usd=0.39)], seed=1)
    assert ab_report(own, margin=0.03).decision == "not_worse_and_cheaper"
    found: ABReport = ab_report(without(own, "usd", (1.0, 0.6), seed=1), margin=0.03)
    assert found.decision == "not_worse"
    assert found.verdict.startswith("treatment: what it costs cannot be compared (USD are known for 100% of ")
    assert not found.savings


def test_a_judge_of_all_and_people_for_a_random_sample_are_the_way_out() -> None:
    own = simulated_exposures(12_000, effects=[Effect(quality=-0.06)], scored=0.3, judged=True, seed=1)
    people = own.metrics["quality"]
    volunteers = np.where((own.variant == 1) & (people < 0.7), np.nan, people)
    seen = replace(own, metrics={**own.metrics, "quality": volunteers}, people=people)
    assert ab_report(seen).decision == "unlike_answers"
    found = ab_report(seen, metric="powered")
    assert found.decision == "worse"
    assert any("take quality by judge and people" in note for note in found.notes)
