"""What a configuration says about being watched: where traces go, and how the process writes its log."""

from __future__ import annotations

from dataclasses import dataclass

from banditroute.config.checks import Check, flag, number, one_of, text


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Where OpenTelemetry traces and events go; nowhere without an `endpoint`.

    `endpoint` is the base address of an OTLP receiver over HTTP; `/v1/traces` and `/v1/logs` are added.
    `headers_env` names the environment variable that holds its headers, as in `authorization=Bearer x,b=c`.
    `sample` is the share of traces begun here that are kept; who sends a `traceparent` decides for himself.
    `comments` sends what people and judges wrote about an answer as well, redacted as `[judge]` says.
    """

    endpoint: str = ""
    headers_env: str = ""
    service_name: str = "banditroute"
    sample: float = 1.0
    timeout_seconds: float = 10.0
    comments: bool = False


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """How the process writes its log to stderr: as `text`, or one object of `json` a line. `decisions` is the
    level at which every decision is a line of its own, `off` for none."""

    format: str = "text"
    level: str = "info"
    decisions: str = "debug"


TELEMETRY_SECTIONS: dict[str, dict[str, Check]] = {
    "telemetry": {
        "endpoint": text(pattern=r"https?://\S+", shape="an address that begins with http:// or https://"),
        "headers_env": text(pattern=r"[A-Za-z_][A-Za-z0-9_]*", shape="the name of an environment variable"),
        "service_name": text(longest=200),
        "sample": number(0, 1),
        "timeout_seconds": number(0.1, 300),
        "comments": flag(),
    },
    "logging": {
        "format": one_of("text", "json"),
        "level": one_of("debug", "info", "warning", "error"),
        "decisions": one_of("off", "debug", "info"),
    },
}
"""`[section]` -> key -> check."""
