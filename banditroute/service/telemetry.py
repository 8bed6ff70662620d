"""OpenTelemetry: a span for each decision, feedback and question to a judge, an event for each score.

The threads that serve and judge only queue what happened. A thread of its own makes spans and events of it,
under the trace of whoever sent a `traceparent`, and the SDK sends them in batches. Attributes are named as in
the semantic conventions for generative AI (`gen_ai.*`, in development there) and for HTTP; what these have no
name for is `banditroute.*`. Prompts and answers are never sent; what people and judges wrote about an answer,
where `comments` asks for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import banditroute
from banditroute.config.settings import Settings
from banditroute.errors import BanditrouteError
from banditroute.judge.watched import Judged
from banditroute.routing.fields import FeedbackFields
from banditroute.routing.redaction import Redactor
from banditroute.service.observing import Headers
from banditroute.service.telemetry_names import (
    EVALUATION_EVENT,
    EXPLANATION,
    Attributes,
    evaluation,
    feedback_attributes,
    judge_attributes,
    request_attributes,
    route_attributes,
    score_of,
)

if TYPE_CHECKING:
    from banditroute.types import Decision, Receipt

MOST_WAITING = 10_000
"""Requests that wait to be made into spans; what comes while so many do is left out, and counted."""

REMEMBERED = 10_000
"""Decisions whose spans are known, so that a score can be told of the span that it is about."""

GRACE_SECONDS = 5.0
"""What sending the rest may take at the end."""

_TRACE = ("traceparent", "tracestate")

_log = logging.getLogger(__name__)


class Telemetry:
    """Makes spans and events in a thread of its own, and hands them to two exporters."""

    def __init__(self, settings: Settings, spans: SpanExporter, events: LogRecordExporter) -> None:
        own = settings.telemetry
        resource = Resource.create(
            {"service.name": own.service_name, "service.version": banditroute.__version__}
        )
        sampler = ParentBased(TraceIdRatioBased(own.sample))
        self._tracers = TracerProvider(sampler, resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(BatchSpanProcessor(spans))
        self._loggers = LoggerProvider(resource, shutdown_on_exit=False)
        self._loggers.add_log_record_processor(BatchLogRecordProcessor(events))
        self._tracer = self._tracers.get_tracer("banditroute", banditroute.__version__)
        self._logger = self._loggers.get_logger("banditroute", banditroute.__version__)
        self._providers = {model.id: model.provider for model in settings.models}
        self._redactor = Redactor(settings.judge) if own.comments else None
        self._remembered: OrderedDict[str, Context] = OrderedDict()
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._failed = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="banditroute-telemetry", daemon=True)
        self._thread.start()

    def routed(self, decision: Decision, headers: Headers, begun: int) -> None:
        """A decision that was answered now."""
        self._later(partial(self._routed, decision, headers, begun, time.time_ns()))

    def told(self, items: Sequence[FeedbackFields], receipt: Receipt, headers: Headers, begun: int) -> None:
        """Feedback that was stored and answered now."""
        self._later(partial(self._told, items, receipt, headers, begun, time.time_ns()))

    def refused(self, operation: str, error: Exception, headers: Headers, begun: int) -> None:
        """A request that was refused, or failed."""
        self._later(partial(self._refused, operation, error, headers, begun, time.time_ns()))

    def judged(self, judged: Judged) -> None:
        """A question to a judge."""
        self._later(partial(self._judged, judged))

    def close(self) -> None:
        """Sends what is left, within some seconds."""
        self._waiting.put(None)
        self._thread.join(GRACE_SECONDS)
        if self._thread.is_alive():
            _log.warning("The last traces could not be sent within %g s and are lost.", GRACE_SECONDS)

    def _later(self, task: Callable[[], None]) -> None:
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(task)
        else:
            self.dropped += 1

    def _run(self) -> None:
        while (task := self._waiting.get()) is not None:
            try:
                task()
            except Exception:  # noqa: BLE001 (a trace that cannot be made is no reason to make no other)
                if not self._failed:
                    _log.exception("A trace could not be made; this is said once.")
                self._failed = True
        self._tracers.shutdown()
        self._loggers.shutdown()

    def _routed(self, decision: Decision, headers: Headers, begun: int, ended: int) -> None:
        attributes = route_attributes(decision, self._providers.get(decision.model, ""))
        span = self._span(f"route {decision.model}", SpanKind.SERVER, _parent(headers), begun, attributes)
        span.end(ended)
        self._remembered[decision.id] = set_span_in_context(span, Context())
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _told(
        self, items: Sequence[FeedbackFields], receipt: Receipt, headers: Headers, begun: int, ended: int
    ) -> None:
        attributes = feedback_attributes(items, receipt)
        span = self._span("feedback", SpanKind.SERVER, _parent(headers), begun, attributes)
        span.end(ended)
        for item in items if receipt.accepted else ():
            if (score := score_of(item)) is not None:
                value, label = score
                decision_id = item.decision_id or item.inference_id or ""
                about = self._remembered.get(decision_id, set_span_in_context(span, Context()))
                source, rater = item.source or "user", item.rater or ""
                said = evaluation(decision_id, "quality", value, label, source, rater)
                self._event(about, ended, said, item.comment)

    def _refused(self, operation: str, error: Exception, headers: Headers, begun: int, ended: int) -> None:
        status = error.status if isinstance(error, BanditrouteError) else 500
        kind = error.code if isinstance(error, BanditrouteError) else type(error).__name__
        attributes = {**request_attributes(operation, status), "error.type": kind}
        span = self._span(operation, SpanKind.SERVER, _parent(headers), begun, attributes)
        if status >= 500:  # for a server, a wrong request is no error of its own
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def _judged(self, judged: Judged) -> None:
        about = self._remembered.get(judged.decision_id, Context())
        span = self._span(
            f"chat {judged.model}", SpanKind.CLIENT, about, judged.begun, judge_attributes(judged)
        )
        if judged.error:
            span.set_attribute("error.type", judged.error)
            span.set_status(Status(StatusCode.ERROR))
        span.end(judged.ended)
        if judged.verdict is not None:
            value, name = judged.verdict.value, judged.instrument
            said = evaluation(judged.decision_id, "quality", value, "", "judge", name)
            known = self._remembered.get(judged.decision_id, set_span_in_context(span, Context()))
            self._event(known, judged.ended, said, judged.verdict.reasons)

    def _span(self, name: str, kind: SpanKind, parent: Context, begun: int, attributes: Attributes) -> Span:
        return self._tracer.start_span(name, parent, kind, attributes, start_time=begun)

    def _event(self, about: Context, at: int, said: dict[str, str | float], why: str | None) -> None:
        """One result of an evaluation, told of the span that it is about."""
        if why and self._redactor is not None and (text := self._redactor({"comment": why}).get("comment")):
            said[EXPLANATION] = text
        self._logger.emit(
            LogRecord(
                timestamp=at,
                observed_timestamp=at,
                context=about,
                severity_number=SeverityNumber.INFO,
                event_name=EVALUATION_EVENT,
                attributes=said,
            )
        )


def otlp(
    settings: Settings, environ: Mapping[str, str] = os.environ
) -> tuple[SpanExporter, LogRecordExporter]:
    """Exporters to the receiver that `[telemetry]` names."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    from banditroute.service.tracing import telemetry_headers

    own = settings.telemetry
    base, headers = own.endpoint.rstrip("/"), telemetry_headers(own, environ)
    return (
        OTLPSpanExporter(f"{base}/v1/traces", headers=headers, timeout=own.timeout_seconds),
        OTLPLogExporter(f"{base}/v1/logs", headers=headers, timeout=own.timeout_seconds),
    )


def _parent(headers: Headers) -> Context:
    """The trace that a request belongs to; an empty one where it names none."""
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    sent = {name: carrier[name] for name in _TRACE if name in carrier}
    return TraceContextTextMapPropagator().extract(sent, Context()) if sent else Context()
