"""What an application imports to talk to the service: the router's verbs, over HTTP.

    with Client("http://127.0.0.1:8400") as client:
        decision = client.route(request_class="code", input_tokens=812)
        client.feedback(decision.id, quality=0.9, latency_ms=2140, output_tokens=377)

`AsyncClient` has the same verbs as coroutines. Refusals come back as the errors that the in-process
router raises. Both keep their connections open. `Client` makes do with the standard library's HTTP,
which a small JSON conversation needs no more than; `AsyncClient` loads aiohttp when it is first used.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from banditroute import errors
from banditroute.errors import BanditrouteError, NoEligibleModel, RequestError, Unreachable
from banditroute.types import Candidate, Exclusion, Receipt

if TYPE_CHECKING:
    import aiohttp

Json = dict[str, Any]

DEFAULT_URL = "http://127.0.0.1:8400"


@dataclass(frozen=True, slots=True)
class Routed:
    """The answer to a route request, with the names of `Decision`; `raw` is the whole reply."""

    id: str
    model: str
    request_class: str
    policy: str
    variant: str | None
    propensity: float
    state_seq: int
    fallbacks: tuple[str, ...]
    params: Mapping[str, Any]
    wants_response: bool
    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...]
    raw: Json = field(repr=False)

    @property
    def decision_id(self) -> str:
        """The id, under its name in the HTTP contract."""
        return self.id


class Client:
    """Talks to a service. Threads may share it: each has a connection of its own."""

    def __init__(self, url: str = DEFAULT_URL, *, timeout: float = 30.0) -> None:
        self._url = _checked(url)
        self._timeout = timeout
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def route(self, **fields: object) -> Routed:
        """Chooses a model. Takes the fields of `POST /v1/route`."""
        return _routed(self._ask("POST", "/v1/route", fields))

    def feedback(self, decision_id: str, **facts: object) -> Receipt:
        """Reports what is known about a decision. Takes the fields of `POST /v1/feedback`."""
        return Receipt(**self._ask("POST", "/v1/feedback", {"decision_id": decision_id, **facts}))

    def feedback_list(
        self, items: Sequence[Mapping[str, object]], *, idempotency_key: str | None = None
    ) -> Receipt:
        """Reports several objects at once, as a whole or not at all."""
        return Receipt(**self._ask("POST", "/v1/feedback", list(items), idempotency_key))

    def decision(self, decision_id: str) -> Json:
        """A decision's receipt, with its outcomes."""
        return self._ask("GET", _decision_path(decision_id))

    def state(self, min_seq: int = 0, *, timeout: float = 10.0) -> Json:
        """What is believed of each model, as soon as event `min_seq` is folded in."""
        return self._ask("GET", _state_path(min_seq, timeout))

    def models(self) -> Json:
        """The models, in OpenAI's shape."""
        return self._ask("GET", "/v1/models")

    def close(self) -> None:
        """Closes every connection."""
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: object = None, key: str | None = None) -> Json:
        connection = self._connection()
        reused = connection.sock is not None
        try:
            try:
                return _exchange(connection, method, path, body, key)
            except (http.client.RemoteDisconnected, ConnectionError):
                # A server may close an idle connection at any time. Asking once more is safe: feedback is
                # idempotent, and of a decision that nobody heard of nothing is learned.
                if not reused:
                    raise
                return _exchange(connection, method, path, body, key)
        except (http.client.HTTPException, OSError) as error:
            raise _unreachable(self._url, error) from error

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            split = urlsplit(self._url)
            kind = http.client.HTTPSConnection if split.scheme == "https" else http.client.HTTPConnection
            connection = self._own.connection = kind(split.netloc, timeout=self._timeout)
            self._connections.append(connection)
        return connection


