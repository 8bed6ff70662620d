"""Playing the demo: what a signal interrupts ends without a word."""

from __future__ import annotations

import asyncio
import gc

import pytest

from banditroute.client import AsyncClient, Routed
from banditroute.demo.play import play
from banditroute.upstream.simulated import SimulatedWorld


def test_an_end_that_comes_while_any_task_is_at_work_is_no_error_to_tell_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler of a signal raises in whatever runs then, which may be a task of the HTTP client."""

    async def struck() -> None:
        raise SystemExit(143)

    async def route(self: AsyncClient, **_: object) -> Routed:
        own = asyncio.create_task(struck())
        await asyncio.sleep(60)
        raise AssertionError(own)

    monkeypatch.setattr(AsyncClient, "route", route)
    world = SimulatedWorld(seed=1)
    with pytest.raises(SystemExit):
        play("http://127.0.0.1:9", ["a"], [world.request(0)], world.outcomes(1), lambda *_: None)
    gc.collect()
    assert caplog.text == ""
