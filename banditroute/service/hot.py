"""The two hot routes, `POST /v1/route` and `POST /v1/feedback`, as plain ASGI.

They stand in the app's routing table and in its OpenAPI document, but are found before the middleware
and decode and encode with msgspec: FastAPI's way through dependencies and pydantic takes three times
as long as deciding does.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from banditroute.errors import BanditrouteError, RequestError, TooLarge
from banditroute.router import AsyncRouter
from banditroute.routing.refusals import read_feedback_body, read_route_body
from banditroute.service.errors import accident_reply, error_reply
from banditroute.service.origin import foreign_origin
from banditroute.service.replies import FeedbackReply, encode, route_reply

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a body that are read; a longer one is refused."""

_JSON = (b"content-type", b"application/json")

_log = logging.getLogger(__name__)

Handler = Callable[[bytes, Scope], Awaitable[bytes]]


class HotApp(FastAPI):
    """An app whose raw routes are found by method and path, before middleware and routing table.

    They stand in the table too, which documents them and answers other methods with 405.
    """

    def __init__(self, **documented: Any) -> None:
        self.hot: dict[tuple[str, str], ASGIApp] = {}
        super().__init__(**documented)

    def add_raw(self, path: str, app: ASGIApp, **documented: Any) -> None:
        """Adds a raw `POST` route."""
        self.router.routes.append(RawRoute(path, app, **documented))
        self.hot["POST", path] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes hot requests on directly, everything else through FastAPI; nothing of foreign web pages."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif foreign := foreign_origin(scope["headers"]):
            await _answer(send, *error_reply(foreign))
        else:
            hot = self.hot.get((scope["method"], scope["path"]), super().__call__)
            await hot(scope, receive, send)


class RawRoute(APIRoute):
    """A documented route whose endpoint is an ASGI app."""

    def __init__(self, path: str, app: ASGIApp, **documented: Any) -> None:
        async def endpoint() -> None:
            """Stands in for the app where FastAPI reads a signature."""

        super().__init__(path, endpoint, methods=["POST"], **documented)
        self.app = app


class ClientGone(Exception):
    """The client left before its body was read; nobody is there to be answered."""


def raw(handler: Handler) -> ASGIApp:
    """An ASGI app that reads a body, hands it on, and sends the answer or the refusal."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, reply = 200, await handler(await _body(receive), scope)
        except BanditrouteError as error:
            status, reply = error_reply(error)
        except ClientGone:
            return
        except Exception:  # noqa: BLE001 (a defect; told in the shape of every other error)
            _log.exception("A request failed.")
            status, reply = accident_reply()
        await _answer(send, status, reply)

    return app


def route_handler(router: AsyncRouter) -> Handler:
    """`POST /v1/route`."""

    async def handle(body: bytes, _: Scope) -> bytes:
        draft = router.prepare(read_route_body(body))
        decision = await router.decide(draft)
        return encode(route_reply(decision, ignored_features=draft.ignored_features, dry_run=draft.dry_run))

    return handle


def feedback_handler(router: AsyncRouter) -> Handler:
    """`POST /v1/feedback`."""

    async def handle(body: bytes, scope: Scope) -> bytes:
        receipt = await router.report(read_feedback_body(body), key=_idempotency_key(scope))
        return encode(FeedbackReply(receipt.accepted, receipt.duplicates, receipt.event_seq))

    return handle


async def _answer(send: Send, status: int, reply: bytes) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(reply))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        parts, size = [body], len(body)
        while message.get("more_body", False) and size <= MAX_BODY:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise ClientGone
    if len(body) > MAX_BODY:
        raise TooLarge(
            f"The body is longer than {MAX_BODY // 1024**2} MB; send less text, or a shorter list."
        )
    return body


def _idempotency_key(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"idempotency-key":
            key: str = value.decode("latin-1").strip()
            if not 0 < len(key) <= 200:
                raise RequestError(
                    "The Idempotency-Key header must hold 1 to 200 characters.", param="idempotency_key"
                )
            return key
    return None
