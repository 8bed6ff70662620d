"""What is judged: exact propensities, independent draws, near-ties first, and a budget that keeps the audit.

Statistical checks are seeded; each asks for at most 4.5 sd of its own error, which without a fault fails
in 7 of a million runs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.feedback import JudgeSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.choosing import uniform
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.core.steering.sampling import (
    LEAST,
    Sampling,
    Tally,
    expected_gain,
    rates,
    sample,
    value_probability,
)
from banditroute.policies import get_policy
from banditroute.types import Context, Decision, Model, Observation, Preferences, Weights

DRAWS = 20_000
SDS = 4.5
SETTINGS = Settings(
    models=(Model("a"), Model("b"), Model("c")), classes=(RequestClass("near"), RequestClass("far"))
)
THOMPSON = get_policy("thompson", SETTINGS)
QUALITY_ALONE = Preferences(weights=Weights(usd=0.0))
MEANS = {"near": (0.80, 0.80, 0.75), "far": (0.9, 0.6, 0.5)}


def seeds(n: int, start: int = 0) -> list[int]:
    return [int(seed) for seed in np.random.default_rng(start).integers(0, 2**64, n, np.uint64)]


def learned(n: int = 12) -> State:
    """Two classes: in one the best models are level, in the other one model leads by far."""
    rng = np.random.default_rng(3)
    rows = [
        Observation(Context(name), model.id, "quality", mean + 0.1 * rng.standard_normal(), 0.0)
        for name, means in MEANS.items()
        for model, mean in zip(SETTINGS.models, means, strict=True)
        for _ in range(n)
    ]
    return learn(initial_state(SETTINGS), rows, seq=len(rows), at=0.0)


STATE = learned()


def decided(
    n: int, name: str, sampling: Sampling | None, policy: str = "thompson", start: int = 0
) -> list[Decision]:
    requests = [
        Request(f"{i:06d}", 0.0, seed, Context(name), QUALITY_ALONE, sampling=sampling)
        for i, seed in enumerate(seeds(n, start))
    ]
    return decide(STATE, requests, get_policy(policy, SETTINGS), SETTINGS)


def off(frequency: float, probability: float, n: int) -> float:
    """By how many sds of its error a frequency differs from a probability."""
    return abs(frequency - probability) / math.sqrt(probability * (1.0 - probability) / n)


def test_the_gain_is_what_verdicts_add_to_the_best_choice() -> None:
    normal = np.linspace(-9.0, 9.0, 20_001)
    density = np.exp(-0.5 * normal**2)
    rng = np.random.default_rng(0)
    for _ in range(40):
        mean, other, variance, noise = (
            rng.normal(),
            rng.normal(),
            rng.uniform(0.2, 2.0),
            rng.uniform(0.1, 3.0),
        )
        looks = rng.uniform(1.0, 20.0)
        moved = variance / math.sqrt(variance + noise / looks)
        after = np.maximum(mean + moved * normal, other)
        expected = (after * density).sum() / density.sum() - max(mean, other)
        assert expected_gain(mean - other, variance, noise, looks) == pytest.approx(expected, abs=1e-6)


def test_the_gain_keeps_its_digits_far_from_a_tie_and_is_nothing_without_doubt() -> None:
    # φ(z) − zΦ(−z) = φ(z)(z⁻² − 3z⁻⁴ + 15z⁻⁶ − …): the tail, where a difference of probabilities is all error
    for z in (12.0, 20.0, 30.0):
        density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        series = density * (z**-2 - 3.0 * z**-4 + 15.0 * z**-6 - 105.0 * z**-8 + 945.0 * z**-10)
        assert expected_gain(z, 1.0, 0.0, 1.0) == pytest.approx(series, rel=1e-4)
    assert expected_gain(50.0, 1.0, 0.0, 1.0) == 0.0
    assert expected_gain(0.0, 0.0, 0.1, 1.0) == 0.0
    assert expected_gain(0.1, 1.0, 1.0, 1.0) == expected_gain(-0.1, 1.0, 1.0, 1.0)


def test_the_frequencies_are_the_propensities_and_the_draws_are_independent() -> None:
    sampling = Sampling(base=0.1, value=0.2, mean_gain=1.0)
    drawn = [sample(sampling, seed, 3.0) for seed in seeds(DRAWS)]
    value = 0.2 * 3.0 / (0.2 * 3.0 + 0.8 * 1.0)
    assert drawn[0].parameters["judge_value"] == pytest.approx(value, rel=1e-12)
    assert drawn[0].propensity == pytest.approx(1.0 - 0.9 * (1.0 - value), rel=1e-12)
    assert off(np.mean([one.taken for one in drawn]), drawn[0].propensity, DRAWS) < SDS
    assert off(np.mean([one.audit for one in drawn]), 0.1, DRAWS) < SDS
    others = [
        one.taken for one in drawn if not one.audit
    ]  # independent: as many where the base draw took none
    assert off(np.mean(others), value, len(others)) < SDS
    alone = Sampling(base=1e-9, value=0.2, mean_gain=1.0)  # the same seeds: the value draw as it is
    by_value = np.array([sample(alone, seed, 3.0).taken for seed in seeds(DRAWS)])
    audits = np.array([one.audit for one in drawn])
    assert off(by_value[audits].mean(), value, int(audits.sum())) < SDS


def test_sampling_tells_nothing_about_the_draw_of_the_model() -> None:
    drawn = [sample(Sampling(0.1, 0.2, 1.0), seed, 3.0) for seed in seeds(DRAWS)]
    u = np.array([uniform(np.uint64(seed)) for seed in seeds(DRAWS)])
    for flags in (np.array([one.taken for one in drawn]), np.array([one.audit for one in drawn])):
        error = math.sqrt(1.0 / 12.0 / flags.sum())
        assert abs(u[flags].mean() - 0.5) < SDS * error
        assert abs(np.cos(2.0 * math.pi * u[flags]).mean()) < SDS / math.sqrt(2.0 * flags.sum())


def test_decisions_are_sampled_with_the_probability_they_log() -> None:
    made = decided(DRAWS // 2, "near", Sampling(0.05, 0.1, 0.003), start=1)
    made += decided(DRAWS // 2, "far", Sampling(0.05, 0.1, 0.003), start=2)
    p = np.array([one.judge_propensity for one in made])
    assert p.std() > 0.01  # they do differ
    taken = np.array([one.wants_response for one in made])
    assert abs((taken - p).sum()) < SDS * math.sqrt((p * (1.0 - p)).sum())
    # Weighed by 1/π, what was judged stands for all: the audit of every model's share is unbiased.
    for model in ("a", "b"):
        chose = np.array([one.model == model for one in made])
        error = math.sqrt((chose * (1.0 - p) / p).sum())
        assert abs((taken * chose / p).sum() - chose.sum()) < SDS * error


def test_a_receipt_tells_its_propensity_again() -> None:
    for one in decided(200, "near", Sampling(0.05, 0.1, 0.003)):
        used = one.parameters
        value = value_probability(used["judge_gain"], used["judge_mean_gain"], used["judge_value_rate"])
        assert value == used["judge_value"]
        assert one.judge_propensity == 1.0 - (1.0 - used["judge_base"]) * (1.0 - value)
        again = sample(
            Sampling(used["judge_base"], used["judge_value_rate"], used["judge_mean_gain"]),
            one.seed,
            used["judge_gain"],
        )
        assert (again.taken, again.audit) == (one.wants_response, one.audit)


def test_near_ties_are_judged_and_settled_choices_are_not() -> None:
    gains = {
        name: [one.parameters["judge_gain"] for one in decided(2_000, name, Sampling(0.05, 0.1))]
        for name in MEANS
    }
    mean = float(np.mean(gains["near"] + gains["far"]))
    value = {name: np.mean([value_probability(gain, mean, 0.1) for gain in gains[name]]) for name in MEANS}
    assert value["near"] > 0.12
    assert value["far"] < 1e-6
    assert np.mean(list(value.values())) <= 0.1
    # The base draw does not look at it.
    assert {one.parameters["judge_base"] for one in decided(50, "far", Sampling(0.05, 0.1, mean))} == {0.05}


def test_without_a_choice_there_is_nothing_to_gain() -> None:
    request = Request(
        "d",
        0.0,
        1,
        Context("near"),
        structs.replace(QUALITY_ALONE, model="b"),
        sampling=Sampling(0.05, 0.5, 0.001),
    )
    (one,) = decide(STATE, [request], THOMPSON, SETTINGS)
    assert (one.parameters["judge_gain"], one.judge_propensity) == (0.0, pytest.approx(0.05))


def test_answers_that_nobody_may_judge_have_no_propensity() -> None:
    made = decided(300, "near", Sampling(1.0, 0.0, 0.001, unjudged=frozenset({1})))
    assert {one.model for one in made} >= {"a", "b"}
    assert all(one.judge_propensity == float(one.model != "b") == float(one.wants_response) for one in made)
    assert all(("judge_base" in one.parameters) == (one.model != "b") for one in made)


def test_without_a_judge_receipts_are_what_they_were() -> None:
    bare, judged = decided(100, "near", None), decided(100, "near", Sampling(0.5, 0.5, 0.001))
    assert all(one.judge_propensity == 0.0 and not one.wants_response and not one.audit for one in bare)
    for one, other in zip(bare, judged, strict=True):
        rest = {name: value for name, value in other.parameters.items() if not name.startswith("judge_")}
        same = structs.replace(
            other, parameters=rest, wants_response=False, judge_propensity=0.0, audit=False
        )
        assert one == same


@pytest.mark.parametrize("spread", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_the_mean_share_is_at_most_the_rate_and_not_far_below(spread: float, rate: float) -> None:
    """With the running mean that a router keeps, and log-normal gains that also fade away."""
    rng = np.random.default_rng(int(10 * spread))
    gains = np.exp(spread * rng.standard_normal(20_000)) * np.exp(-np.linspace(0.0, 4.0, 20_000))
    mean = total = 0.0
    for n, gain in enumerate(gains):
        total += value_probability(float(gain), mean if n else None, rate)
        mean += (float(gain) - mean) / min(n + 1, 1_000)
    assert 0.1 * rate < total / len(gains) <= rate


def test_probabilities_stay_probabilities() -> None:
    for gain in (0.0, 5e-324, 1e-300, 1.0, 1e300):
        for mean in (None, 0.0, 5e-324, 1.0, 1e300):
            for rate in (0.0, 1e-9, 0.5, 1.0):
                assert 0.0 <= value_probability(gain, mean, rate) <= 1.0


JUDGE = JudgeSettings(model="j", base_rate=0.1, value_rate=0.2, usd_per_day=10.0, reserve=0.4)
NOON = 43_200.0


def test_rates_are_the_configured_ones_while_the_budget_lasts() -> None:
    assert rates(JUDGE, Tally(), NOON) == (0.1, 0.2)
    assert rates(JUDGE, Tally(demand=5.0), NOON) == (0.1, 0.2)  # nobody knows what a verdict costs
    # 43,200 s at 0.1/s and $0.001: all of them cost 4.32, a tenth and a fifth of that are small.
    assert rates(JUDGE, Tally(demand=0.1, usd=0.001), NOON) == (0.1, 0.2)


def test_value_draws_are_throttled_before_the_audit_and_never_spend_its_reserve() -> None:
    # 4,320 decisions are to come, 0.01 each: the audit takes 4.32, value draws would take 8.64.
    tally = Tally(demand=0.1, usd=0.01)
    base, value = rates(JUDGE, tally, NOON)
    assert (base, value) == (0.1, pytest.approx(min(6.0, 10.0 - 4.32) / 43.2))
    # Their part is spent: none is drawn any more, the audit goes on untouched.
    assert rates(JUDGE, replace(tally, value_spent=6.0), NOON)[1] == 0.0
    assert rates(JUDGE, replace(tally, value_waiting=600), NOON)[1] == 0.0
    assert rates(JUDGE, replace(tally, value_spent=5.68), NOON)[0] == pytest.approx(0.1)
    # With only the reserve left, the audit has all of it.
    assert rates(JUDGE, replace(tally, demand=0.2, value_spent=6.0), NOON)[0] == pytest.approx(4.0 / 86.4)


def test_a_spent_cap_leaves_the_audit_its_least_rate() -> None:
    for spent in (10.0, 50.0):
        broke = Tally(demand=100.0, usd=0.01, base_spent=spent)
        assert rates(JUDGE, broke, NOON) == (LEAST * 0.1, 0.0)
    assert rates(replace(JUDGE, usd_per_day=0.0), Tally(demand=1.0, usd=0.01), NOON) == (LEAST * 0.1, 0.0)


def test_the_audit_gives_way_smoothly() -> None:
    spent = np.linspace(0.0, 12.0, 1_201)
    base = np.array([rates(JUDGE, Tally(demand=0.1, usd=0.01, base_spent=s), NOON)[0] for s in spent])
    value = np.array([rates(JUDGE, Tally(demand=0.1, usd=0.01, base_spent=s), NOON)[1] for s in spent])
    for rate in (base, value):
        assert (np.diff(rate) <= 1e-15).all()
        assert np.abs(np.diff(rate)).max() < 0.001
    assert value[base < 0.1].max() < 1e-12


def test_days_of_any_traffic_spend_the_cap_and_the_audit_has_its_part() -> None:
    """Rates set every ten minutes, at $1 a day and $0.001 a verdict; all audits would cost 8.64 × demand."""
    judge = JudgeSettings(model="j", base_rate=0.1, value_rate=0.2, usd_per_day=1.0, reserve=0.4)
    rng = np.random.default_rng(5)
    for demand in (0.01, 0.1, 1.0):
        base_spent = value_spent = 0.0
        lowest = 1.0
        for step in range(144):
            base, value = rates(judge, Tally(demand, 0.001, base_spent, value_spent), 600.0 * step)
            lowest = min(lowest, base)
            coming = rng.poisson(demand * 600.0)
            base_spent += 0.001 * rng.binomial(coming, base)
            value_spent += 0.001 * rng.binomial(coming, value)
        assert lowest >= LEAST * 0.1
        assert base_spent == pytest.approx(min(8.64 * demand, 1.0), rel=0.25)
        assert value_spent == pytest.approx(min(17.28 * demand, max(1.0 - 8.64 * demand, 0.0)), abs=0.1)
        assert base_spent + value_spent < 1.05
