"""People are told once of what changed, however often the receiver fails; resets begin afresh."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from banditroute.config.feedback import AlertSettings
from banditroute.errors import ConfigError, Unreachable
from banditroute.routing.alarms import Alarm
from banditroute.routing.alerts import Alerts
from banditroute.store.controls import MemoryControls
from banditroute.upstream.webhook import TIMEOUT, post
from tests.router.setting import SETTINGS

SECRET = {"HOOK_SECRET": "s3cret"}
WATCHFUL = replace(SETTINGS, alerts=AlertSettings(changes=True))
DAY = 86_400.0


def alarm(since: float, subject: str = "small") -> Alarm:
    return Alarm("model", subject, "quality", f"The quality of {subject} has changed.", since, since - 60.0)


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A webhook that answers with some statuses, then 200: its address and what it was sent."""
    sent: list[tuple[dict[str, str], bytes]] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sent.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = left.pop(0) if left else 200
            self.send_response(status)
            if status == 302:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            sent.append(({"path": self.path}, b""))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def alerts(found: list[Alarm], url: str = "", controls: MemoryControls | None = None) -> Alerts:
    settings = AlertSettings(webhook=url, secret_env="HOOK_SECRET")
    log = MemoryControls() if controls is None else controls
    return Alerts(log, settings, lambda: list(found), environ=SECRET, first_pause=0.0)


def test_an_alarm_is_signed_and_told_once() -> None:
    with receiver() as (url, sent):
        told = alerts([alarm(time.time())], url)
        for _ in range(3):
            told.look()
            told.tell()
        ((headers, body),) = sent
    at, signed = (part.partition("=")[2] for part in headers["x-banditroute-signature"].split(","))
    assert signed == hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert abs(int(at) - time.time()) < 60.0
    said = json.loads(body)
    assert (said["kind"], said["subject"], said["id"]) == ("model", "small", headers["x-banditroute-id"])


def test_what_fails_is_tried_again_with_the_same_id(caplog: pytest.LogCaptureFixture) -> None:
    with receiver(500, 503, 429) as (url, sent):
        told = alerts([alarm(time.time())], url)
        told.look()
        for _ in range(5):
            told.tell()
        assert len(sent) == 4
        assert len({headers["x-banditroute-id"] for headers, _ in sent}) == 1
    assert told.failures == 3
    assert told.failure is None
    assert not told.untold()
    waits = [record for record in caplog.records if "wait to be told" in record.message]
    assert len(waits) == 1, "one line for as long as it fails"


