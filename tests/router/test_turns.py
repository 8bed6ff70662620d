"""Requests with long texts that the end comes upon are answered too, like the short ones."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from banditroute.errors import StoreError
from banditroute.router import AsyncRouter
from banditroute.routing.engine import Engine
from banditroute.routing.fields import RouteFields
from banditroute.routing.turns import Made
from tests.router.setting import SETTINGS

FIELDS = RouteFields(request_class="code", prompt="long")


@pytest.fixture
def begun() -> threading.Event:
    """Since when a request is read in the thread for long ones."""
    return threading.Event()


@pytest.fixture
def release(begun: threading.Event, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until when it is."""
    event, prepare = threading.Event(), Engine.prepare

    def preparing(self: Engine, *given: Any) -> Any:
        if threading.current_thread().name.startswith("banditroute-long"):
            begun.set()
            event.wait(30.0)
        return prepare(self, *given)

    monkeypatch.setattr(Engine, "prepare", preparing)
    return event


async def until(holds: Callable[[], bool]) -> None:
    """Lets others work until something is so."""
    while not holds():
        await asyncio.sleep(0.001)


def test_those_that_wait_at_the_end_are_refused_and_the_one_under_way_is_answered(
    begun: threading.Event, release: threading.Event
) -> None:
    told: list[Made | Exception] = []

    async def lived() -> None:
        router = AsyncRouter(SETTINGS)
        for _ in range(3):
            router.begin(FIELDS, "", told.append, apart=True)
        waiting = asyncio.ensure_future(router.apart(FIELDS))
        await until(begun.is_set)
        ending = asyncio.ensure_future(asyncio.to_thread(router._turns.close))
        await until(lambda: len(told) == 2 and waiting.done())
        release.set()
        await ending
        with pytest.raises(StoreError, match="closed"):
            await waiting
        await until(lambda: len(told) == 3)
        await router.close()
        with pytest.raises(StoreError) as long:
            await router.apart(FIELDS)
        with pytest.raises(StoreError) as short:
            await router.route(request_class="code")
        assert str(long.value) == str(short.value)

    asyncio.run(asyncio.wait_for(lived(), 60.0))
    made = [one for one in told if not isinstance(one, Exception)]
    assert len(made) == 1
    assert all(isinstance(one, StoreError) and "closed" in str(one) for one in told if one is not made[0])


def test_where_the_loop_ends_whoever_waits_is_told(release: threading.Event) -> None:
    told: list[Made | Exception] = []

    async def lived() -> AsyncRouter:
        router = AsyncRouter(SETTINGS)
        router.begin(FIELDS, "", told.append, apart=True)
        await asyncio.sleep(0.01)
        return router

    router = asyncio.run(lived())  # cancels what is left
    release.set()
    asyncio.run(router.close())
    assert [type(one) for one in told] == [StoreError]


def test_a_caller_that_leaves_is_not_told_that_the_log_is_closed(
    begun: threading.Event, release: threading.Event
) -> None:
    async def lived() -> None:
        router = AsyncRouter(SETTINGS)
        waiting = asyncio.ensure_future(router.apart(FIELDS))
        await until(begun.is_set)
        ending = asyncio.ensure_future(asyncio.to_thread(router._turns.close))
        await until(lambda: router._turns._closed)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        release.set()
        await ending
        await router.close()

    asyncio.run(asyncio.wait_for(lived(), 60.0))
