"""Whether traces are made, and where they go: a service and a receiver on real sockets; what is refused."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from banditroute.config.telemetry import TelemetrySettings
from banditroute.errors import ConfigError
from banditroute.service import telemetry, tracing
from tests.router.setting import SETTINGS
from tests.service.live import PATIENCE, ask, serving
from tests.service.traced import SENT, TRACE, told_of


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what is sent to it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(name="receiver")
def _receiver() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_sends_spans_and_events_to_a_receiver(
    receiver: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_HEADERS", "Authorization=Bearer%20abc, x-team=routing")
    monkeypatch.setattr(telemetry, "GRACE_SECONDS", PATIENCE)
    own = TelemetrySettings(
        f"http://127.0.0.1:{receiver.server_port}/",
        "RECEIVER_HEADERS",
        service_name="router-7",
        timeout_seconds=PATIENCE,
    )
    with serving(replace(SETTINGS, telemetry=own)) as where:
        headers = {"traceparent": SENT[1][1].decode()}
        status, decision = ask(where, "POST", "/v1/route", {"prompt": "my prompt"}, headers=headers)
        assert status == 200
        feedback = {"decision_id": decision["decision_id"], "quality": 0.5, "comment": "my comment"}
        assert ask(where, "POST", "/v1/feedback", feedback)[0] == 200
        assert ask(where, "POST", "/v1/feedback", {"decision_id": "nobody", "quality": 1})[0] == 404
    got = receiver.got  # type: ignore[attr-defined]
    assert {path for path, _, _ in got} == {"/v1/traces", "/v1/logs"}
    for _, sent, body in got:
        assert (sent["authorization"], sent["x-team"]) == ("Bearer abc", "routing")
        assert b"my prompt" not in body
        assert b"my comment" not in body
    traces = [ExportTraceServiceRequest.FromString(body) for path, _, body in got if path == "/v1/traces"]
    resources = [one for request in traces for one in request.resource_spans]
    names = {a.key: a.value.string_value for one in resources for a in one.resource.attributes}
    assert names["service.name"] == "router-7"
    spans = {span.name: span for one in resources for scope in one.scope_spans for span in scope.spans}
    assert set(spans) == {f"route {decision['model']}", "feedback"}
    assert spans[f"route {decision['model']}"].trace_id.hex() == TRACE
    logs = [ExportLogsServiceRequest.FromString(body) for path, _, body in got if path == "/v1/logs"]
    (event,) = [
        record
        for request in logs
        for one in request.resource_logs
        for scope in one.scope_logs
        for record in scope.log_records
    ]
    assert event.event_name == "gen_ai.evaluation.result"
    assert event.trace_id.hex() == TRACE


def test_nothing_of_it_is_loaded_without_an_endpoint() -> None:
    code = (
        "import sys, banditroute.service.app\n"
        "from banditroute.config.settings import Settings\n"
        "from banditroute.service.tracing import open_telemetry\n"
        "assert open_telemetry(Settings()) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_endpoint_without_the_package_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "PACKAGES", ("no_such_package_here.sdk",))
    with pytest.raises(ConfigError, match="pip install opentelemetry-sdk opentelemetry-exporter"):
        tracing.check_telemetry(told_of().telemetry)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "which is not set"),
        ({"H": "just-a-token"}, "holds no headers"),
        ({"H": "a=1,b"}, "holds no headers"),
    ],
)
def test_headers_that_cannot_be_read_are_refused_and_not_repeated(environ: dict[str, str], says: str) -> None:
    own = TelemetrySettings("http://127.0.0.1:9", "H")
    with pytest.raises(ConfigError, match=says) as refused:
        tracing.check_telemetry(own, environ)
    assert "token" not in str(refused.value)