class AsyncClient:
    """Talks to a service from an event loop."""

    def __init__(self, url: str = DEFAULT_URL, *, timeout: float = 30.0) -> None:
        self._url = _checked(url)
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def route(self, **fields: object) -> Routed:
        """Chooses a model. Takes the fields of `POST /v1/route`."""
        return _routed(await self._ask("POST", "/v1/route", fields))

    async def feedback(self, decision_id: str, **facts: object) -> Receipt:
        """Reports what is known about a decision. Takes the fields of `POST /v1/feedback`."""
        return Receipt(**await self._ask("POST", "/v1/feedback", {"decision_id": decision_id, **facts}))

    async def feedback_list(
        self, items: Sequence[Mapping[str, object]], *, idempotency_key: str | None = None
    ) -> Receipt:
        """Reports several objects at once, as a whole or not at all."""
        return Receipt(**await self._ask("POST", "/v1/feedback", list(items), idempotency_key))

    async def decision(self, decision_id: str) -> Json:
        """A decision's receipt, with its outcomes."""
        return await self._ask("GET", _decision_path(decision_id))

    async def state(self, min_seq: int = 0, *, timeout: float = 10.0) -> Json:
        """What is believed of each model, as soon as event `min_seq` is folded in."""
        return await self._ask("GET", _state_path(min_seq, timeout))

    async def models(self) -> Json:
        """The models, in OpenAI's shape."""
        return await self._ask("GET", "/v1/models")

    async def close(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(self, method: str, path: str, body: object = None, key: str | None = None) -> Json:
        import aiohttp

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        sent, headers = _encoded(body), _headers(key)
        try:
            async with self._session.request(method, self._url + path, data=sent, headers=headers) as reply:
                return _answer(reply.status, await reply.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(self._url, error) from error


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: object, key: str | None
) -> Json:
    try:
        connection.request(method, path, _encoded(body), _headers(key))
        reply = connection.getresponse()
        content = reply.read()
    except BaseException:
        connection.close()  # half a conversation is in it; the next request opens it anew
        raise
    return _answer(reply.status, content)


def _encoded(body: object) -> bytes | None:
    """A body as JSON; what JSON cannot hold is refused here."""
    if body is None:
        return None
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise RequestError(
            f"This cannot be sent as JSON ({error}); send finite numbers, texts and lists."
        ) from None


def _headers(key: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    return headers if key is None else {**headers, "Idempotency-Key": key}


def _answer(status: int, content: bytes) -> Json:
    """The body of a reply, or the error that it is."""
    try:
        body = json.loads(content)
        if status == 200:
            return dict(body)
        error = body["error"]
        code, message, param = error["code"], error["message"], error.get("param")
    except (ValueError, KeyError, TypeError):
        raise Unreachable(
            f"The answer (status {status}) is not banditroute's; check that the URL is the service's own."
        ) from None
    kind = _KINDS.get(code, RequestError if status < 500 else BanditrouteError)
    if issubclass(kind, NoEligibleModel):
        raise kind(message, excluded=[Exclusion(**each) for each in error.get("excluded", ())])
    raise kind(message, param=param) if issubclass(kind, RequestError) else kind(message)


_KINDS: dict[str, type[BanditrouteError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, BanditrouteError)
}


def _routed(reply: Json) -> Routed:
    candidates = tuple(
        Candidate(model=each["model"], propensity=each["propensity"], sd=each["sd"], **each["expected"])
        for each in reply["candidates"]
    )
    return Routed(
        reply["decision_id"],
        reply["model"],
        reply["request_class"],
        reply["policy"],
        reply["variant"],
        reply["propensity"],
        reply["state_seq"],
        tuple(reply["fallbacks"]),
        reply["params"],
        reply["wants_response"],
        candidates,
        tuple(Exclusion(**each) for each in reply["excluded"]),
        reply,
    )


def _decision_path(decision_id: str) -> str:
    return f"/v1/decisions/{quote(decision_id, safe='')}"


def _state_path(min_seq: int, timeout: float) -> str:
    return f"/v1/state?{urlencode({'min_seq': min_seq, 'timeout': timeout})}"


def _checked(url: str) -> str:
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.netloc or split.path.strip("/"):
        raise RequestError(f"{url!r} is not a service's URL; write it like {DEFAULT_URL}.", param="url")
    return f"{split.scheme}://{split.netloc}"


def _unreachable(url: str, error: Exception) -> Unreachable:
    what = str(error) or type(error).__name__
    return Unreachable(f"The service at {url} does not answer ({what}); start it with `banditroute serve`.")
