"""The two hot routes, `POST /v1/route` and `POST /v1/feedback`, as plain ASGI.

They stand in the app's routing table and in its OpenAPI document, but are found before the middleware
and decode and encode with msgspec: FastAPI's way through dependencies and pydantic takes three times
as long as deciding does. Under the service's own protocol (`banditroute.service.protocol`) they are
not even called as ASGI apps: a handler takes a body and answers by a callback, and needs no task.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from banditroute.errors import BanditrouteError, RequestError, TooLarge
from banditroute.router import AsyncRouter
from banditroute.routing.fields import FeedbackFields
from banditroute.routing.refusals import read_feedback_body, read_route_body
from banditroute.routing.turns import LONG, Made
from banditroute.service.auth import Gate, admit_feedback, entrance
from banditroute.service.errors import Extra, Reply, accident_reply, error_reply
from banditroute.service.keyring import Caller
from banditroute.service.observing import Headers, Observer
from banditroute.service.origin import foreign_origin
from banditroute.service.replies import FeedbackReply, encode, route_reply
from banditroute.service.traffic import Route, Traffic
from banditroute.types import OTHER, Receipt

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a body that are read; a longer one is refused."""

_JSON = (b"content-type", b"application/json")

_log = logging.getLogger(__name__)


class Answer(Protocol):
    """Takes status, body and further headers of the answer."""

    def __call__(self, status: int, reply: bytes, extra: Extra = (), /) -> None: ...


Begin = Callable[[bytes, Headers, Answer], None]
"""Takes a whole body, its headers, and whom to answer, now or later; never raises."""

Handler = Callable[[bytes, Headers, Caller, Answer], None]
"""The same for a caller who was let in, but raises what it refuses before it has promised an answer."""

MAX_HEAD = 256 * 1024
"""Bytes of a request besides its body, about; who sends more is refused and left."""

TOO_LARGE = TooLarge(f"The body is longer than {MAX_BODY // 1024**2} MB; send less text, or a shorter list.")


