"""Which requests come from other people's web pages: a browser says so, and they are refused.

A page that somebody visits can make their browser send requests to any address that the browser can
reach, this service on loopback included, where nobody may need a key. The `Origin` header tells them apart.

A page may also let its own name point to loopback (DNS rebinding): then `Origin` and `Host` agree, and what
tells it apart is that this service has no such name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable

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


class ForeignHost(RequestError):
    """The request was sent to a name that this service does not have."""

    code = "foreign_host"
    status = 403


def check_called(host: bytes, names: Collection[str]) -> None:
    """Refuses the `Host` of a request that is neither an address, nor localhost, nor one of `names`."""
    name = _without_port(host.decode("latin-1").strip().lower()).rstrip(".")
    if not name or name == "localhost" or name.endswith(".localhost") or name in names:
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise ForeignHost(
            f"This service listens for this machine alone and is not called {cut(name)}; call it by its "
            "address or as localhost, add the name to `hosts` of [server], or send an API key."
        ) from None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