@pytest.mark.parametrize("status", [400, 404, 410, 302])
def test_what_is_refused_keeps_nothing_waiting_and_is_told_by_the_next_start(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    log, found = MemoryControls(), [alarm(time.time()), alarm(time.time(), "large")]
    with receiver(status) as (url, sent):
        told = alerts(found, url, log)
        told.look()
        for _ in range(3):
            told.tell()
        assert [json.loads(body)["subject"] for _, body in sent] == ["small", "large"]
        assert (told.failures, told.failure) == (1, None)
        (waits,) = told.untold()
        assert waits.body["subject"] == "small"
        refused = [record.getMessage() for record in caplog.records if str(status) in record.getMessage()]
        assert len(refused) == 1
        assert "The quality of small has changed." in refused[0]
        after = alerts(found, url, log)
        after.tell()
        assert [json.loads(body)["subject"] for _, body in sent] == ["small", "large", "small"]
        assert not after.untold()


def test_an_alarm_that_breaks_the_receiver_holds_up_no_other() -> None:
    with receiver(500, 200, 500, 200) as (url, sent):
        told = alerts([alarm(time.time()), alarm(time.time(), "large")], url)
        told.look()
        told.tell()
        assert [json.loads(body)["subject"] for _, body in sent] == ["small", "large"]
        told.tell()
        assert isinstance(told.failure, Unreachable)
        told.tell()
        assert (len(sent), told.failure, told.failures) == (4, None, 2)


@contextmanager
def silent() -> Iterator[str]:
    """A webhook that takes calls and sends one letter now and then, without end."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        ended = threading.Event()

        def drip() -> None:
            while not ended.is_set():
                try:
                    taken.append(listening.accept()[0])
                except TimeoutError:
                    for own in taken:
                        own.send(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            ended.set()
            thread.join()
            for own in taken:
                own.close()


def test_the_end_waits_for_no_slow_receiver_and_says_what_was_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("banditroute.routing.alerts.GRACE_SECONDS", 0.2)
    monkeypatch.setattr("banditroute.routing.alerts.LOOK_SECONDS", 0.05)
    log = MemoryControls()
    with silent() as url:
        told = alerts([alarm(time.time())], url, log)
        told.start()
        deadline = time.monotonic() + 20.0
        while not log.after(0, "alarm") and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)  # it is being told by now
        began = time.monotonic()
        told.close()
        assert time.monotonic() - began < TIMEOUT / 2
    (left,) = [record.getMessage() for record in caplog.records if "not told" in record.getMessage()]
    assert "The quality of small has changed." in left
    assert len(log.after(0, "delivered")) == 0
    with receiver() as (url, sent):
        alerts([], url, log).tell()
        assert len(sent) == 1


def test_a_receiver_that_never_ends_its_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditroute.routing.alerts.TIMEOUT", 0.2)
    with silent() as url:
        told = alerts([alarm(time.time())], url)
        told.look()
        told.tell()
        told.tell()
        assert told.failures == 2
        assert "takes too long" in str(told.failure)
        assert "the last call has not ended yet" in str(told.failure), "no more than one is left behind"


def test_what_is_found_at_the_end_is_told_at_the_end() -> None:
    found: list[Alarm] = []
    with receiver() as (url, sent):
        told = alerts(found, url)
        told.start()
        found.append(alarm(time.time()))
        told.close()
        assert len(sent) == 1


def test_pauses_grow_while_it_fails() -> None:
    log = MemoryControls()
    told = Alerts(
        log, AlertSettings(webhook="http://127.0.0.1:9/"), lambda: [alarm(time.time())], first_pause=60.0
    )
    told.look()
    told.tell()
    told.tell()
    assert told.failures == 1, "not before the pause is over"
    assert isinstance(told.failure, Unreachable)


def test_an_alarm_survives_the_process_and_is_told_by_the_next() -> None:
    log = MemoryControls()
    found = [alarm(time.time())]
    first = alerts(found, "http://127.0.0.1:9/", log)
    first.look()
    first.tell()
    with receiver() as (url, sent):
        second = alerts(found, url, log)
        second.look()
        second.tell()
        assert len(sent) == 1
    assert len(log.after(0, "alarm")) == 1, "raised by one of them"
    assert len(log.after(0, "delivered")) == 1


def test_the_same_matter_is_one_alarm_and_a_later_one_another() -> None:
    log, found = MemoryControls(), [alarm(time.time() - DAY)]
    told = alerts(found, controls=log)
    told.look()
    found[:] = [alarm(time.time() - DAY + 500.0)]  # dated a little otherwise, with more outcomes
    told.look()
    found.clear()
    told.look()
    found[:] = [alarm(time.time() - 2 * DAY)]
    told.look()
    assert told.raised == 1
    found[:] = [alarm(time.time() + 3_600.0), alarm(time.time(), "large")]  # began after it was told; another
    told.look()
    assert told.raised == 3


def test_neither_a_slow_receiver_nor_a_broken_store_stops_serving(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryControls):
        def append_unless(self, *_: object, **__: object) -> None:  # type: ignore[override]
            raise OSError("away")

    told = Alerts(Broken(), AlertSettings(), lambda: [alarm(time.time())], first_pause=0.01)
    with caplog.at_level(logging.ERROR):
        told.start()
        time.sleep(0.1)
        told.close()
    assert any("Alarms could not be raised" in record.message for record in caplog.records)


def test_a_secret_that_is_not_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="HOOK_SECRET"):
        Alerts(MemoryControls(), AlertSettings(secret_env="HOOK_SECRET"), list, environ={})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://nowhere.invalid/", "http://[::1", "file:///etc/hosts"]
)
def test_no_receiver_is_one_sentence(url: str) -> None:
    with pytest.raises(Unreachable, match="webhook"):
        post(url, b"{}", event="1", secret=None, at=0)
