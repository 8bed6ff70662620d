"""What operators may tell a router: that a model is not what it was, and that an alarm was seen."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from banditroute.config.settings import Settings
from banditroute.errors import RequestError
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
    """Stores what an operator says; refuses a model that there is not, and a factor where none belongs."""
    names = [model.id for model in settings.models]
    if fields.kind == "reset" and fields.subject not in names:
        raise RequestError(
            f"There is no model {quoted(fields.subject)}; {suggestion(fields.subject, names)}",
            param="subject",
        )
    if fields.kind == "acknowledge" and fields.factor is not None:
        raise RequestError("Only reset takes a factor; leave it out.", param="factor")
    body = {} if fields.factor is None else {"factor": fields.factor}
    return controls.append(fields.kind, fields.subject, principal=principal, body=body)


def control_reply(event: Control) -> ControlReply:
    """The event as it is answered."""
    return ControlReply(event.seq, event.at, event.kind, event.subject, event.principal, dict(event.body))
