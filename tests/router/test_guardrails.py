"""Guardrails in a running router: a class goes back to its baseline, is told of, acknowledged, rebuilt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from banditroute import Router
from banditroute.config.feedback import BudgetSettings, Guardrail, TrialSettings
from banditroute.config.settings import Settings, StoreSettings
from banditroute.core.steering.guardrails import Guard, Guards, new_guards
from banditroute.routing.alarms import alarms_of
from banditroute.routing.rebuild import rebuild
from banditroute.store import Store, open_store
from banditroute.store.base import Changes
from banditroute.types import Outcome
from tests.router.setting import SETTINGS, under

GUARDED = replace(
    SETTINGS,
    guardrails=(Guardrail("code", "large", margin=0.05, min_share=0.3),),
    trial=TrialSettings(usd_per_day=1.0),
    budget=BudgetSettings(exploration_usd_per_day=1.0),
)
PROMISED = {"large": 0.9}
BILLS = {"small": 0.0001, "middle": 0.0005, "large": 0.003}


def play(router: Router, rounds: int) -> None:
    """Requests of two classes, scored at once; all but the baseline answer badly, and are cheap."""
    for t in range(rounds):
        for name in ("code", "chat"):
            decision = router.route(request_class=name, input_tokens=100)
            quality = PROMISED.get(decision.model, 0.3) + 0.02 * (t % 5 - 2)
            router.feedback(decision.id, quality=quality, usd=BILLS[decision.model])
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


def broken(settings: Settings, store: Store, scores: int = 400) -> None:
    """Breaks the promise for code in an event log: of ten choices three are the baseline, which ten users
    score at 0.9, and seven a model that they score at 0.3."""
    with Router(settings) as router:
        made = router.route(request_class="code", dry_run=True)
    pair = [
        structs.replace(made.candidates[0], model=model, propensity=share, quality=0.8)
        for model, share in (("small", 0.7), ("large", 0.3))
    ]
    now = time.time() - 60.0
    decisions = [
        structs.replace(
            made,
            id=f"d{i}",
            at=now + 0.01 * i,
            model="large" if i % 10 < 3 else "small",
            propensity=0.3 if i % 10 < 3 else 0.7,
            candidates=tuple(pair),
        )
        for i in range(scores)
    ]
    store.append_decisions(decisions).result()
    told = [
        Outcome(
            own.id,
            "quality",
            PROMISED.get(own.model, 0.3) + 0.02 * (i % 5 - 2),
            at=own.at,
            rater=f"u{i % 11}",
        )
        for i, own in enumerate(decisions)
    ]
    store.append_outcomes(told).result()
    with Router(settings, Kept(store)) as router:
        assert guard(router).status == "breach"


class Kept:
    """A store that outlives its router."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def close(self) -> None:
        return

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.fixture(scope="module")
def breached() -> Iterator[Store]:
    """An event log in which the promise for code is broken."""
    store = open_store("memory://")
    broken(GUARDED, store)
    yield store
    store.close()


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_what_the_baseline_serves_by_the_operators_word_no_guardrail_touches(
    mode: str, breached: Store
) -> None:
    settings = replace(under(mode), guardrails=GUARDED.guardrails, trial=GUARDED.trial)
    with Router(settings, Kept(breached)) as router:
        assert guard(router).status == "breach"
        for _ in range(5):
            decision = router.route(request_class="code")
            assert (decision.model, decision.propensity, decision.excluded) == ("small", 1.0, ())
            if mode == "off":
                assert decision.shadow is None
            else:
                assert decision.shadow is not None
                assert decision.shadow["pmf"] == {"large": 1.0}
                assert decision.shadow["excluded"] == {"small": "guardrail", "middle": "guardrail"}
        share = router.route(request_class="chat").shadow
        assert share is None or share["excluded"] == {}


def test_a_guarded_baseline_keeps_its_share_of_the_shadow_only() -> None:
    settings = replace(under("shadow", name="fixed:middle"), guardrails=GUARDED.guardrails)
    with Router(settings) as router:
        decision = router.route(request_class="code")
        assert {c.model: c.propensity for c in decision.candidates}["small"] == 1.0
        assert decision.shadow is not None
        assert decision.shadow["pmf"] == pytest.approx({"small": 0.0, "middle": 0.7, "large": 0.3})


def test_an_acknowledgement_or_another_trial_shows_at_once() -> None:
    known = replace(GUARDED, guardrails=(replace(GUARDED.guardrails[0], retry_hours=1.0),))
    (own,) = (new_guards(known) or Guards()).guards
    own = structs.replace(own, status="breach", at=100.0, n=50, total=-10.0)
    assert own.as_of(200.0) is own
    later = own.as_of(100.0 + 3_600.0)
    assert (later.status, later.at, later.n, later.period) == ("undecided", 3_700.0, 0, 2)
    seen = structs.replace(own, acknowledged=(50.0, 150.0))
    assert (seen.as_of(149.0).status, seen.as_of(150.0).status) == ("breach", "undecided")


def test_an_acknowledgement_between_two_pages_leaves_live_and_rebuilt_alike(breached: Store) -> None:
    """It comes right after the follower has asked for new events, with answers that it makes possible."""
    with Router(GUARDED, Kept(breached)) as router:
        breach = guard(router)
        asked = router._engine.store.changes
        racing = Racing(breached, lambda: None)
        router._engine.follower._store = racing  # type: ignore[assignment]

        def meanwhile() -> None:
            time.sleep(0.001)
            breached.controls.append("acknowledge", "code")
            time.sleep(0.001)
            play(router, 5)

        racing.first = meanwhile
        play(router, 3)
        router.catch_up()
        live = router.catch_up()
        assert guard(router).period == breach.period + 1
        again = rebuild(breached, GUARDED)
        assert again.state.watch == live.watch
        assert asked(live.seq).upto == live.seq


class Racing(Kept):
    """A store in which something happens once, just before a page is read."""

    def __init__(self, store: Store, first: Callable[[], None]) -> None:
        super().__init__(store)
        self.first = first

    def changes(self, after_seq: int, limit: int = 10_000) -> Changes:
        first, self.first = self.first, lambda: None
        first()
        return self._store.changes(after_seq, limit)
