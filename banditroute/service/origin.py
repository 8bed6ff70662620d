"""Which requests come from other people's web pages: a browser says so, and they are refused.

A page that somebody visits can make their browser send requests to any address that the browser can
reach, this service on loopback included, where nobody may need a key. The `Origin` header tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from banditroute.errors import RequestError
from banditroute.routing.wording import cut


class ForeignOrigin(RequestError):
    """The request was sent by a web page of another host."""

    code = "foreign_origin"
    status = 403


def foreign_origin(headers: Iterable[tuple[bytes, bytes]]) -> ForeignOrigin | None:
    """The refusal of a request whose `Origin` is not the host it was sent to; None for all others."""
    for name, value in headers:
        if name == b"origin":
            return _unless_own(value, next((host for key, host in headers if key == b"host"), b""))
    return None


def _unless_own(origin: bytes, host: bytes) -> ForeignOrigin | None:
    if host and origin.partition(b"://")[2].lower() == host.lower():
        return None
    return ForeignOrigin(
        f"A web page of {cut(origin.decode('latin-1'))} sent this request; only pages of this service may. "
        "Send it from the application's own server.",
    )
