"""Who looks at a page: the API key in a cookie, and the tokens of forms that change something.

The cookie holds the key itself, so a revoked key is out within a second, a restart asks nobody again, and
nothing new is kept anywhere. Scripts cannot read it, and no other site's page makes the browser send it
(`HttpOnly`, `SameSite=Strict`). A form that changes something carries a token besides, which only a page
of this service could have got.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from banditroute.errors import NotAllowed, RequestError, TooLarge
from banditroute.service.auth import COOKIE

MAX_FORM = 512 * 1024
"""Bytes of a form that are read."""

_SECRET = secrets.token_bytes(32)


def token(request: Request) -> str:
    """What the forms of whoever asks carry. It holds until the service ends."""
    own = request.cookies.get(COOKIE, "").encode()
    return hmac.new(_SECRET, own, hashlib.sha256).hexdigest()


def check_token(request: Request, form: dict[str, str]) -> None:
    """Raises NotAllowed for a form that no page of this service gave to whoever sends it."""
    if not hmac.compare_digest(form.get("token", "").encode(), token(request).encode()):
        raise NotAllowed("This form is from before the service was restarted; reload the page and try again.")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the last one of each name. Raises TooLarge, and RequestError for what is no
    form."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            raise TooLarge(f"The form is longer than {MAX_FORM // 1024} kB; send less text.")
    try:
        return await asyncio.to_thread(_fields, body)  # a long one takes tens of milliseconds
    except (UnicodeDecodeError, ValueError):
        raise RequestError("What was sent is no form; use the form of the page.") from None


def _fields(body: bytes | bytearray) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200))


def logged_in(request: Request, key: str, to: str) -> Response:
    """Off to a page, with the key in the cookie until the browser is closed."""
    reply = RedirectResponse(local(to), 303)
    reply.set_cookie(COOKIE, key, httponly=True, samesite="strict", secure=_is_tls(request), path="/")
    return reply


def logged_out(request: Request) -> Response:
    """Off to the form that asks for a key, without one."""
    reply = RedirectResponse("/login", 303)
    reply.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_tls(request), path="/")
    return reply


def login_address(path: str, query: str) -> str:
    """Where somebody without a key is sent, and back from."""
    wanted = f"{path}?{query}" if query else path
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"


def local(address: str) -> str:
    """A place of this service; the start page where an address leads elsewhere."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and address.isprintable() else "/"


def _is_tls(request: Request) -> bool:
    """Whether the browser came by TLS, here or at a proxy in front."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
