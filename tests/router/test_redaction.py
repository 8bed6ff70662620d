"""What is taken out of texts before they are stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from banditroute.config.feedback import JudgeSettings
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError, Conflict, StoreError, UnknownDecision
from banditroute.router import Router
from banditroute.routing import redaction
from banditroute.routing.fields import FeedbackFields
from banditroute.routing.keeping import Keeper
from banditroute.routing.redaction import LONGEST, MOST_LEFT, REDACTED, Redactor
from banditroute.store import Store, open_store
from banditroute.store.acknowledgement import settled
from tests.router import redactors
from tests.router.setting import SETTINGS


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()


def judging(**judge: object) -> Settings:
    """A configuration whose every answer is judged."""
    return replace(SETTINGS, judge=JudgeSettings(model="judge", base_rate=1.0, value_rate=0.0, **judge))  # type: ignore[arg-type]


def test_texts_are_redacted_before_they_are_stored(store: Store) -> None:
    under = judging(redact=(r"\b[\w.]+@[\w.]+\b", "secret"), redactor="tests.router.redactors:shout")
    with Router(under, store) as router:
        decision = router.route(request_class="code", prompt="Mail ann@example.org about the SECRET.")
        messages = [{"role": "user", "content": "ann@example.org again"}]
        router.feedback(decision.id, latency_ms=1, response="no secret here", messages=messages)
        token = REDACTED.upper()  # the prompt is stored before the answer that came after it
        assert store.texts(decision.id) == {
            "prompt": f"MAIL {token} ABOUT THE {token}.",
            "response": f"NO {token} HERE",
            "messages": f"{token} AGAIN",
        }


@pytest.mark.parametrize("hook", ["fail", "nothing"])
def test_what_the_redactor_fails_on_is_not_stored(
    hook: str, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with Router(judging(redactor=f"tests.router.redactors:{hook}"), store) as router:
        decision = router.route(request_class="code", prompt="question")
        assert router.feedback(decision.id, quality=0.5, response="answer").accepted == 1
        assert store.texts(decision.id) == {}
        assert store.answered() == []
        deadline = time.monotonic() + 20.0
        while not (alarms := store.controls.after(0, "alarm")) and time.monotonic() < deadline:
            time.sleep(0.01)
        (alarm,) = alarms
        assert alarm.subject == "redaction/failed/"
        assert "cannot be judged: the redactor failed on it" in str(alarm.body["message"])
        assert router._engine.keeper.redactor.refused == {"failed": 2}
    assert "redactor" in caplog.text
    assert "question" not in caplog.text


@pytest.mark.parametrize(
    "name", ["nowhere_at_all:f", "tests.router.redactors:absent", "tests.router.redactors:NUMBER"]
)
def test_a_redactor_that_cannot_be_had_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"redactor in \[judge\]"):
        Redactor(JudgeSettings(redactor=name))


SLOW = r"(a|aa)+$"
"""Takes longer with every letter, without bound."""
BAIT = "a" * 60 + "!"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> float:
    """The seconds that a text has, fewer than usual."""
    monkeypatch.setattr(redaction, "SECONDS", 0.4)
    return 0.4


def test_a_slow_pattern_costs_the_text_and_nobody_else_waits(store: Store, hasty: float) -> None:
    with Router(judging(redact=(SLOW,)), store) as router:
        decision = router.route(request_class="code", prompt=BAIT)
        other = router.route(request_class="code", prompt="short")
        turns, tries = 0, 0
        while turns <= 5 and tries < 10:  # a try in which the machine itself stood still proves nothing
            turns, tries = 0, tries + 1
            began = time.monotonic()
            fields = FeedbackFields(decision_id=decision.id, quality=tries / 10, response=BAIT)
            waiting = router._engine.report([fields])
            while not waiting.done():
                time.sleep(0.002)
                router.route(request_class="code", dry_run=True)
                router.feedback(other.id, latency_ms=turns)
                turns += 1
            assert waiting.result().accepted == 1
            assert time.monotonic() - began >= hasty
        assert turns > 5, "routing and feedback went on meanwhile"
        assert store.texts(decision.id) == {}
        assert store.texts(other.id) == {"prompt": "short"}
        assert router._engine.keeper.redactor.refused == {"slow": 1 + tries}


def test_what_nobody_asked_for_is_not_redacted_at_all(store: Store) -> None:
    redactors.SEEN.clear()
    rare = replace(judging(redactor="tests.router.redactors:watch").judge, base_rate=1e-6)
    with Router(replace(SETTINGS, judge=rare), store) as router:
        decision = router.route(request_class="code", prompt="question")
        assert not decision.wants_response
        assert router.feedback(decision.id, quality=0.5, response="answer").accepted == 1
        assert router._engine.keeper.redactor.refused == {}
        assert store.texts(decision.id) == {}
    assert redactors.SEEN == []


@pytest.mark.usefixtures("hasty")
def test_a_redactor_that_never_ends_holds_up_neither_feedback_nor_the_end(store: Store) -> None:
    redactors.SEEN.clear()
    redactors.RELEASE.clear()
    try:
        with Router(judging(redactor="tests.router.redactors:hang"), store) as router:
            first = router.route(request_class="code")
            assert router.feedback(first.id, quality=0.5, response="answer").accepted == 1
            again = router.route(request_class="code")
            assert router.feedback(again.id, quality=0.5, response="answer").accepted == 1
            assert store.texts(first.id) == store.texts(again.id) == {}
    finally:
        redactors.RELEASE.set()


def test_a_text_at_which_the_redactor_hangs_costs_no_other_one(
    hasty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until as many hang as may be left behind; then none is tried, and people are told why."""
    redactors.SEEN.clear()
    redactors.RELEASE.clear()
    redactor = Redactor(JudgeSettings(redactor="tests.router.redactors:hang_at_some"))
    monkeypatch.setattr(redaction, "SECONDS", 60.0)  # for the others: none is late for a busy machine's sake
    before = set(threading.enumerate())
    try:
        for i in range(MOST_LEFT):
            assert redactor({"prompt": f"plain {i}"}) == {"prompt": f"plain {i}"}
            assert redactor({"prompt": f"hang {i}"}, time.monotonic() + hasty) == {}
        time.sleep(hasty)  # now each has had all the time that a text has
        for i in range(3):
            assert redactor({"prompt": f"plain {i}", "response": "hang"}) == {}
        assert redactor.refused == {"slow": MOST_LEFT, "stuck": 6}
        assert [f"hang {i}" for i in range(MOST_LEFT)] == redactors.SEEN
        assert [alarm.subject for alarm in redactor.alarms()] == ["slow", "stuck"]
        assert "restart the service" in redactor.alarms()[1].message
        left = set(threading.enumerate()) - before
        assert len(left) == MOST_LEFT
    finally:
        redactors.RELEASE.set()
    for thread in left:
        thread.join()
    assert redactor({"prompt": "plain"}) == {"prompt": "plain"}, "once they end all is well again"


