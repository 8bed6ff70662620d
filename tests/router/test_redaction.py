"""What is taken out of texts before they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from banditroute.config.feedback import JudgeSettings
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError
from banditroute.router import Router
from banditroute.routing.redaction import REDACTED, Redactor
from banditroute.store import Store, open_store
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
        token = REDACTED.upper()
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
    assert "redactor" in caplog.text
    assert "question" not in caplog.text


@pytest.mark.parametrize(
    "name", ["nowhere_at_all:f", "tests.router.redactors:absent", "tests.router.redactors:NUMBER"]
)
def test_a_redactor_that_cannot_be_had_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"redactor in \[judge\]"):
        Redactor(JudgeSettings(redactor=name))


def test_prompts_that_the_store_keeps_are_redacted_too(store: Store) -> None:
    kept = replace(SETTINGS.store, prompts=True)
    with Router(replace(SETTINGS, store=kept, judge=JudgeSettings(redact=("secret",))), store) as router:
        decision = router.route(request_class="code", prompt="a secret")
        router.feedback(decision.id, quality=1.0, comment="another secret")
        assert store.texts(decision.id) == {"prompt": f"a {REDACTED}", "comment": f"another {REDACTED}"}
