"""What exploring may cost is counted when decisions are made: also for who never reports, and by others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from banditroute.config.feedback import BudgetSettings
from banditroute.config.settings import RequestClass, Settings, StoreSettings
from banditroute.core.steering.trials import EXPLORED
from banditroute.router import Router
from banditroute.types import Model
from tests.reproducible import at_noon

BUDGET = 0.02
SETTINGS = Settings(
    store=StoreSettings(url="memory://"),
    models=tuple(Model(name, usd_per_request=0.001) for name in ("a", "b", "c")),
    classes=(RequestClass("code"),),
    budget=BudgetSettings(exploration_usd_per_day=BUDGET),
)


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    """All of a test is on one day, for which the budget is."""
    with at_noon():
        yield


def teach(router: Router) -> None:
    """Some scores without a bill: a is ahead, by no means surely."""
    for model, quality in (("a", 0.85), ("b", 0.83), ("c", 0.83)):
        for i in range(3):
            decision = router.route(request_class="code", model=model)
            router.feedback(decision.id, quality=quality + 0.05 * (i - 1))
    router.catch_up()


def explored(router: Router, n: int) -> list[float]:
    return [router.route(request_class="code").parameters[EXPLORED] for _ in range(n)]


def test_an_application_that_never_bills_keeps_within_the_budget() -> None:
    with Router(SETTINGS) as router:
        teach(router)
        costs = explored(router, 400)
        assert costs[0] > 1e-5
        assert BUDGET <= sum(costs) < BUDGET + max(costs)
        assert costs[-1] == 0.0
        assert router.route(request_class="code", dry_run=True).parameters["exploration_spent"] == 1.0


def test_dry_runs_cost_nothing() -> None:
    with Router(SETTINGS) as router:
        teach(router)
        for _ in range(400):
            router.route(request_class="code", dry_run=True)
        assert explored(router, 1)[0] > 0.0


@pytest.mark.parametrize("again", [True, False])
def test_what_others_decide_counts_too(tmp_path: Path, again: bool) -> None:
    """After a restart, and in a second service on the log: neither has a budget of its own."""
    settings = replace(
        SETTINGS, path=tmp_path / "banditroute.toml", store=StoreSettings(url="sqlite:///log.db")
    )
    with Router(settings) as router:
        teach(router)
        beside = None if again else Router(settings)
        spent = sum(explored(router, 400))
        if beside is not None:
            assert beside._engine._exploring is not None
            beside._engine._exploring.refresh()
    with beside or Router(settings) as other:
        assert spent >= BUDGET
        assert explored(other, 5) == [0.0] * 5


def test_a_bill_replaces_what_was_foreseen() -> None:
    """A model that is tried and ten times as dear as was thought uses the budget up so much the sooner."""
    with Router(SETTINGS) as router:
        teach(router)
        tried = next(d for d in (router.route(request_class="code") for _ in range(100)) if d.model != "a")
        before = router._engine._exploring
        assert before is not None
        purse = before.known_to(router.state).watch.purse
        assert purse is not None
        router.feedback(tried.id, usd=0.01)
        state = before.known_to(router.catch_up())
        assert state.watch.purse is not None
        expected = next(c.usd for c in tried.candidates if c.model == tried.model)
        more = state.watch.purse.explored_on(tried.at) - purse.explored_on(tried.at)
        assert more == pytest.approx(0.01 - expected, rel=1e-6)
        router.feedback(tried.id, retract=["usd"])
        state = before.known_to(router.catch_up())
        assert state.watch.purse is not None
        assert state.watch.purse.paid_on(tried.at)[tried.model] == pytest.approx(0.0, abs=1e-12)


def test_every_receipt_of_a_policy_that_explores_says_what_it_costs() -> None:
    """Also where nothing bounds it; one who takes the best for sure, and a rule, explore nothing."""
    with Router(replace(SETTINGS, budget=BudgetSettings())) as router:
        teach(router)
        decision = router.route(request_class="code")
        best = max(c.utility for c in decision.candidates)
        forgone = sum(c.propensity * (best - c.utility) for c in decision.candidates)
        assert decision.parameters[EXPLORED] == pytest.approx(forgone / decision.preferences.weights.usd)
        assert forgone > 0.0
        for policy in ("fixed:a", "random"):
            assert EXPLORED not in router.route(request_class="code", policy=policy).parameters
