"""Every error in OpenAI's shape: `{"error": {"message", "type", "code", "param"}}`."""

from __future__ import annotations

import math
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from banditroute.errors import (
    BanditrouteError,
    NoEligibleModel,
    NotAuthenticated,
    RequestError,
    TooManyRequests,
)
from banditroute.routing.wording import cut
from banditroute.service.replies import ErrorBody, ErrorReply, encode
from banditroute.types import Exclusion

JSON = "application/json"

Extra = tuple[tuple[bytes, bytes], ...]
"""Headers that an answer needs besides its type and length."""

ACCIDENT = "The service failed on this request; its log holds the reason. Please report it."

Reply = tuple[int, bytes, Extra]
"""Status, body and headers of an answer."""


def error_reply(error: BanditrouteError) -> Reply:
    """The answer to an error that was raised on purpose."""
    param = error.param if isinstance(error, RequestError) else None
    excluded = error.excluded if isinstance(error, NoEligibleModel) else ()
    return error.status, _body(error.status, str(error), error.code, param, excluded), _extra(error)


def accident_reply() -> Reply:
    """The answer to an error nobody meant; the log holds what it was."""
    return 500, _body(500, ACCIDENT, "internal_error"), ()


def install(app: FastAPI, page: Callable[[Scope, BanditrouteError], Response | None]) -> None:
    """Gives the app its error handlers; whatever goes wrong leaves in the same shape, but for those who look
    at pages, as `page` has it."""

    @app.exception_handler(BanditrouteError)
    async def on_purpose(request: Request, error: BanditrouteError) -> Response:
        if shown := page(request.scope, error):
            return shown
        status, body, extra = error_reply(error)
        headers = {name.decode(): value.decode() for name, value in extra}
        return Response(body, status, headers, media_type=JSON)

    @app.exception_handler(RequestValidationError)
    async def invalid_parameter(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        message = f"The parameter {name} is refused: {first['msg']}."
        return Response(_body(422, message, RequestError.code, name), 422, media_type=JSON)

    @app.exception_handler(HTTPException)
    async def by_the_framework(request: Request, error: HTTPException) -> Response:
        place = cut(f"{request.method} {request.url.path}")
        message, code = f"{place} failed: {error.detail}.", "http_error"
        if error.status_code == 404:
            message, code = f"There is nothing at {place}; /docs lists what there is.", "not_found"
        elif error.status_code == 405:
            allowed = (error.headers or {}).get("Allow", "another method")
            message, code = f"{place} is not a way to ask; use {allowed}.", "method_not_allowed"
        problem = BanditrouteError(message)
        problem.status = error.status_code
        if shown := page(request.scope, problem):
            return shown
        body = _body(error.status_code, message, code)
        return Response(body, error.status_code, headers=error.headers, media_type=JSON)

    @app.exception_handler(Exception)
    async def by_accident(request: Request, error: Exception) -> Response:
        if shown := page(request.scope, BanditrouteError(ACCIDENT)):
            return shown
        status, body = accident_reply()[:2]
        return Response(body, status, media_type=JSON)


def _extra(error: BanditrouteError) -> Extra:
    if isinstance(error, NotAuthenticated):
        return ((b"www-authenticate", b'Bearer realm="banditroute"'),)
    if isinstance(error, TooManyRequests):
        return ((b"retry-after", b"%d" % math.ceil(error.retry_after)),)
    return ()


def _body(
    status: int, message: str, code: str, param: str | None = None, excluded: tuple[Exclusion, ...] = ()
) -> bytes:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return encode(ErrorReply(ErrorBody(message, kind, code, param, excluded)))
