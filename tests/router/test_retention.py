"""How long texts are kept: by the configuration, by what was promised before, and not when they come late."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from banditroute.router import Router
from banditroute.routing.retention import Retention, forget_old_texts
from banditroute.store import Store
from tests.router.setting import SETTINGS
from tests.router.test_judging import ALL, judged_by, opened

__all__ = ["opened"]


def aged(store: Store, decision_id: str, at: float) -> None:
    """A decision of another time with texts."""
    with Router(SETTINGS) as router:
        made = router.route(request_class="code")
    made = structs.replace(made, id=decision_id, at=at, wants_response=True, judge_propensity=0.5)
    store.append_decisions([made], texts={decision_id: {"prompt": "p"}}).result(10)


def test_old_texts_are_deleted_and_decisions_are_not(opened: Callable[[], Store]) -> None:
    store = opened()
    for i in range(25):
        aged(store, f"d{i:02d}", 1_000.0 + i)
    assert store.forget_texts(1_010.0, limit=4) == 4
    assert forget_old_texts(store, 1_010.0) == 6
    assert forget_old_texts(store, 1_010.0) == 0
    assert [bool(store.texts(f"d{i:02d}")) for i in range(25)] == [i >= 10 for i in range(25)]
    assert store.counts()["decisions"] == 25
    store.close()


@pytest.mark.parametrize("prompts", [False, True])
def test_retention_runs_by_itself_unless_prompts_are_kept(prompts: bool, opened: Callable[[], Store]) -> None:
    store = opened()
    now = time.time()
    aged(store, "old", now - 31 * 86_400.0)
    aged(store, "new", now - 29 * 86_400.0)
    kept = replace(SETTINGS, store=replace(SETTINGS.store, prompts=prompts))
    retention = Retention(judged_by(replace(ALL, retention_days=30.0), kept), store)
    retention.start()
    deadline = time.monotonic() + (0.2 if prompts else 20.0)
    while store.texts("old") and time.monotonic() < deadline:
        time.sleep(0.01)
    retention.close()
    assert bool(store.texts("old")) == prompts
    assert store.texts("new") == {"prompt": "p"}
    store.close()


def test_texts_do_not_outlive_what_was_promised_when_the_judge_is_gone(opened: Callable[[], Store]) -> None:
    store = opened()
    now = time.time()
    aged(store, "yesterday", now - 2 * 86_400.0)
    aged(store, "today", now - 3_600.0)
    assert Retention(judged_by(replace(ALL, retention_days=3.0)), store).tidy(now) == 0
    assert Retention(judged_by(replace(ALL, retention_days=1.5)), store).days() == 1.5, (
        "the last that was said"
    )
    assert Retention(judged_by(replace(ALL, retention_days=1.5)), store).days() == 1.5
    assert len(store.controls.after(0, "retention")) == 2, "noted when it changes"
    assert Retention(SETTINGS, store).tidy(now) == 1
    assert (store.texts("yesterday"), bool(store.texts("today"))) == ({}, True)
    store.close()


def test_without_a_judge_ever_texts_go_by_the_default(opened: Callable[[], Store]) -> None:
    store = opened()
    now = time.time()
    aged(store, "old", now - 31 * 86_400.0)
    aged(store, "new", now - 29 * 86_400.0)
    assert Retention(SETTINGS, store).tidy(now) == 1
    assert (store.texts("old"), bool(store.texts("new"))) == ({}, True)
    store.close()


@pytest.mark.parametrize("redact", [(), ("secret",)])
def test_an_answer_that_comes_after_the_retention_is_not_stored(
    redact: tuple[str, ...], opened: Callable[[], Store]
) -> None:
    store = opened()
    now = time.time()
    aged(store, "old", now - 1.5 * 86_400.0)
    aged(store, "new", now - 0.5 * 86_400.0)
    with Router(judged_by(replace(ALL, retention_days=1.0, redact=redact)), store) as router:
        for name in ("old", "new"):
            assert router.feedback(name, quality=0.5, response="late").accepted == 1
        assert "response" not in store.texts("old")
        assert store.texts("new")["response"] == "late"
        assert [one.decision_id for one in store.answered()] == ["new"]
