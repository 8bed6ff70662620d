"""Quality, cost and waiting meet at decision time only, at fixed exchange rates."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import RequestClass, Settings
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.snapshot import dump_state, load_state
from banditroute.core.state import QUALITY, SECONDS, USD, State
from banditroute.core.utility import Outlook, outlook
from banditroute.errors import NoEligibleModel
from banditroute.policies import get_policy
from banditroute.types import Context, Limits, Model, Observation, Preferences, Weights

CHEAP = Model("cheap", usd_per_input_token=1e-7, usd_per_output_token=4e-7)
DEAR = Model("dear", usd_per_input_token=3e-6, usd_per_output_token=15e-6)
SETTINGS = Settings(models=(CHEAP, DEAR), classes=(RequestClass("code"), RequestClass("chat")))


def learned(settings: Settings = SETTINGS) -> State:
    rng = np.random.default_rng(0)
    rows = []
    for m in settings.models:
        for _ in range(80):
            context = Context("code", input_tokens=800)
            rows.append(Observation(context, m.id, "quality", 0.8 + 0.05 * rng.normal(), 0.0))
            rows.append(
                Observation(context, m.id, "output_tokens", float(np.exp(6.0 + 0.3 * rng.normal())), 0.0)
            )
            rows.append(Observation(context, m.id, "seconds", float(np.exp(0.5 + 0.4 * rng.normal())), 0.0))
    return learn(initial_state(settings), rows, seq=len(rows), at=0.0)


def view(
    state: State,
    context: Context | None = None,
    weights: Weights | None = None,
    lookahead: float | None = None,
    horizon: float = 1.0,
) -> Outlook:
    preferences = Preferences(weights=weights or Weights(1.0, 20.0, 0.01))
    return outlook(
        state,
        [context or Context("code", input_tokens=800)],
        [preferences],
        lookahead=lookahead,
        horizon=horizon,
    )


def test_the_utility_is_the_sum_of_its_parts() -> None:
    v = view(learned())
    parts = v.expected[QUALITY] - 20.0 * v.expected[USD] - 0.01 * v.expected[SECONDS]
    np.testing.assert_allclose(v.mean, parts, rtol=1e-12)


def test_cost_is_predicted_tokens_at_todays_prices() -> None:
    state = learned()
    answer = math.exp(6.0 + 0.3**2 / 2.0)
    usd = view(state).expected[USD, 0]
    assert usd[1] == pytest.approx(3e-6 * 800 + 15e-6 * answer, rel=0.06)
    # A price cut needs no relearning: the same sums under the new price give the new cost.
    halved = replace(DEAR, usd_per_input_token=1.5e-6, usd_per_output_token=7.5e-6)
    after = load_state(dump_state(state), replace(SETTINGS, models=(CHEAP, halved)))
    assert view(after).expected[USD, 0, 1] == pytest.approx(usd[1] / 2.0, rel=1e-12)
    assert view(after).expected[USD, 0, 0] == usd[0]


def test_an_expensive_newcomer_does_not_reorder_the_others() -> None:
    newcomer = Model("newcomer", usd_per_input_token=1.0, usd_per_output_token=1.0)
    wider = learned(replace(SETTINGS, models=(CHEAP, DEAR, newcomer)))
    narrow = learned()
    difference = view(narrow).mean[0, 0] - view(narrow).mean[0, 1]
    assert view(wider).mean[0, 0] - view(wider).mean[0, 1] == pytest.approx(difference, rel=0.05)
    assert view(wider).mean[0, 2] < -100.0


def test_a_shorter_answer_is_charged_as_shorter() -> None:
    state = learned()
    capped = view(state, Context("code", input_tokens=800, max_output_tokens=10)).expected[USD, 0, 1]
    assert capped == pytest.approx(3e-6 * 800 + 15e-6 * 10, rel=1e-12)


def test_a_cold_model_is_not_infinitely_dear() -> None:
    state = initial_state(Settings(models=(Model("unpriced"), Model("other_unpriced")), classes=()))
    wide = [Observation(Context(), "unpriced", "usd", 10.0**e, 0.0) for e in (-9.0, 3.0)]
    after = learn(state, wide, seq=2, at=0.0)
    usd = view(after, Context()).expected[USD, 0, 1]
    assert math.isfinite(usd)
    assert usd < 1e6


def test_looking_ahead_shrinks_the_sd_as_written() -> None:
    state = learned()
    quality_only = Weights(1.0, 0.0, 0.0)
    plain = view(state, weights=quality_only)
    ahead = view(state, weights=quality_only, lookahead=0.05, horizon=1_000.0)
    v, noise = plain.variances[QUALITY, 0], plain.noise[QUALITY]
    h = 0.05 * 1_000.0 * state.class_shares[0]
    assert ahead.looks[0] == pytest.approx(h)
    np.testing.assert_allclose(ahead.sd[0] ** 2, v * v / (v + noise / h), rtol=1e-12)
    last = view(state, weights=quality_only, lookahead=0.05, horizon=1.0)
    assert last.looks[0] == 1.0
    assert (last.sd < ahead.sd).all()
    assert (ahead.sd < plain.sd).all()


def test_a_small_class_looks_ahead_for_what_it_teaches_of_the_others() -> None:
    """Of 40 classes each has a fortieth of the requests, and is worth looking ahead for a tenth of them."""
    classes = tuple(RequestClass(f"c{i}") for i in range(40))
    state = learned(replace(SETTINGS, classes=(*classes, RequestClass("code"))))
    rare = view(state, Context("c3"), lookahead=0.05, horizon=1_000.0)
    assert state.class_shares[3] < 0.02
    assert rare.looks[0] == pytest.approx(0.05 * 1_000.0 * 0.1)


def test_p95_bounds_one_answer() -> None:
    """80 waits with log-sd 0.4: the predicted percentile is within 15% of the true one."""
    assert view(learned()).p95(SECONDS)[0, 0] == pytest.approx(math.exp(0.5 + 1.645 * 0.4), rel=0.15)


def test_a_model_never_heard_of_passes_limits_on_what_it_does() -> None:
    """Or nothing would ever be learned of it; once it was heard of, the limits bind."""
    state, policy = initial_state(SETTINGS), get_policy("random", SETTINGS)
    hard = Preferences(limits=Limits(max_seconds=0.2, max_ttft_seconds=0.01, min_quality=0.99))
    (decision,) = decide(state, [Request("d", 0.0, 1, Context("code"), hard)], policy, SETTINGS)
    assert len(decision.candidates) == 2
    slow = [Observation(Context("code"), "cheap", "seconds", 5.0, 0.0) for _ in range(20)]
    bad = [Observation(Context("code"), "dear", "quality", 0.1, 0.0) for _ in range(20)]
    with pytest.raises(NoEligibleModel) as refused:
        decide(
            learn(state, [*slow, *bad], seq=1, at=0.0),
            [Request("d", 0.0, 1, Context("code"), hard)],
            policy,
            SETTINGS,
        )
    assert [(e.model, e.reason) for e in refused.value.excluded] == [
        ("cheap", "max_seconds"),
        ("dear", "min_quality"),
    ]


def test_a_forced_model_is_the_callers_choice_whatever_the_policy() -> None:
    split = get_policy("split:{a: fixed:cheap 0.5, b: fixed:cheap 0.5}", SETTINGS)
    request = Request("d", 0.0, 1, Context("code", unit="u"), Preferences(model="dear"))
    (decision,) = decide(initial_state(SETTINGS), [request], split, SETTINGS)
    assert (decision.model, decision.kind, decision.propensity) == ("dear", "caller", 1.0)
    assert (decision.variant, decision.rule) == (None, "forced by the caller")
    assert {e.reason for e in decision.excluded} == {"forced"}
