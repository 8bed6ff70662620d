"""A log that cannot be written: /readyz tells until it can again, and the service ends in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from banditroute.errors import StoreError
from banditroute.store import Receipt, Snapshot, open_store
from banditroute.store.acknowledgement import Acknowledgement, settled
from banditroute.types import Decision
from tests.router.setting import SETTINGS
from tests.service.live import Answer, ask, serving, until

T = TypeVar("T")

FULL = "the event log cannot be written: the disk is full; make room on the disk."


class OnADisk:
    """A store whose disk may be full."""

    def __init__(self) -> None:
        self._store = open_store("memory://")
        self.full = False

    def append_decisions(self, decisions: list[Decision], **more: object) -> Acknowledgement[None]:
        return self._unless_full(lambda: self._store.append_decisions(decisions, **more))  # type: ignore[arg-type]

    def append_list(self, *told: object, **more: object) -> Acknowledgement[Receipt]:
        return self._unless_full(lambda: self._store.append_list(*told, **more))  # type: ignore[arg-type]

    def save_snapshot(self, snapshot: Snapshot) -> Acknowledgement[None]:
        return self._unless_full(lambda: self._store.save_snapshot(snapshot))

    def _unless_full(self, write: Callable[[], Acknowledgement[T]]) -> Acknowledgement[T]:
        return settled(StoreError(FULL)) if self.full else write()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def ready(where: str) -> Answer:
    return ask(where, "GET", "/readyz")


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/route", {}), ("/v1/feedback", {"decision_id": "x", "usd": 1})]
)
def test_readyz_tells_after_a_failed_write_until_one_succeeds(path: str, body: object) -> None:
    disk = OnADisk()
    with serving(SETTINGS, disk) as where:  # type: ignore[arg-type]
        assert ready(where)[0] == 200
        disk.full = True
        assert ask(where, "POST", path, body)[0] == 503
        status, reply = ready(where)
        assert (status, reply["error"]["code"]) == (503, "store_unavailable")
        assert "make room" in reply["error"]["message"]
        assert ask(where, "POST", "/v1/route", {"dry_run": True})[0] == 200, "deciding goes on"
        disk.full = False
        assert ask(where, "POST", "/v1/route", {})[0] == 200
        assert ready(where)[0] == 200


def test_readyz_recovers_although_nobody_sends_anything() -> None:
    disk = OnADisk()
    with serving(SETTINGS, disk) as where:  # type: ignore[arg-type]
        disk.full = True
        assert ask(where, "POST", "/v1/route", {})[0] == 503
        time.sleep(1.5)  # longer than the follower waits between two looks
        assert ready(where)[0] == 503
        disk.full = False
        until(lambda: ready(where)[0] == 200)


def test_a_refusal_is_no_failed_write() -> None:
    with serving(SETTINGS, OnADisk()) as where:  # type: ignore[arg-type]
        assert ask(where, "POST", "/v1/feedback", {"decision_id": "never", "quality": 1})[0] == 404
        assert ready(where)[0] == 200


def test_the_end_without_a_last_snapshot_is_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    disk = OnADisk()
    with caplog.at_level(logging.WARNING), serving(SETTINGS, disk) as where:  # type: ignore[arg-type]
        _, reply = ask(where, "POST", "/v1/route", {})
        assert (
            ask(where, "POST", "/v1/feedback", {"decision_id": reply["decision_id"], "quality": 1})[0] == 200
        )
        disk.full = True
    (said,) = caplog.records
    assert (said.levelname, said.exc_info) == ("WARNING", None)
    assert "No snapshot was saved" in said.getMessage()
    assert "make room" in said.getMessage()
    with pytest.raises(StoreError, match="closed"):
        disk._store.counts()