class HotApp(FastAPI):
    """An app whose raw routes are found by method and path, before middleware and routing table.

    They stand in the table too, which documents them and answers other methods with 405. Nobody gets to
    either without passing the gate; other routes find who did as `request.state.caller`.
    """

    def __init__(self, gate: Gate, traffic: Traffic, **documented: Any) -> None:
        self.gate = gate
        self.traffic = traffic
        self.refusal: Callable[[Scope, BanditrouteError], ASGIApp | None] = lambda *_: None
        """How somebody is refused who looks at pages; None leaves it in JSON."""
        self.hot: dict[bytes, Begin] = {}
        self._apps: dict[tuple[str, str], ASGIApp] = {}
        super().__init__(**documented)

    def add_hot(self, path: str, handler: Handler, **documented: Any) -> None:
        """Adds a hot `POST` route."""
        begin = guarded(handler, self.gate, path, self.traffic.route("POST", path))
        app = as_asgi(begin)
        self.router.routes.append(RawRoute(path, app, **documented))
        self.hot[path.encode()] = begin
        self._apps["POST", path] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes hot requests on directly, everything else through FastAPI, where it is counted; nothing of
        foreign web pages, nor of those whom the gate refuses."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif (scope["method"], scope["path"]) in self._apps:
            await self._pass(scope, receive, send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, and counts its answer under the pattern of its route."""
        begun, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, sent)
        finally:
            path = getattr(scope.get("route"), "path_format", OTHER)
            self.traffic.route(scope["method"], path).answered(status, time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        hot = self._apps.get((method, path))
        try:
            if foreign := foreign_origin(headers):
                raise foreign
            if hot is None and (wanted := entrance(method, path)):
                scope.setdefault("state", {})["caller"] = self.gate.admit(wanted, headers)
        except BanditrouteError as error:
            if page := self.refusal(scope, error):
                await page(scope, receive, send)
            else:
                await _answer(send, *error_reply(error))
            return
        await (hot or super().__call__)(scope, receive, send)


class RawRoute(APIRoute):
    """A documented route whose endpoint is an ASGI app."""

    def __init__(self, path: str, app: ASGIApp, **documented: Any) -> None:
        async def endpoint() -> None:
            """Stands in for the app where FastAPI reads a signature."""

        super().__init__(path, endpoint, methods=["POST"], **documented)
        self.app = app


class ClientGone(Exception):
    """The client left before its body was read; nobody is there to be answered."""


def guarded(handler: Handler, gate: Gate, path: str, counted: Route) -> Begin:
    """The handler of a `POST` behind the gate, with every refusal and defect turned into an answer, and every
    answer counted."""
    wanted = entrance("POST", path)
    assert wanted is not None, "only reading is open to everybody"

    def begin(body: bytes, headers: Headers, answer: Answer) -> None:
        begun = time.perf_counter()

        def told(status: int, reply: bytes, extra: Extra = ()) -> None:
            answer(status, reply, extra)
            counted.answered(status, time.perf_counter() - begun)

        try:
            if foreign := foreign_origin(headers):
                raise foreign
            handler(body, headers, gate.admit(wanted, headers), told)
        except Exception as error:  # noqa: BLE001 (told in the shape of every other error)
            told(*refused(error))

    return begin


def refused(error: Exception) -> Reply:
    """The answer to what went wrong; a defect is logged."""
    if isinstance(error, BanditrouteError):
        return error_reply(error)
    _log.error("A request failed.", exc_info=error)
    return accident_reply()


def as_asgi(begin: Begin) -> ASGIApp:
    """An ASGI app that reads a body, hands it on, and sends the answer or the refusal."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _body(receive)
        except TooLarge as error:
            await _answer(send, *error_reply(error))
            return
        except ClientGone:
            return
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def answer(status: int, reply: bytes, extra: Extra = ()) -> None:
            if not answered.done():
                answered.set_result((status, reply, extra))

        begin(body, scope["headers"], answer)
        await _answer(send, *await answered)

    return app


def route_handler(router: AsyncRouter, observer: Observer) -> Handler:
    """`POST /v1/route`."""

    def handle(body: bytes, headers: Headers, caller: Caller, answer: Answer) -> None:
        begun = time.time_ns()

        def decided(made: Made | Exception) -> None:
            if isinstance(made, Exception):
                answer(*refused(made))
                observer.refused("route", made, headers, begun)
                return
            draft, decision = made
            reply = route_reply(decision, ignored_features=draft.ignored_features, dry_run=draft.dry_run)
            answer(200, encode(reply))
            if not draft.dry_run:
                observer.routed(decision, headers, begun)

        try:
            fields = read_route_body(body)
        except BanditrouteError as error:
            observer.refused("route", error, headers, begun)
            raise
        router.begin(fields, caller.name, _safely(decided, answer), apart=len(body) > LONG)

    return handle


def feedback_handler(router: AsyncRouter, observer: Observer) -> Handler:
    """`POST /v1/feedback`."""

    def handle(body: bytes, headers: Headers, caller: Caller, answer: Answer) -> None:
        begun = time.time_ns()
        items: Sequence[FeedbackFields] = ()

        def stored(receipt: Receipt | Exception) -> None:
            if isinstance(receipt, Exception):
                answer(*refused(receipt))
                observer.refused("feedback", receipt, headers, begun, items)
                return
            answer(200, encode(FeedbackReply(receipt.accepted, receipt.duplicates, receipt.event_seq)))
            observer.told(items, receipt, headers, begun)

        try:
            items = read_feedback_body(body)
            admit_feedback(caller, items)
            key = _idempotency_key(headers)
            router.submit_report(items, key, _safely(stored, answer), principal=caller.name)
        except BanditrouteError as error:
            observer.refused("feedback", error, headers, begun, items)
            raise

    return handle


T = TypeVar("T")


def _safely(done: Callable[[T], None], answer: Answer) -> Callable[[T], None]:
    """The same callback; a defect in it is answered and logged instead of leaving the client waiting."""

    def call(result: T) -> None:
        try:
            done(result)
        except Exception as error:  # noqa: BLE001 (a defect; told in the shape of every other error)
            answer(*refused(error))

    return call


async def _answer(send: Send, status: int, reply: bytes, extra: Extra = ()) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(reply)), *extra]
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
        raise TOO_LARGE
    return body


def _idempotency_key(headers: Headers) -> str | None:
    keys = {value.decode("latin-1").strip() for name, value in headers if name == b"idempotency-key"}
    if not keys:
        return None
    if len(keys) > 1:
        raise RequestError("Two Idempotency-Key headers differ; send one of them.", param="idempotency_key")
    (key,) = keys
    if not 0 < len(key) <= 200:
        raise RequestError(
            "The Idempotency-Key header must hold 1 to 200 characters.", param="idempotency_key"
        )
    return key
