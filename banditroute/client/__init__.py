"""What an application imports to talk to the service: the router's verbs, over HTTP.

    with Client("http://127.0.0.1:8400", api_key="br_…") as client:
        decision = client.route(request_class="code", input_tokens=812)
        client.feedback(decision.id, quality=0.9, latency_ms=2140, output_tokens=377)

`AsyncClient` has the same verbs as coroutines. Refusals come back as the errors that the in-process
router raises. Without an `api_key` the environment variable `BANDITROUTE_API_KEY` is used, if it is set;
`api_key=""` sends none, and on loopback none may be needed. Both keep their connections open. `Client`
makes do with the standard library's HTTP, which a small JSON conversation needs no more than;
`AsyncClient` loads aiohttp when it is first used.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from banditroute.client.wire import (
    DEFAULT_URL,
    Json,
    Routed,
    answer,
    checked_url,
    common_headers,
    decision_path,
    encoded,
    headers_with,
    routed,
    state_path,
    unreachable,
)
from banditroute.types import Receipt

if TYPE_CHECKING:
    import aiohttp

__all__ = ["DEFAULT_URL", "AsyncClient", "Client", "Json", "Routed"]


class Client:
    """Talks to a service. Threads may share it: each has a connection of its own."""

    def __init__(self, url: str = DEFAULT_URL, *, api_key: str | None = None, timeout: float = 30.0) -> None:
        self._url = checked_url(url)
        self._headers = common_headers(api_key)
        self._timeout = timeout
        self._own = threading.local()
        self._connections: list[http.client.HTTPConnection] = []

    def route(self, **fields: object) -> Routed:
        """Chooses a model. Takes the fields of `POST /v1/route`."""
        return routed(self._ask("POST", "/v1/route", fields))

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
        return self._ask("GET", decision_path(decision_id))

    def state(self, min_seq: int = 0, *, timeout: float = 10.0) -> Json:
        """What is believed of each model, as soon as event `min_seq` is folded in."""
        return self._ask("GET", state_path(min_seq, timeout))

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
            sent, headers = encoded(body), headers_with(self._headers, key)
            try:
                return _exchange(connection, method, path, sent, headers)
            except (http.client.RemoteDisconnected, ConnectionError):
                # A server may close an idle connection at any time. Asking once more is safe: feedback is
                # idempotent, and of a decision that nobody heard of nothing is learned.
                if not reused:
                    raise
                return _exchange(connection, method, path, sent, headers)
        except (http.client.HTTPException, OSError) as error:
            raise unreachable(self._url, error) from error

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

    def __init__(self, url: str = DEFAULT_URL, *, api_key: str | None = None, timeout: float = 30.0) -> None:
        self._url = checked_url(url)
        self._headers = common_headers(api_key)
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def route(self, **fields: object) -> Routed:
        """Chooses a model. Takes the fields of `POST /v1/route`."""
        return routed(await self._ask("POST", "/v1/route", fields))

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
        return await self._ask("GET", decision_path(decision_id))

    async def state(self, min_seq: int = 0, *, timeout: float = 10.0) -> Json:
        """What is believed of each model, as soon as event `min_seq` is folded in."""
        return await self._ask("GET", state_path(min_seq, timeout))

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
        sent, headers = encoded(body), headers_with(self._headers, key)
        # Like `Client`, it follows no redirect: the key is for this service alone.
        asked = self._session.request(
            method, self._url + path, data=sent, headers=headers, allow_redirects=False
        )
        try:
            async with asked as reply:
                return answer(reply.status, await reply.read(), reply.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(self._url, error) from error


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Json:
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
    except BaseException:
        connection.close()  # half a conversation is in it; the next request opens it anew
        raise
    return answer(reply.status, content, reply.getheader("Retry-After"))
