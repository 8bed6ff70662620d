"""What is made behind the scenes: nobody waits, nothing is made too often, and a failure hides no report."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from banditroute.errors import LogError, StoreError
from banditroute.service.pages import behind
from banditroute.service.pages.behind import FRESH, REST, Behind


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(behind, "time", made)
    return made


def test_the_last_one_is_shown_while_the_next_is_made(clock: Clock) -> None:
    begun: list[Future[str]] = []

    def begin(_: str) -> Future[str]:
        begun.append(Future())
        return begun[-1]

    shown = Behind(begin)
    assert shown.get("a") is None
    assert shown.get("a") is None
    assert len(begun) == 1
    clock.now = 2.0
    begun[0].set_result("one")
    assert shown.get("a") == "one"
    clock.now = 2.0 + FRESH - 0.1
    assert shown.get("a") == "one"
    assert len(begun) == 1
    clock.now = 2.0 + FRESH
    assert shown.get("a") == "one"
    assert len(begun) == 2
    clock.now += 60.0
    begun[1].set_result("two")
    assert shown.get("a") == "two"
    clock.now += 60.0 * REST - 1.0
    assert shown.get("a") == "two"
    assert len(begun) == 2, "one that took a minute is not made again so soon"
    clock.now += 1.0
    shown.get("a")
    assert len(begun) == 3


def test_a_failure_is_told_only_where_there_is_nothing_to_show(clock: Clock) -> None:
    begun: list[Future[str]] = []

    def begin(_: str) -> Future[str]:
        begun.append(Future())
        return begun[-1]

    shown = Behind(begin)
    shown.get("a")
    begun[0].set_exception(LogError("nothing to bill"))
    with pytest.raises(LogError, match="nothing to bill"):
        shown.get("a")
    clock.now = FRESH
    shown_again = shown.get("a")
    assert shown_again is None
    begun[1].set_result("one")
    assert shown.get("a") == "one"
    clock.now = 3 * FRESH
    shown.get("a")
    begun[2].set_exception(StoreError("the disk is gone"))
    assert shown.get("a") == "one"
