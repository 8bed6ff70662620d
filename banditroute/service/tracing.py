"""Whether traces are made: asks `[telemetry]` and loads OpenTelemetry only where it says so."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from banditroute.config.settings import Settings
from banditroute.config.telemetry import TelemetrySettings
from banditroute.errors import ConfigError

if TYPE_CHECKING:
    from banditroute.service.telemetry import Telemetry

PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
DISTRIBUTIONS = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


def open_telemetry(settings: Settings, environ: Mapping[str, str] = os.environ) -> Telemetry | None:
    """Who makes traces; None without an endpoint. Raises ConfigError where `check_telemetry` does."""
    if not settings.telemetry.endpoint:
        return None
    check_telemetry(settings.telemetry, environ)
    from banditroute.service.telemetry import Telemetry, otlp

    return Telemetry(settings, *otlp(settings, environ))


def check_telemetry(own: TelemetrySettings, environ: Mapping[str, str] = os.environ) -> None:
    """Raises ConfigError where an endpoint is named and nothing can be sent to it."""
    if not own.endpoint:
        return
    if not all(map(_is_installed, PACKAGES)):
        raise ConfigError(
            "[telemetry] endpoint needs OpenTelemetry, which is not installed; install it with "
            f"`python -m pip install {' '.join(DISTRIBUTIONS)}`, or leave the endpoint out."
        )
    telemetry_headers(own, environ)


def telemetry_headers(own: TelemetrySettings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The headers for the receiver, read from `name=value,name=value`; values may be percent-encoded. Raises
    ConfigError where the variable is not set or cannot be read; the value is not repeated."""
    if not own.headers_env:
        return {}
    value = environ.get(own.headers_env)
    if not value:
        raise ConfigError(
            f"[telemetry] headers_env names the environment variable {own.headers_env}, which is not set; "
            "set it to the receiver's headers, or leave headers_env out."
        )
    headers = {}
    for entry in value.split(","):
        name, equals, text = entry.partition("=")
        if not (equals and name.strip() and text.strip()):
            raise ConfigError(
                f"The environment variable {own.headers_env}, named by [telemetry] headers_env, holds no "
                "headers; write them as name=value,name=value."
            )
        headers[name.strip().lower()] = unquote(text.strip())
    return headers


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
