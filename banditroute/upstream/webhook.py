"""Telling an address something as signed JSON, so that who hears it knows who speaks and when it was said.

The header `x-banditroute-signature` is `t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY` under the shared
secret. A receiver computes the same, compares in constant time, and refuses what is older than some minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from banditroute.errors import Unreachable

TIMEOUT = 10.0
"""Seconds that a receiver has to answer."""


class Refused(Unreachable):
    """The receiver answered, and did not take what it was sent. It is `final` where it would not the next
    time either."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


BUSY = frozenset({408, 425, 429, 503})
"""Statuses that say nothing about what was sent, and ask for patience."""


class _Stay(HTTPRedirectHandler):
    """A receiver may not send what is signed for it elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = build_opener(_Stay)


def signature(body: bytes, secret: bytes, at: int) -> str:
    """The value of the signature header for a body sent at a time (seconds since the epoch)."""
    digest = hmac.new(secret, b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(url: str, body: bytes, *, event: str, secret: bytes | None, at: int) -> None:
    """Sends a body once; returns when the receiver answered 2xx. Raises Unreachable where it cannot be
    reached or is busy, Refused where it does not take this body.

    `event` is the id in `x-banditroute-id`: the same body may come again, and then has the same id.
    """
    if not url.startswith(("http://", "https://")):
        raise Unreachable("the webhook is no address that begins with http:// or https://")
    headers = {"Content-Type": "application/json", "User-Agent": "banditroute", "x-banditroute-id": event}
    if secret is not None:
        headers["x-banditroute-signature"] = signature(body, secret, at)
    try:
        with _opener.open(Request(url, body, headers, method="POST"), timeout=TIMEOUT):
            return
    except HTTPError as error:
        error.close()
        answered = f"the webhook answered {error.code} {error.reason}".rstrip()
        if error.code in BUSY:
            raise Unreachable(answered) from None
        raise Refused(answered, final=error.code < 500) from None
    except (URLError, OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise Unreachable(f"the webhook cannot be reached ({reason})") from None
