"""What holds whatever the policy wants, in `decide`: exact receipts, caps that lift, money that runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.feedback import BudgetSettings, Guardrail, TrialSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.core.feedback.heard import Heard
from banditroute.core.snapshot import dump_state, load_state, state_distance
from banditroute.core.spending import DAY
from banditroute.core.steering.guardrails import Guards
from banditroute.core.steering.trials import Purse
from banditroute.policies import get_policy
from banditroute.types import (
    Context,
    Decision,
    Limits,
    Model,
    Observation,
    Occasion,
    Preferences,
    Weights,
)

MODELS = (
    Model("good", usd_per_request=0.001, prior_quality=0.9),
    Model("cheap", tier="budget", usd_per_request=0.001, prior_quality=0.9),
    Model("cheaper", tier="budget", usd_per_request=0.001, prior_quality=0.9),
)
PLAIN = Settings(models=MODELS, classes=(RequestClass("code"),))
NOON = 100.5 * DAY


def told(state: State, n: int, **quality: float) -> State:
    """After n scores of each model named."""
    news = [
        Observation(Context("code"), model, "quality", mean + 0.05 * (-1) ** i, NOON)
        for model, mean in quality.items()
        for i in range(n)
    ]
    return learn(state, news, seq=state.seq + 1, at=NOON)


def ask(
    state: State, settings: Settings, policy: str = "thompson", n: int = 1, **wants: object
) -> list[Decision]:
    preferences = Preferences(**wants)  # type: ignore[arg-type]
    requests = [Request(f"d{i}", NOON, i, Context("code", unit=str(i)), preferences) for i in range(n)]
    return decide(state, requests, get_policy(policy, settings), settings)


def share(decision: Decision, *models: str) -> float:
    return sum(c.propensity for c in decision.candidates if c.model in models)


def occasion(d: Decision) -> Occasion:
    return Occasion(
        d.id, d.at, d.context, d.model, d.kind, d.attempt, d.propensity, d.candidates, d.parameters
    )


def test_without_any_bound_a_receipt_is_what_it_was() -> None:
    state = told(initial_state(PLAIN), 40, good=0.8, cheap=0.9, cheaper=0.9)
    free = replace(PLAIN, trial=TrialSettings(tier_shares={"budget": 1.0}))
    (plain,), (other,) = ask(state, PLAIN), ask(state, free)
    assert plain == other
    assert not any(name.startswith("cap.") for name in plain.parameters)


def test_a_tier_is_held_to_its_share_until_it_is_confirmed() -> None:
    settings = replace(PLAIN, trial=TrialSettings(tier_shares={"budget": 0.6}))
    state = told(initial_state(settings), 20, good=0.5, cheap=0.9, cheaper=0.4)
    (held,) = ask(state, settings)
    assert share(held, "cheap", "cheaper") == pytest.approx(0.6, abs=1e-12)
    assert held.parameters["cap.tier.budget"] == 0.6
    assert sum(c.propensity for c in held.candidates) == pytest.approx(1.0, abs=1e-12)
    (freed,) = ask(told(state, 20, cheap=0.9), settings)  # 40 scores, far better than the best outside
    assert share(freed, "cheap") > 0.95
    worse = told(initial_state(settings), 200, good=0.9, cheap=0.8, cheaper=0.4)
    dear = Weights(usd=1e4)
    (kept,) = ask(worse, settings, "fixed:cheap", weights=dear)
    assert share(kept, "cheap") == 1.0  # a rule does as it is told
    (never,) = ask(worse, settings, weights=Weights(quality=0.0, usd=1e4))
    assert share(never, "cheap", "cheaper") <= 0.6 + 1e-12


def test_a_newcomer_takes_its_share_and_grows() -> None:
    settings = replace(PLAIN, trial=TrialSettings(max_share=0.1, outcomes=30))
    shares = []
    for n in (1, 29, 60, 120, 200):
        state = told(told(initial_state(settings), 400, good=0.5, cheap=0.4), n, cheaper=0.9)
        (decision,) = ask(state, settings)
        shares.append(share(decision, "cheaper"))
    assert shares == pytest.approx([0.1, 0.1, 0.2, 0.4, 1.0], abs=1e-3)
    (cold,) = ask(initial_state(settings), settings)  # all of them are new: nobody to prefer
    assert cold.pmf == pytest.approx([1 / 3] * 3, abs=0.01)
    assert "cap.cheaper" not in cold.parameters
    early = told(told(initial_state(settings), 40, good=0.5), 20, cheap=0.5, cheaper=0.5)
    assert "cap.cheaper" not in ask(early, settings)[0].parameters


def test_a_newcomer_that_has_spent_its_money_waits_for_tomorrow() -> None:
    settings = replace(PLAIN, trial=TrialSettings(outcomes=30, usd_per_day=0.5))
    state = told(told(initial_state(settings), 100, good=0.5, cheap=0.4), 5, cheaper=0.9)
    (free,) = ask(state, settings)
    assert share(free, "cheaper") > 0.5
    paid = learn(state, [], seq=200, at=NOON, heard=[Heard(occasion_of("cheaper"), "bill", 0.5, 200)])
    assert share(ask(paid, settings)[0], "cheaper") == 0.0
    (request,) = (Request("t", NOON + DAY, 1, Context("code")),)
    assert share(decide(paid, [request], get_policy("thompson", settings), settings)[0], "cheaper") > 0.5
    known = told(paid, 60, cheaper=0.9)  # no newcomer any more
    assert share(ask(known, settings)[0], "cheaper") > 0.9


def occasion_of(model: str, at: float = NOON, **parameters: float) -> Occasion:
    return Occasion("o", at, Context("code"), model, parameters=parameters)


GUARDED = replace(PLAIN, guardrails=(Guardrail("code", "cheap", min_share=0.07),))


def test_a_guarded_baseline_keeps_its_share_under_any_policy() -> None:
    state = told(initial_state(GUARDED), 60, good=0.9, cheap=0.5, cheaper=0.4)
    for policy in ("thompson", "greedy", "fixed:good"):
        (decision,) = ask(state, GUARDED, policy)
        assert share(decision, "cheap") == pytest.approx(0.07, abs=1e-12)
        assert decision.parameters["baseline_share"] == 0.07
    (elsewhere,) = ask(state, GUARDED, limits=Limits(deny=("cheap",)))
    assert share(elsewhere, "good") == pytest.approx(1.0, abs=0.01)


def breached(state: State) -> State:
    guards = state.watch.guards
    assert guards is not None
    broken = tuple(structs.replace(guard, status="breach") for guard in guards.guards)
    return replace(state, watch=structs.replace(state.watch, guards=Guards(guards.classes, broken)))


def test_a_broken_promise_leaves_the_class_to_the_baseline_and_says_why() -> None:
    state = breached(told(initial_state(GUARDED), 60, good=0.9, cheap=0.5, cheaper=0.4))
    (decision,) = ask(state, GUARDED)
    assert decision.model == "cheap"
    assert decision.propensity == 1.0
    assert [(e.model, e.reason) for e in decision.excluded] == [
        ("good", "guardrail"), ("cheaper", "guardrail")
    ]  # fmt: skip
    assert "fell short of cheap by more than 0.02" in decision.excluded[0].detail
    (other,) = decide(
        state, [Request("o", NOON, 1, Context("chat"))], get_policy("thompson", GUARDED), GUARDED
    )
    assert not other.excluded
    (forced,) = ask(state, GUARDED, model="good")
    assert forced.model == "good"
    (denied,) = ask(state, GUARDED, limits=Limits(deny=("cheap",)))
    assert denied.model != "cheap"


def test_the_drawn_frequencies_are_the_logged_propensities() -> None:
    """4,000 draws under every bound at once; four standard errors, so 1 in 16,000 fails by chance."""
    settings = replace(GUARDED, trial=TrialSettings(tier_shares={"budget": 0.4}, max_share=0.2, outcomes=30))
    state = told(told(initial_state(settings), 60, good=0.7, cheap=0.7), 10, cheaper=0.9)
    decisions = ask(state, settings, n=4_000)
    pmf = dict(zip((c.model for c in decisions[0].candidates), decisions[0].pmf, strict=True))
    assert pmf["cheaper"] == pytest.approx(0.2)
    for model, p in pmf.items():
        drawn = np.mean([d.model == model for d in decisions])
        assert drawn == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 4_000) + 1e-12)


def test_a_split_logs_what_all_its_variants_would_have_drawn_from() -> None:
    settings = replace(PLAIN, trial=TrialSettings(tier_shares={"budget": 0.6}))
    state = told(initial_state(settings), 20, good=0.5, cheap=0.9, cheaper=0.4)
    spec = "split:{rule: fixed:cheap 0.25, learner: thompson 0.75}"
    for decision in ask(state, settings, spec, n=12):
        capped = {"rule": 1.0, "learner": 0.6}
        assert share(decision, "cheap", "cheaper") == pytest.approx(capped[decision.variant or ""])
        of_cheap = next(c.propensity for c in ask(state, settings)[0].candidates if c.model == "cheap")
        if decision.model == "cheap":
            assert decision.marginal == pytest.approx(0.25 * 1.0 + 0.75 * of_cheap)


EXPLORING = replace(PLAIN, budget=BudgetSettings(exploration_usd_per_day=0.01))


def test_exploring_costs_the_utility_forgone_and_ends_when_its_money_is_spent() -> None:
    state = told(initial_state(EXPLORING), 3, good=0.85, cheap=0.8, cheaper=0.8)
    (decision,) = ask(state, EXPLORING, weights=Weights(usd=20.0))
    best = max(c.utility for c in decision.candidates)
    forgone = sum(c.propensity * (best - c.utility) for c in decision.candidates) / 20.0
    assert decision.parameters["exploration_usd"] == pytest.approx(forgone)
    assert forgone > 1e-4
    (free,) = ask(state, EXPLORING, weights=Weights(usd=0.0))
    leader = max(free.candidates, key=lambda c: c.utility)
    more = sum(c.propensity * (c.usd - leader.usd) for c in free.candidates)
    assert free.parameters["exploration_usd"] == pytest.approx(max(more, 0.0))
    bills = [Heard(occasion_of("good", exploration_usd=0.004), "bill", 0.1, s) for s in (1, 2, 3)]
    almost, spent = (learn(state, [], seq=9, at=NOON, heard=bills[:n]) for n in (2, 3))
    assert ask(almost, EXPLORING)[0].pmf == ask(state, EXPLORING)[0].pmf
    (last,) = ask(spent, EXPLORING)
    assert sorted(last.pmf) == [0.0, 0.0, 1.0]
    assert last.parameters["exploration_usd"] == 0.0
    assert last.parameters["exploration_spent"] == 1.0
    tomorrow = Request("t", NOON + DAY, 1, Context("code"))
    (again,) = decide(spent, [tomorrow], get_policy("thompson", EXPLORING), EXPLORING)
    assert again.pmf == ask(state, EXPLORING)[0].pmf
    assert "exploration_spent" not in ask(spent, EXPLORING, "fixed:good")[0].parameters


def test_a_floor_costs_nothing_of_what_exploring_may() -> None:
    settings = replace(EXPLORING, guardrails=(Guardrail("code", "cheaper", min_share=0.2),))
    state = told(initial_state(settings), 500, good=0.9, cheap=0.2, cheaper=0.2)
    (decision,) = ask(state, settings)
    assert share(decision, "cheaper") == pytest.approx(0.2)
    assert decision.parameters["exploration_usd"] < 1e-6


@pytest.mark.parametrize("settings", [GUARDED, EXPLORING])
def test_the_watch_is_folded_alike_in_pages_and_kept_in_snapshots(settings: Settings) -> None:
    state = told(initial_state(settings), 20, good=0.85, cheap=0.8, cheaper=0.8)
    news: list[Heard] = []
    for i, decision in enumerate(ask(state, settings, n=60)):
        news.append(Heard(occasion(decision), "quality", 0.5 + 0.4 * (i % 2), 100 + 2 * i))
        news.append(Heard(occasion(decision), "bill", 0.01, 101 + 2 * i))

    def folded(cuts: Sequence[int]) -> State:
        known = state
        for first, last in zip((0, *cuts), (*cuts, len(news)), strict=True):
            known = learn(known, [], seq=100 + last, at=NOON, heard=news[first:last])
        return known

    whole, parts = folded(()), folded((1, 17, 64))
    assert whole.watch == parts.watch != state.watch
    assert state_distance(whole, parts) == 0.0
    assert state_distance(whole, replace(parts, watch=state.watch)) > 0.0
    assert load_state(dump_state(whole), settings).watch == whole.watch


def test_days_before_yesterday_are_dropped() -> None:
    purse = Purse()
    for day in (3.0, 1.0, 4.0, 3.5, 2.0):
        about = occasion_of("good", day * DAY, exploration_usd=1.0)
        purse = purse.fold(Heard(about, "bill", 100.0, 1, tokens=True), {"good": (1e-3, 2e-3)})
    assert purse.explored == {3: 2.0, 4: 1.0}
    assert purse.paid_on(3.2 * DAY) == {"good": pytest.approx(2 * (0.2 + 1e-3 * 500), abs=0.5)}
    assert purse.fold(Heard(about, "quality", 1.0, 1), {}) is purse
