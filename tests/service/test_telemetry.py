"""Spans and events: what they say, whose trace they belong to, and that nothing is sent that shall not be."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from banditroute.errors import TooLarge
from banditroute.judge.verdicts import Verdict
from banditroute.judge.watched import Judged
from banditroute.router import Router
from banditroute.routing.fields import FeedbackFields
from banditroute.service import telemetry, telemetry_names
from banditroute.service.telemetry import Telemetry
from banditroute.store import open_store
from banditroute.types import Decision, Receipt
from tests.router.setting import SETTINGS
from tests.service.traced import PARENT, SENT, TRACE, Kept, told_of


@pytest.fixture(name="decision", scope="module")
def _decision() -> Decision:
    with Router(SETTINGS, open_store("memory://")) as router:
        return router.route(request_class="code", input_tokens=100, model="large")


def test_a_decision_is_a_span_in_the_trace_of_who_asked(decision: Decision) -> None:
    kept = Kept(told_of())
    kept.made.routed(decision, SENT, 1_000)
    (span,) = kept.spans()
    assert span.name == "route large"
    assert span.kind is SpanKind.SERVER
    assert format_trace_id(span.context.trace_id) == TRACE
    assert span.parent is not None
    assert format_span_id(span.parent.span_id) == PARENT
    assert span.start_time == 1_000
    assert span.end_time is not None
    said = dict(span.attributes or {})
    assert said["gen_ai.operation.name"] == "route"
    assert said["gen_ai.request.model"] == "large"
    assert said["gen_ai.provider.name"] == "simulated"
    assert said["gen_ai.response.id"] == decision.id
    assert said["banditroute.propensity"] == decision.propensity
    assert said["banditroute.request_class"] == "code"
    assert span.resource.attributes["service.name"] == "banditroute"


def test_names_are_those_of_the_conventions() -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    used = [
        value
        for value in vars(telemetry_names).values()
        if isinstance(value, str) and value.startswith("gen_ai.")
    ]
    assert len(used) > 8
    assert set(used) - known == {telemetry_names.EVALUATION_EVENT}


def test_a_trace_that_is_not_sampled_stays_so_and_a_share_is_taken_of_others(decision: Decision) -> None:
    kept = Kept(told_of(sample=0.0))
    kept.made.routed(decision, [], 1)
    kept.made.routed(decision, [(b"traceparent", SENT[1][1][:-2] + b"00")], 1)
    kept.made.routed(decision, SENT, 1)
    assert [format_trace_id(span.context.trace_id) for span in kept.spans()] == [TRACE]


def test_a_broken_traceparent_begins_a_trace_of_its_own(decision: Decision) -> None:
    kept = Kept(told_of())
    kept.made.routed(decision, [(b"traceparent", b"\xff nonsense")], 1)
    (span,) = kept.spans()
    assert span.parent is None


def test_a_score_is_an_event_of_the_span_that_it_is_about(decision: Decision) -> None:
    kept = Kept(told_of())
    kept.made.routed(decision, SENT, 1)
    items = [
        FeedbackFields(decision_id=decision.id, quality="down", comment="my secret", output_tokens=7),
        FeedbackFields(inference_id="elsewhere", quality=0.25, source="metric", rater="nightly"),
        FeedbackFields(decision_id=decision.id, usd=0.1),
    ]
    kept.made.told(items, Receipt(4, 0, 4), [], 2)
    route, feedback = kept.spans()
    first, second = kept.events()
    assert first.event_name == "gen_ai.evaluation.result"
    assert dict(first.attributes) == {
        "gen_ai.evaluation.name": "quality",
        "gen_ai.evaluation.score.value": 0.0,
        "gen_ai.evaluation.score.label": "down",
        "gen_ai.response.id": decision.id,
        "banditroute.source": "user",
    }
    assert (first.trace_id, first.span_id) == (route.context.trace_id, route.context.span_id)
    assert second.attributes["gen_ai.response.id"] == "elsewhere"
    assert second.attributes["gen_ai.evaluation.score.value"] == 0.25
    assert second.attributes["banditroute.rater"] == "nightly"
    assert second.span_id == feedback.context.span_id
    assert feedback.attributes is not None
    assert feedback.attributes["banditroute.feedback.objects"] == 3
    assert "secret" not in str((first, second, route.to_json(), feedback.to_json()))


def test_what_one_feedback_measured_is_on_its_span_and_a_repetition_is_no_event(decision: Decision) -> None:
    kept = Kept(told_of())
    item = FeedbackFields(
        decision_id=decision.id,
        quality=True,
        input_tokens=9,
        output_tokens=7,
        latency_ms=1500,
        error="timeout",
    )
    kept.made.told([item], Receipt(0, 5, 5), [], 2)
    (span,) = kept.spans()
    said = dict(span.attributes or {})
    assert said["gen_ai.response.id"] == decision.id
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (9, 7)
    assert said["banditroute.seconds"] == 1.5
    assert said["banditroute.failed"] is True
    assert kept.events() == []


def test_comments_are_sent_where_that_is_wanted_and_redacted(decision: Decision) -> None:
    settings = told_of(comments=True)
    kept = Kept(replace(settings, judge=replace(settings.judge, redact=(r"\d{4}",))))
    item = FeedbackFields(decision_id=decision.id, quality=1.0, comment="card 1234 is wrong")
    kept.made.told([item], Receipt(1, 0, 1), [], 2)
    (event,) = kept.events()
    assert event.attributes["gen_ai.evaluation.explanation"] == "card [redacted] is wrong"


def test_a_question_to_a_judge_is_a_chat_below_the_decision(decision: Decision) -> None:
    kept = Kept(told_of())
    kept.made.routed(decision, SENT, 1)
    asked = Judged(decision.id, "some/pointwise", "some", "openai", 5, 9, 0.01, 30, 4)
    kept.made.judged(replace(asked, verdict=Verdict(0.75, "because of the answer")))
    kept.made.judged(replace(asked, decision_id="elsewhere", error="Unreachable"))
    route, judged, failed = kept.spans()
    assert (judged.name, judged.kind) == ("chat some", SpanKind.CLIENT)
    assert judged.parent is not None
    assert judged.parent.span_id == route.context.span_id
    assert (judged.start_time, judged.end_time) == (5, 9)
    assert judged.attributes is not None
    assert judged.attributes["gen_ai.usage.input_tokens"] == 30
    assert judged.attributes["banditroute.decision_id"] == decision.id
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "Unreachable"
    (event,) = kept.events()
    assert event.attributes["gen_ai.evaluation.score.value"] == 0.75
    assert event.attributes["banditroute.source"] == "judge"
    assert event.span_id == route.context.span_id
    assert "because" not in str(event)


def test_a_refusal_says_what_was_wrong_but_is_no_error_of_the_server() -> None:
    kept = Kept(told_of())
    kept.made.refused("feedback", TooLarge("much too long: my prompt"), SENT, 1)
    kept.made.refused("route", ValueError("a defect"), SENT, 1)
    wrong, defect = kept.spans()
    assert wrong.attributes is not None
    assert defect.attributes is not None
    assert (wrong.attributes["error.type"], wrong.attributes["http.response.status_code"]) == (
        TooLarge.code,
        413,
    )
    assert wrong.status.status_code is StatusCode.UNSET
    assert (defect.attributes["error.type"], defect.attributes["http.response.status_code"]) == (
        "ValueError",
        500,
    )
    assert defect.status.status_code is StatusCode.ERROR
    assert "my prompt" not in wrong.to_json()


def test_what_comes_too_fast_is_left_out_and_counted(
    decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "MOST_WAITING", 0)
    kept = Kept(told_of())
    kept.made.routed(decision, [], 1)
    assert kept.made.dropped == 1
    assert kept.spans() == ()


class Stuck(InMemorySpanExporter):
    """A receiver that does not answer before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.go.wait()
        return super().export(spans)


def test_the_end_does_not_wait_for_a_receiver_that_does_not_answer(
    decision: Decision, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telemetry, "GRACE_SECONDS", 0.01)
    stuck = Stuck()
    made = Telemetry(told_of(), stuck, InMemoryLogRecordExporter())
    made.routed(decision, [], 1)
    made.close()  # returns, though nothing was sent
    assert stuck.get_finished_spans() == ()
    assert "could not be sent" in caplog.text
    stuck.go.set()
