"""Guardrails in a running router: a class goes back to its baseline, is told of, acknowledged, rebuilt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from banditroute import Router
from banditroute.config.feedback import BudgetSettings, Guardrail, TrialSettings
from banditroute.config.settings import StoreSettings
from banditroute.core.steering.guardrails import Guard
from banditroute.routing.alarms import alarms_of
from banditroute.routing.rebuild import rebuild
from tests.router.setting import SETTINGS

GUARDED = replace(
    SETTINGS,
    guardrails=(Guardrail("code", "large", margin=0.05, min_share=0.3),),
    trial=TrialSettings(usd_per_day=1.0),
    budget=BudgetSettings(exploration_usd_per_day=1.0),
)
PROMISED = {"large": 0.9}


def play(router: Router, rounds: int) -> None:
    """Requests of two classes, scored at once; all but the baseline answer badly, and are cheap."""
    for t in range(rounds):
        for name in ("code", "chat"):
            decision = router.route(request_class=name, input_tokens=100)
            quality = PROMISED.get(decision.model, 0.3) + 0.02 * (t % 5 - 2)
            router.feedback(decision.id, quality=quality, usd=0.001)
        if t % 20 == 19:
            router.catch_up()
            if guard(router).status == "breach":
                return


def guard(router: Router) -> Guard:
    guards = router.state.watch.guards
    assert guards is not None
    return guards.guards[0]


@pytest.mark.parametrize("url", ["memory://", "sqlite:///log.db"])
def test_a_broken_promise_is_kept_from_then_on_and_told(url: str, tmp_path: Path) -> None:
    settings = replace(GUARDED, path=tmp_path / "banditroute.toml", store=StoreSettings(url=url))
    settings = replace(
        settings, reward=replace(settings.reward, weights=replace(settings.reward.weights, usd=4e4))
    )
    with Router(settings) as router:
        play(router, 1_000)
        assert guard(router).status == "breach"
        for _ in range(5):
            decision = router.route(request_class="code")
            assert (decision.model, decision.propensity) == ("large", 1.0)
            assert {e.reason for e in decision.excluded} == {"guardrail"}
        assert not router.route(request_class="chat").excluded
        (alarm,) = alarms_of(router.state)
        assert (alarm.kind, alarm.subject) == ("guardrail", "code")
        assert alarm.message.startswith("Quality in code fell short of large by more than 0.05")
        store = router._engine.store
        rebuilt = rebuild(store, settings)
        assert rebuilt.agrees
        assert rebuilt.state.watch == router.state.watch
        store.controls.append("acknowledge", "code")
        router.catch_up()
        assert not alarms_of(router.state)
        again = router.route(request_class="code")
        assert not again.excluded
        router.feedback(again.id, quality=0.5)
        assert (router.catch_up(), guard(router).status, guard(router).period)[1:] == ("undecided", 2)
        assert rebuild(store, settings).state.watch == router.state.watch
    if url != "memory://":
        with Router(settings) as reopened:  # from the snapshot
            assert guard(reopened).period == 2
