"""A telemetry that keeps what it makes, and a request that belongs to a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from banditroute.config.settings import Settings
from banditroute.config.telemetry import TelemetrySettings
from banditroute.service.telemetry import Telemetry
from tests.router.setting import SETTINGS

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = [(b"host", b"x"), (b"traceparent", f"00-{TRACE}-{PARENT}-01".encode())]


def told_of(**own: object) -> Settings:
    return replace(SETTINGS, telemetry=TelemetrySettings("http://127.0.0.1:9", **own))  # type: ignore[arg-type]


class Kept:
    """What a telemetry made, once it has been closed."""

    def __init__(self, settings: Settings) -> None:
        self._spans, self._events = InMemorySpanExporter(), InMemoryLogRecordExporter()
        self.made = Telemetry(settings, self._spans, self._events)

    def spans(self) -> tuple[ReadableSpan, ...]:
        self._end()
        return self._spans.get_finished_spans()

    def events(self) -> list[Any]:
        self._end()
        return [one.log_record for one in self._events.get_finished_logs()]

    def _end(self) -> None:
        """Closes it, and waits for its thread however long that takes."""
        self.made.close()
        self.made._thread.join()
