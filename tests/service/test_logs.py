"""The process's log: one JSON object a line, decisions by name, and no word of what people wrote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from banditroute.config.settings import Settings
from banditroute.config.telemetry import LoggingSettings
from banditroute.errors import StoreError
from banditroute.router import Router
from banditroute.routing.alarms import Alarm
from banditroute.routing.alerts import Alerts
from banditroute.service.logs import start_log
from banditroute.service.observing import Observer
from banditroute.service.traffic import Traffic
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving

SECRET = "the launch code is 0000"


@contextmanager
def written(own: LoggingSettings) -> Iterator[io.StringIO]:
    """What the log says meanwhile; complete when the block has ended."""
    root, ours = logging.getLogger(), logging.getLogger("banditroute")
    before = root.handlers[:], root.level, ours.level
    stream = io.StringIO()
    log = start_log(own, stream)
    try:
        yield stream
    finally:
        log.close()
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        ours.setLevel(before[2])


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def logging_as(**own: str) -> Settings:
    return replace(SETTINGS, logging=LoggingSettings("json", **own))


def test_decisions_and_refused_feedback_are_lines_with_their_id() -> None:
    settings = logging_as(decisions="info")
    with written(settings.logging) as stream, serving(settings) as where:
        asked = {"prompt": SECRET, "request_class": "code"}
        decision = ask(where, "POST", "/v1/route", asked)[1]
        ask(where, "POST", "/v1/route", {**asked, "dry_run": True})
        told = {"decision_id": decision["decision_id"], "quality": 1, "comment": SECRET, "response": SECRET}
        assert ask(where, "POST", "/v1/feedback", told)[0] == 200
        assert ask(where, "POST", "/v1/feedback", {**told, "decision_id": "nobody"})[0] == 404
        assert (
            ask(where, "POST", "/v1/feedback", json.dumps([{**told, "quality": SECRET}]).encode())[0] == 422
        )
        assert ask(where, "POST", "/v1/feedback", {SECRET: 1})[0] == 422
        assert ask(where, "POST", "/v1/route", {SECRET: 1})[0] == 422
    made, unknown, wrong, made_up = lines(stream)
    assert made["decision_id"] == decision["decision_id"]
    assert (made["level"], made["model"], made["kind"]) == ("info", decision["model"], "drawn")
    assert made["logger"] == "banditroute.service.observing"
    assert str(made["time"]).endswith("Z")
    assert (unknown["decision_id"], unknown["status"], unknown["code"]) == ("nobody", 404, "unknown_decision")
    assert (wrong["status"], wrong["param"], "decision_id" in wrong) == (422, "quality", False)
    assert (made_up["status"], "param" in made_up) == (422, False)
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize(
    ("level", "decisions", "n"), [("info", "debug", 0), ("debug", "debug", 1), ("debug", "off", 0)]
)
def test_decisions_are_told_at_the_level_that_is_configured(level: str, decisions: str, n: int) -> None:
    settings = logging_as(level=level, decisions=decisions)
    with written(settings.logging) as stream, Router(settings, open_store("memory://")) as router:
        Observer(settings, Traffic(settings)).routed(router.route(), (), 0)
    assert len([line for line in lines(stream) if "decision_id" in line]) == n


def test_an_exception_tells_its_kind_and_place_but_not_what_it_was_given() -> None:
    with written(LoggingSettings("json")) as stream:
        try:
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise ValueError(f"cannot read {SECRET}") from error
        except ValueError:
            logging.getLogger("banditroute.x").exception("It failed.")
        try:
            raise StoreError("the disk is full")
        except StoreError:
            logging.getLogger("banditroute.x").exception("It failed.")
    first, second = lines(stream)
    assert first["exception"] == "ValueError"
    assert "KeyError" in str(first["trace"])
    assert "test_logs.py" in str(first["trace"])
    assert SECRET not in stream.getvalue()
    assert "the disk is full" in str(second["trace"])


def test_text_names_time_level_and_decision() -> None:
    with written(LoggingSettings()) as stream:
        logging.getLogger("banditroute.x").info("Done.", extra={"decision_id": "abc", "prompt": SECRET})
        logging.getLogger("banditroute.x").debug("Not told.")
        logging.getLogger("elsewhere").info("Not told either.")
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("elsewhere").exception("Failed.")
        logging.getLogger("banditroute.x").info("Odd.", extra={"decision_id": "a\nforged line"})
    line, *rest = stream.getvalue().splitlines()
    assert line.endswith("Z INFO banditroute.x: Done. (abc)")
    assert rest[0].endswith("ERROR elsewhere: Failed.")
    assert rest[-2] == "ValueError"
    assert rest[-1].endswith(r"Odd. ('a\nforged line')")
    assert SECRET not in stream.getvalue()


@pytest.fixture(name="store")
def _store() -> Iterator[Store]:
    store = open_store("memory://")
    yield store
    store.close()


def test_an_alarm_is_a_line_with_its_kind_and_subject(store: Store) -> None:
    alarm = Alarm("model", "small", "quality", "small has changed.", 5.0, 4.0)
    with written(LoggingSettings("json")) as stream:
        Alerts(store.controls, SETTINGS.alerts, lambda: [alarm]).look()
    (line,) = lines(stream)
    assert (line["level"], line["kind"], line["subject"]) == ("warning", "model", "small")
    assert line["message"] == "small has changed."


def test_values_that_json_does_not_know_do_not_lose_the_line() -> None:
    with written(LoggingSettings("json")) as stream:
        logging.getLogger("banditroute.x").warning(
            "Odd: %s\n%s", "ü", "two lines", extra={"status": object()}
        )
    (line,) = lines(stream)
    assert line["message"] == "Odd: ü\ntwo lines"
