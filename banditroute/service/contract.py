"""The OpenAPI document: what the service reads and answers, from the very structs that do it."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI

from banditroute.reports.ab import ABReport
from banditroute.reports.findings import SavingsReport
from banditroute.reports.quality_findings import QualityReport
from banditroute.routing.controls import ControlReply, ControlsReply
from banditroute.routing.fields import ControlFields, FeedbackFields, RouteFields
from banditroute.routing.refusals import MAX_FEEDBACK
from banditroute.service.auth import UNGUARDED
from banditroute.service.experiment_replies import ExperimentsReply
from banditroute.service.replies import (
    ErrorReply,
    FeedbackReply,
    ModelsReply,
    OutcomeReply,
    ReceiptReply,
    RouteReply,
    StateReply,
    StatusReply,
)

Schema = dict[str, Any]

_DOCUMENTED = (
    RouteFields,
    FeedbackFields,
    RouteReply,
    FeedbackReply,
    ReceiptReply,
    OutcomeReply,
    StateReply,
    ModelsReply,
    StatusReply,
    SavingsReport,
    QualityReport,
    ExperimentsReply,
    ABReport,
    ControlFields,
    ControlReply,
    ControlsReply,
    ErrorReply,
)


def reference(kind: type) -> Schema:
    """A pointer to the schema of a struct."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def answers(reply: type, *refusals: int) -> Schema:
    """`openapi_extra` of a route: its answer, and the statuses it may refuse with besides the gate's."""
    return {"responses": {"200": _content(reply, "Done."), **_refused(*refusals)}}


def reads(body: Schema, reply: type, *refusals: int) -> Schema:
    """`openapi_extra` of a route that takes a body."""
    content = {"application/json": {"schema": body}}
    return {"requestBody": {"required": True, "content": content}, **answers(reply, *refusals)}


ROUTE_BODY = reference(RouteFields)
FEEDBACK_BODY: Schema = {
    "anyOf": [
        reference(FeedbackFields),
        {"type": "array", "items": reference(FeedbackFields), "minItems": 1, "maxItems": MAX_FEEDBACK},
    ]
}
IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "As `idempotency_key` in the body, for the whole body: the same key again stores nothing.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}

_REFUSALS = {
    400: "The body is not JSON.",
    401: "An API key is missing, or is not known.",
    403: "The API key is not good for this, or the request was sent by a web page of another host.",
    404: "There is no such decision, or no such experiment.",
    409: "An idempotency key came before, or comes twice, with another content.",
    413: "The body is too long.",
    422: "The request is refused; the message says which field and what to send instead.",
    429: "The API key's rate is used up; `Retry-After` says for how many seconds.",
    503: "The event log cannot be read or written; nothing was acknowledged.",
    504: "The event was not folded in within the time allowed.",
}


_KEYS: Schema = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
"""The ways to send an API key; on loopback none is needed unless the configuration says so."""


def document(app: FastAPI) -> None:
    """Adds the schemas of the structs to the app's OpenAPI document, and what the gate may answer."""
    generate = app.openapi

    def openapi() -> Schema:
        if app.openapi_schema is None:
            schema = generate()
            _, components = msgspec.json.schema_components(
                _DOCUMENTED, ref_template="#/components/schemas/{name}"
            )
            schema.setdefault("components", {}).setdefault("schemas", {}).update(components)
            schema["components"]["securitySchemes"] = _KEYS
            schema["security"] = [{}, *({name: []} for name in _KEYS)]
            for path, operations in schema["paths"].items():
                gate = (403,) if path in UNGUARDED else (401, 403, 429)
                for operation in operations.values():
                    operation["responses"] |= _refused(*gate)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _refused(*statuses: int) -> Schema:
    return {str(status): _content(ErrorReply, _REFUSALS[status]) for status in statuses}


def _content(kind: type, description: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": reference(kind)}}}