def test_a_redactor_that_had_too_little_time_is_not_said_to_hang() -> None:
    """Where many texts wait, each has only what is left of its own patience."""
    redactors.RELEASE.clear()
    redactor = Redactor(JudgeSettings(redactor="tests.router.redactors:hang"))
    try:
        for _ in range(MOST_LEFT + 2):
            assert redactor({"prompt": "p"}, time.monotonic() + 0.02) == {}
        assert redactor.refused == {"slow": MOST_LEFT + 2}
        (alarm,) = redactor.alarms()
        assert "hang" not in alarm.message
    finally:
        redactors.RELEASE.set()


def test_too_long_a_text_is_left_out_and_not_cut() -> None:
    redactor = Redactor(JudgeSettings(redact=("secret",)))
    kept = redactor({"prompt": "x" * LONGEST, "response": "x" * (LONGEST + 1)})
    assert list(kept) == ["prompt"]
    assert redactor.refused == {"long": 1}
    (alarm,) = redactor.alarms()
    assert f"longer than {LONGEST:,} characters" in alarm.message
    redactor({"response": "y" * (LONGEST + 1)})
    assert redactor.alarms() == [alarm], "told once a day"


def test_after_its_deadline_nothing_is_redacted_any_more() -> None:
    redactor = Redactor(JudgeSettings(redact=("secret",)))
    assert redactor({"prompt": "a secret"}, time.monotonic() + 10.0) == {"prompt": f"a {REDACTED}"}
    assert redactor({"prompt": "a secret"}, time.monotonic() - 1.0) == {}


def test_a_decision_that_was_not_stored_keeps_no_prompt(caplog: pytest.LogCaptureFixture) -> None:
    store = open_store("memory://")
    keeper = Keeper(Redactor(JudgeSettings(redact=("secret",))), store)
    keeper.prompts({"never": {"prompt": "p"}}, settled(StoreError("full")))
    keeper.prompts({"never": {"prompt": "p"}}, settled(None))
    keeper.close()
    assert store.texts("never") == {}
    (said,) = caplog.records
    assert "is not stored" in said.getMessage()


def test_feedback_that_is_refused_says_so_also_with_texts(store: Store) -> None:
    with Router(judging(redact=("secret",)), store) as router:
        with pytest.raises(UnknownDecision):
            router.feedback("never", quality=0.5, response="answer")
        decision = router.route(request_class="code")
        send = {"decision_id": decision.id, "quality": 0.5, "response": "a secret", "idempotency_key": "k"}
        assert [router.feedback_list([send]).accepted for _ in range(2)] == [1, 0]
        with pytest.raises(Conflict):
            router.feedback_list([send | {"response": "another secret"}])
        assert store.texts(decision.id) == {"response": f"a {REDACTED}"}


def test_after_the_end_feedback_with_texts_is_refused(store: Store) -> None:
    router = Router(judging(redact=("secret",)), store)
    decision = router.route(request_class="code")
    router.close()
    with pytest.raises(StoreError, match="closed"):
        router.feedback(decision.id, quality=0.5, response="answer")


def test_prompts_that_the_store_keeps_are_redacted_too(store: Store) -> None:
    kept = replace(SETTINGS.store, prompts=True)
    with Router(replace(SETTINGS, store=kept, judge=JudgeSettings(redact=("secret",))), store) as router:
        decision = router.route(request_class="code", prompt="a secret")
        router.feedback(decision.id, quality=1.0, comment="another secret")
        assert store.texts(decision.id) == {"prompt": f"a {REDACTED}", "comment": f"another {REDACTED}"}
