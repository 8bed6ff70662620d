"""Requests with long texts are decided apart from the loop, and come to the same as all others."""

from __future__ import annotations

import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from banditroute.config.settings import Rule, Settings
from banditroute.routing.engine import Engine
from banditroute.routing.turns import LONG
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import PATIENCE, ask, serving

RULES = (Rule("doses go to the best", keywords=("dose",), model="large"), *SETTINGS.rules)
UNDER: Settings = replace(SETTINGS, rules=RULES, store=replace(SETTINGS.store, prompts=True))
FILLER = "a long story about nothing in particular. " * (LONG // 40)


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(UNDER, store) as address:
        yield address


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads in which requests are read and decided."""
    found: list[str] = []

    def noted(name: str) -> None:
        does = getattr(Engine, name)

        def noting(self: Engine, *given: Any, **more: Any) -> Any:
            found.append(threading.current_thread().name)
            return does(self, *given, **more)

        monkeypatch.setattr(Engine, name, noting)

    noted("prepare")
    noted("decide")
    return found


def apart(threads: list[str]) -> list[bool]:
    return [name.startswith("banditroute-long") for name in threads]


def test_only_long_ones_leave_the_loop(where: str, threads: list[str]) -> None:
    assert ask(where, "POST", "/v1/route", {"prompt": "short"})[0] == 200
    assert apart(threads) == [False, False]
    threads.clear()
    assert ask(where, "POST", "/v1/route", {"prompt": FILLER, "dry_run": True})[0] == 200
    assert apart(threads) == [True, True]


@pytest.mark.parametrize("place", ["begin", "middle", "end"])
def test_a_rule_holds_wherever_its_word_stands(where: str, store: Store, place: str) -> None:
    """A rule that looked at a part of a text could be got around."""
    parts = {"begin": ("Dose? ", ""), "middle": (FILLER, " What DOSE? "), "end": (FILLER, "")}[place]
    text = parts[0] + parts[1] + FILLER + (" dose" if place == "end" else "")
    status, made = ask(where, "POST", "/v1/route", {"prompt": text})
    assert (status, made["model"], made["rule"]) == (200, "large", "doses go to the best")
    assert ask(where, "GET", f"/v1/decisions/{made['decision_id']}")[1]["model"] == "large"
    assert store.texts(made["decision_id"])["prompt"] == text
    plain = ask(where, "POST", "/v1/route", {"prompt": FILLER})[1]
    assert plain["rule"] is None


def test_what_cannot_be_read_or_served_is_refused_as_ever(where: str) -> None:
    for more, code, status in (
        ({"model": "nobody"}, "invalid_request", 422),
        ({"policy": "nobody"}, "invalid_request", 422),
        ({"limits": {"allow": ["small"]}}, "no_eligible_model", 422),
    ):
        short = ask(where, "POST", "/v1/route", {"prompt": "x", "input_tokens": 9_000, **more})
        long = ask(where, "POST", "/v1/route", {"prompt": FILLER, "input_tokens": 9_000, **more})
        assert short == long
        assert (long[0], long[1]["error"]["code"]) == (status, code)


def test_many_at_once_are_all_answered_and_kept(where: str, store: Store) -> None:
    before = store.counts()["decisions"]
    bodies = [{"prompt": FILLER if i % 2 else "short"} for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda body: ask(where, "POST", "/v1/route", body), bodies))
    assert {status for status, _ in replies} == {200}
    assert len({made["decision_id"] for _, made in replies}) == len(bodies)
    assert store.counts()["decisions"] == before + len(bodies)


def test_the_form_is_answered_apart_too(where: str, store: Store, threads: list[str]) -> None:
    before = store.counts()
    form = urllib.parse.urlencode({"prompt": f"{FILLER} dose"}).encode()
    with urllib.request.urlopen(f"http://{where}/try", form, timeout=PATIENCE) as reply:
        page = reply.read().decode()
    assert "doses go to the best" in page
    assert all(apart(threads))
    assert store.counts() == before
