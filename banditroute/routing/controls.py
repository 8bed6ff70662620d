"""What operators may tell a router: that a model is not what it was, that an alarm was seen, that an
experiment is started or stopped."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from banditroute.config.settings import Settings
from banditroute.errors import RequestError
from banditroute.routing.acknowledging import acknowledged
from banditroute.routing.fields import ControlFields
from banditroute.routing.wording import quoted, suggestion
from banditroute.store.controls import Control, Controls


class ControlReply(Struct, frozen=True):
    """A control event as it was stored."""

    seq: int
    at: float
    kind: str
    subject: str
    principal: str
    body: dict[str, Any]


class ControlsReply(Struct, frozen=True):
    """The answer to `GET /v1/controls`: events after some number, in order."""

    data: list[ControlReply]


def record_control(
    fields: ControlFields, settings: Settings, controls: Controls, *, principal: str = ""
) -> Control:
    """Stores what an operator says; refuses a model or an experiment that there is not, what cannot be
    acknowledged, and a field where it does not belong."""
    names = _names(fields, settings)
    if names is not None and fields.subject not in names:
        what = "model" if fields.kind == "reset" else "experiment"
        raise RequestError(
            f"There is no {what} {quoted(fields.subject)}; {suggestion(fields.subject, names)}",
            param="subject",
        )
    if fields.kind != "reset" and fields.factor is not None:
        raise RequestError("Only reset takes a factor; leave it out.", param="factor")
    if (fields.kind == "experiment") != (fields.running is not None):
        raise RequestError(
            "An experiment is started with running = true and stopped with running = false; nothing else "
            "takes it.",
            param="running",
        )
    said: dict[str, object] = {"factor": fields.factor, "running": fields.running}
    body = {name: value for name, value in said.items() if value is not None}
    if fields.kind == "acknowledge":
        subject, body = acknowledged(fields.subject, settings, controls)
        return controls.append("acknowledge", subject, principal=principal, body=body)
    return controls.append(fields.kind, fields.subject, principal=principal, body=body)


def _names(fields: ControlFields, settings: Settings) -> list[str] | None:
    """Those that the subject may be; None where it may be anything."""
    if fields.kind == "reset":
        return [model.id for model in settings.models]
    return [own.name for own in settings.experiments] if fields.kind == "experiment" else None


def control_reply(event: Control) -> ControlReply:
    """The event as it is answered."""
    return ControlReply(event.seq, event.at, event.kind, event.subject, event.principal, dict(event.body))
