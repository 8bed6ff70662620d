"""Control events: the same from a table and from memory, numbered, and one of several that agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from banditroute.store import Store, open_store
from banditroute.store.controls import Control
from tests.store.events import PATIENCE


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Threads wait for each other as long as a slow disk takes; who waits is not served in turn."""
    monkeypatch.setattr("banditroute.store.engine.BUSY_SECONDS", PATIENCE)
    url = f"sqlite:///{tmp_path / 'log.db'}" if request.param == "sqlite" else "memory://"
    opened = open_store(url)
    yield opened
    opened.close()


def test_events_are_kept_in_order_with_all_they_say(store: Store) -> None:
    first = store.controls.append("reset", "gpt-4o", principal="ops", body={"factor": "quality"})
    second = store.controls.append("acknowledge", "code")
    assert (first.seq, second.seq) == (1, 2)
    assert first.at <= second.at
    assert store.controls.after(0) == (first, second)
    assert store.controls.after(1) == (second,)
    assert store.controls.after(0, "reset") == (first,)
    assert store.controls.after(0, "alarm", "acknowledge") == (second,)
    assert (first.principal, first.body) == ("ops", {"factor": "quality"})


def test_of_several_who_want_the_same_one_stores_it(store: Store) -> None:
    stored: list[Control] = []

    def known(told: tuple[Control, ...]) -> bool:
        return any(event.subject == "x" for event in told)

    def want() -> None:
        if (event := store.controls.append_unless(known, "alarm", "x", body={"a": 1})) is not None:
            stored.append(event)

    threads = [Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stored) == 1
    assert store.controls.after(0) == tuple(stored)


def test_they_survive_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    one = open_store(url)
    event = one.controls.append("reset", "gpt-4o")
    one.close()
    other = open_store(url)
    assert other.controls.after(0) == (event,)
    other.close()
