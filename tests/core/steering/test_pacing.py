"""Pacing: what is spent meets the target, whatever the traffic does, and the price stays in its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from banditroute.config.feedback import BudgetSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.feedback.heard import Heard
from banditroute.core.snapshot import dump_state, load_state, state_distance
from banditroute.core.steering.pacing import Dual, Pace
from banditroute.policies import get_policy
from banditroute.types import Candidate, Context, Decision, Model, Observation, Occasion, Preferences, Weights

QUALITY = {"small": 0.72, "middle": 0.82, "large": 0.90}
USD = {"small": 0.0004, "middle": 0.002, "large": 0.01}
SETTINGS = Settings(models=tuple(Model(name) for name in QUALITY), classes=(RequestClass("chat"),))
LEARN_EVERY = 25


def occasion(decision: Decision) -> Occasion:
    return Occasion(
        decision.id, decision.at, decision.context, decision.model, decision.kind, decision.attempt,
        decision.propensity, decision.candidates,
    )  # fmt: skip


def spent(
    budget: BudgetSettings,
    requests: int,
    seed: int,
    *,
    scale: Callable[[int], float],
    gap: Callable[[int], float],
) -> tuple[float, dict[int, float]]:
    """Mean USD per request and USD by day of Thompson sampling under a budget; `scale` is what all prices are
    multiplied by at a request, `gap` the seconds before it."""
    settings = replace(SETTINGS, budget=budget)
    state, policy = initial_state(settings), get_policy("thompson", settings)
    rng = np.random.default_rng(seed)
    bills, at = 0.0, 0.0
    days: dict[int, float] = {}
    told: list[Observation] = []
    heard: list[Heard] = []
    for t in range(requests):
        at += gap(t)
        request = Request(
            f"{seed}-{t}", at, int(rng.integers(2**62)), Context("chat"), Preferences(Weights(usd=0.0))
        )
        (decision,) = decide(state, [request], policy, settings)
        usd = USD[decision.model] * scale(t) * float(np.exp(0.5 * rng.normal() - 0.125))
        quality = float(np.clip(QUALITY[decision.model] + 0.1 * rng.normal(), 0.0, 1.0))
        bills += usd
        days[int(at // 86_400)] = days.get(int(at // 86_400), 0.0) + usd
        told.append(Observation(decision.context, decision.model, "usd", usd, at))
        told.append(Observation(decision.context, decision.model, "quality", quality, at))
        heard.append(Heard(occasion(decision), "bill", usd, t + 1))
        if t % LEARN_EVERY == LEARN_EVERY - 1:
            state = learn(state, told, seq=t + 1, at=at, heard=heard)
            told, heard = [], []
    return bills / requests, days


def steady(t: int) -> float:
    return 1.0


def drifting(t: int) -> float:
    """Prices fall to 60% for the second third, then rise to 160%."""
    return (1.0, 0.6, 1.6)[t * 3 // 4_000] if t < 4_000 else 1.6


@pytest.mark.parametrize("scale", [steady, drifting])
@pytest.mark.parametrize("target", [0.0015, 0.004])
def test_the_mean_bill_meets_its_target(scale: Callable[[int], float], target: float) -> None:
    """Within 2% of the target over 4,000 requests: an se of the mean bill alone is about 1.5% of it, so
    a router that only had the right price would fail in about one test of five."""
    mean, _ = spent(BudgetSettings(usd_per_request=target), 4_000, 1, scale=scale, gap=lambda _: 1.0)
    assert mean == pytest.approx(target, rel=0.02)


def test_a_day_costs_what_a_day_may_whatever_the_hour() -> None:
    """Five days of 1,500 requests, five times as busy by day as by night: from the second day on they cost
    what they may within 2%, each within 5%: the 25 bills that are always under way make 1% of a day. On the
    first it is not known that a night comes, nor what models cost."""
    half = 86_400.0 / 2

    def gap(t: int) -> float:
        return half / 1_250 if t % 1_500 < 1_250 else half / 250

    _, days = spent(BudgetSettings(usd_per_day=3.0), 7_500, 2, scale=steady, gap=gap)
    later = [days[day] for day in range(1, 5)]
    assert np.mean(later) == pytest.approx(3.0, rel=0.02)
    assert later == pytest.approx([3.0] * 4, rel=0.05)
    assert days[0] == pytest.approx(3.0, rel=0.15)


def test_a_target_above_all_needs_has_no_price() -> None:
    mean, _ = spent(BudgetSettings(usd_per_request=0.05), 1_000, 3, scale=steady, gap=lambda _: 1.0)
    free, _ = spent(BudgetSettings(), 1_000, 3, scale=steady, gap=lambda _: 1.0)
    assert mean == free


AMOUNT = st.floats(0.0, 1.0)


@hypothesis_settings(hypothesis_settings.get_profile("ci"))
@given(st.lists(AMOUNT, max_size=50), AMOUNT, AMOUNT, st.floats(1e-4, 0.1), st.floats(0.0, 100.0))
def test_the_price_is_bounded_and_never_falls_for_a_dearer_bill(
    before: list[float], one: float, more: float, target: float, ceiling: float
) -> None:
    dual = Dual()
    for amount in before:
        dual = dual.paid(amount, target, ceiling)
    cheap, dear = sorted((one, more))
    low, high = (dual.paid(amount, target, ceiling) for amount in (cheap, dear))
    assert 0.0 <= low.price <= high.price <= ceiling


def test_prices_are_kept_and_logged_and_do_not_depend_on_pages() -> None:
    settings = replace(SETTINGS, budget=BudgetSettings(usd_per_request=0.001, seconds_per_request=1.0))
    start, policy = initial_state(settings), get_policy("thompson", settings)
    candidates = tuple(Candidate(name, 1 / 3, 0.8, 0.001, 2.0, 0.8, 0.1) for name in QUALITY)
    news = [
        Heard(
            Occasion(f"d{t}", float(t), Context("chat"), "large", candidates=candidates),
            topic,
            0.01 * t,
            t + 1,
        )
        for t in range(60)
        for topic in ("bill", "seconds")
    ]
    whole = learn(start, [], seq=60, at=60.0, heard=news)  # type: ignore[arg-type]
    parts = start
    for first in range(0, 120, 7):
        parts = learn(parts, [], seq=first, at=60.0, heard=news[first : first + 7])  # type: ignore[arg-type]
    assert whole.watch == parts.watch
    again = load_state(dump_state(whole), settings)
    assert again.watch == whole.watch
    assert state_distance(again, whole) == 0.0
    pace = whole.watch.pace
    assert isinstance(pace, Pace)
    assert pace.usd.price > 0.0
    (decision,) = decide(again, [Request("x", 61.0, 1, Context("chat"))], policy, settings)
    assert decision.parameters["shadow_usd"] == pace.usd.price
    free = decide(start, [Request("x", 61.0, 1, Context("chat"))], policy, settings)[0]
    assert max(c.usd for c in decision.candidates) == pytest.approx(max(c.usd for c in free.candidates))
    assert [c.utility for c in decision.candidates] != [c.utility for c in free.candidates]
