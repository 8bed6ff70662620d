"""Who may do what: the key that a request carries, and the scope that opens what it asks for.

A key comes as `Authorization: Bearer KEY`, as for OpenAI, or as `x-api-key: KEY`. On loopback none is
needed unless the configuration says so; one that is sent is checked all the same, for its name goes on
every outcome that it reports.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from banditroute.errors import NotAllowed, NotAuthenticated
from banditroute.routing.fields import FeedbackFields
from banditroute.routing.wording import cut
from banditroute.service.keyring import Caller, Keyring
from banditroute.service.origin import check_called
from banditroute.store.keys import PREFIX
from banditroute.store.scopes import SCOPES, SOURCES

UNGUARDED = frozenset({"/healthz", "/readyz", "/login"})
"""What those may ask who hold no key: they watch the process, or are about to show one."""

STATIC = "/static/"
"""How the addresses of files begin that hold nothing of anybody's: styles and scripts of the pages."""

SIGNING = frozenset({("POST", "/login"), ("POST", "/logout")})
"""Where a key is shown and taken back."""

MOST_NAMES = 64
"""How many of the names by which the service was called are remembered as checked."""

COOKIE = "banditroute_key"
"""The cookie in which a browser keeps the key that was shown at `/login`; it opens pages and what is read."""

READING = frozenset({"read", "admin"})
"""The scopes that open every GET."""

OPENED_BY = {
    ("POST", "/v1/route"): frozenset({"route"}),
    ("POST", "/v1/feedback"): frozenset({"feedback", "judge"}),
    ("POST", "/v1/controls"): frozenset({"admin"}),
    ("POST", "/try"): READING,
}
"""Method and path -> the scopes that open it, besides what is only read. Any other place is for `admin`."""

METERED = ("usd", "latency_ms", "ttft_ms", "input_tokens", "output_tokens", "error")
"""Fields of feedback that only the scope `feedback` opens: a judge pays for no answer, and waits for none."""

ANYBODY = Caller(
    "", frozenset(SCOPES), frozenset(source for spoken in SOURCES.values() for source in spoken), None
)
"""Who needs no key and sends none."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a request asks for, in words, and the scopes that open it. `by_cookie` says that a key in the
    browser's cookie does too: never where applications route and report."""

    place: str
    scopes: frozenset[str]
    by_cookie: bool = False


def entrance(method: str, path: str) -> Entrance | None:
    """What a method and path need; None where nobody is asked for a key. A route that is added is closed to
    all but `admin` until somebody opens it."""
    if method in ("GET", "HEAD"):
        scopes = None if path in UNGUARDED or path.startswith(STATIC) else READING
    else:
        scopes = None if (method, path) in SIGNING else OPENED_BY.get((method, path), frozenset({"admin"}))
    by_cookie = method in ("GET", "HEAD") or not path.startswith("/v1/")
    return None if scopes is None else Entrance(cut(f"{method} {path}"), scopes, by_cookie)


class Gate:
    """Lets callers in, or raises why not. `required` says whether everybody needs a key. `names` are those by
    which the service may be called without one; None for any."""

    def __init__(self, keyring: Keyring, *, required: bool, names: Collection[str] | None = None) -> None:
        self.keyring = keyring
        self.required = required
        self._names = names
        self._called: set[bytes] = set()

    def admit(self, wanted: Entrance, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """The caller behind a request.

        Raises NotAuthenticated without a key where one is needed, and for one that is unknown or revoked;
        ForeignHost without a key where the service is called by a name that is not its own;
        TooManyRequests beyond the key's rate; NotAllowed where no scope of the key opens what it asks for.
        """
        headers = list(headers)
        sent = _credential(headers)
        if by_cookie := sent is None and wanted.by_cookie:
            sent = _cookie(headers)
        if sent is None and not self.required:
            self._check_name(headers)
            return ANYBODY
        if sent is None:
            raise NotAuthenticated(
                "This service asks for an API key; send one as `Authorization: Bearer KEY` (whoever runs the "
                "service makes it with `banditroute keys create`)."
            )
        caller = self.keyring.find(sent)
        if caller is None and by_cookie and not self.required:  # an old cookie keeps nobody out
            self._check_name(headers)
            return ANYBODY
        if caller is None:
            return self._stranger(sent)
        if caller.bucket is not None:
            caller.bucket.take()
        if caller.scopes.isdisjoint(wanted.scopes):
            raise NotAllowed(
                f"{wanted.place} needs a key with the scope {_either(wanted.scopes)}, and that of "
                f"`{cut(caller.name)}` has {', '.join(sorted(caller.scopes))}; use another key, or make one "
                "with `banditroute keys create`."
            )
        return caller

    def _check_name(self, headers: list[tuple[bytes, bytes]]) -> None:
        if self._names is not None:
            host = next((value for name, value in headers if name == b"host"), b"")
            if host not in self._called:
                check_called(host, self._names)
                if len(self._called) < MOST_NAMES:
                    self._called.add(host)

    def _stranger(self, sent: bytes) -> Caller:
        """Whoever sends what is no key here. An OpenAI client has to send some key: it is nobody's business
        where none is needed, none was ever made, and it does not look like one of this service."""
        if not (self.required or self.keyring.used or sent.startswith(PREFIX.encode())):
            return ANYBODY
        raise NotAuthenticated(
            "The API key is not known here, or was revoked; send one that holds as `Authorization: Bearer "
            "KEY`. One that was made just now holds within a second."
        )


def admit_feedback(caller: Caller, items: Sequence[FeedbackFields]) -> None:
    """Refuses feedback in the name of a source that the caller's key may not claim, and facts of the call
    from a key that is only a judge's; counts a list as so many requests as it holds objects."""
    if caller.bucket is not None:
        caller.bucket.owe(len(items) - 1)
    for item in items:
        source = item.source or "user"
        if source not in caller.sources:
            raise NotAllowed(
                f"The key of `{cut(caller.name)}` may not speak as source `{source}`; it may claim "
                f"{', '.join(sorted(caller.sources))}.",
                param="source",
            )
        if "feedback" not in caller.scopes:
            for name in METERED:
                if getattr(item, name) is not None:
                    raise NotAllowed(
                        f"`{name}` needs a key with the scope feedback, and that of `{cut(caller.name)}` has "
                        f"{', '.join(sorted(caller.scopes))}; leave it out, or report it with another key.",
                        param=name,
                    )


def _credential(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request carries, as it came; None without one."""
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, rest = value.strip().partition(b" ")
            sent = rest.strip() if scheme.lower() == b"bearer" else value
        elif name == b"x-api-key":
            sent = value.strip()
        else:
            continue
        if found is not None and sent != found:
            raise NotAuthenticated("The request carries two API keys that differ; send one of them.")
        found = sent
    return found


def _cookie(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key in the browser's cookie; None without one."""
    wanted = COOKIE.encode()
    for name, value in headers:
        if name == b"cookie":
            for part in value.split(b";"):
                own, _, text = part.strip().partition(b"=")
                if own == wanted and text:
                    return text
    return None


def _either(scopes: Iterable[str]) -> str:
    return " or ".join(sorted(scopes))
