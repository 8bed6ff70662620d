"""The clients: the router's verbs and errors over HTTP, without the service's code."""

from __future__ import annotations

import asyncio
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from banditroute.client import AsyncClient, Client
from banditroute.errors import (
    Conflict,
    NoEligibleModel,
    NotAllowed,
    NotAuthenticated,
    NotFolded,
    RequestError,
    TooManyRequests,
    UnknownDecision,
    Unreachable,
)
from banditroute.service import keyring
from banditroute.store import Store, open_store
from banditroute.store.keys import KeyStore
from tests.router.setting import SETTINGS
from tests.service.keyed import REQUIRED
from tests.service.live import PATIENCE, serving


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def url(store: Store) -> Iterator[str]:
    with serving(SETTINGS, store) as address:
        yield f"http://{address}"


def test_the_verbs(url: str, store: Store) -> None:
    with Client(url) as client:
        decision = client.route(request_class="code", input_tokens=812)
        assert decision.id == decision.decision_id == decision.raw["decision_id"]
        assert decision.propensity == next(
            c.propensity for c in decision.candidates if c.model == decision.model
        )
        record = store.record(decision.id)
        assert record is not None
        assert decision.candidates == record.decision.candidates
        receipt = client.feedback(decision.id, quality="up", latency_ms=2140)
        assert (receipt.accepted, receipt.duplicates) == (2, 0)
        assert client.state(receipt.event_seq)["seq"] >= receipt.event_seq
        outcomes = {o["factor"]: o["value"] for o in client.decision(decision.id)["outcomes"]}
        assert outcomes == {"quality": 1.0, "seconds": 2.14}
        assert client.models()["data"][0]["id"] == "auto"
        listed = client.feedback_list([{"decision_id": decision.id, "usd": 0.1}], idempotency_key="once")
        assert listed.accepted == 1


def test_the_same_verbs_asynchronously(url: str) -> None:
    async def play() -> None:
        async with AsyncClient(url) as client:
            decisions = await asyncio.gather(*(client.route(request_class="chat") for _ in range(20)))
            assert len({d.id for d in decisions}) == 20
            receipts = await asyncio.gather(*(client.feedback(d.id, quality=0.5) for d in decisions))
            seq = max(receipt.event_seq for receipt in receipts)
            assert (await client.state(seq))["seq"] >= seq
            assert (await client.decision(decisions[0].id))["model"] == decisions[0].model
            assert (await client.models())["object"] == "list"
            with pytest.raises(UnknownDecision):
                await client.feedback("never", quality=1.0)
            listed = [{"decision_id": decisions[0].id, "usd": 0.1}]
            assert (await client.feedback_list(listed, idempotency_key="async")).accepted == 1

    asyncio.run(play())


def test_refusals_come_back_as_the_routers_errors(url: str) -> None:
    with Client(url) as client:
        with pytest.raises(RequestError, match="did you mean `request_class`") as refused:
            client.route(request_clas="code")
        assert refused.value.param == "request_clas"
        with pytest.raises(NoEligibleModel) as impossible:
            client.route(limits={"require": ["vision"]})
        assert {e.model for e in impossible.value.excluded} == {"small", "middle", "large"}
        with pytest.raises(UnknownDecision):
            client.decision("a/b?c")
        with pytest.raises(NotFolded):
            client.state(10**6, timeout=0.05)
        decision = client.route()
        client.feedback(decision.id, quality=0.1, idempotency_key="mine")
        with pytest.raises(Conflict):
            client.feedback(decision.id, quality=0.2, idempotency_key="mine")
        with pytest.raises(RequestError, match="finite"):
            client.route(weights={"usd": float("nan")})
        with pytest.raises(RequestError, match="JSON"):
            client.route(features={"a": object()})


def test_numbers_of_numpy_are_numbers_and_its_arrays_are_not(url: str, store: Store) -> None:
    with Client(url) as client:
        decision = client.route(input_tokens=np.int64(812), weights={"usd": np.float32(0.5)})
        client.feedback(decision.id, quality=np.float32(0.25), latency_ms=np.int32(500), error=np.False_)
        record = store.record(decision.id)
        assert record is not None
        assert record.decision.context.input_tokens == 812
        assert {o.factor: o.value for o in record.outcomes} == {"quality": 0.25, "seconds": 0.5, "error": 0.0}
        for wrong, said in ((np.array([0.5]), "ndarray"), (np.float32("nan"), "finite")):
            with pytest.raises(RequestError, match=said):
                client.feedback(decision.id, quality=wrong)


def test_a_connection_is_used_again_and_replaced_when_it_was_closed(url: str) -> None:
    with Client(url) as client:
        client.models()
        connection = client._connection()
        first = connection.sock
        client.models()
        assert connection.sock is first
        first.shutdown(2)
        assert client.models()["object"] == "list"
        assert connection.sock is not first


def test_threads_share_a_client(url: str) -> None:
    with Client(url) as client:
        ids: list[str] = []
        threads = [threading.Thread(target=lambda: ids.append(client.route().id)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(ids)) == 8


async def _route(url: str, **options: str) -> str:
    async with AsyncClient(url, **options) as client:  # type: ignore[arg-type]
        return (await client.route()).id


def test_the_key_that_is_given_or_else_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://")
    keys = KeyStore(store.engine)
    app, reader = keys.create("app", ["route", "feedback"])[1], keys.create("reader", ["read"])[1]
    with serving(REQUIRED, store) as address:
        url = f"http://{address}"
        with Client(url, api_key=app) as client:
            decision = client.route()
            client.feedback(decision.id, quality=1.0)
            with pytest.raises(NotAllowed, match="scope admin or read"):
                client.models()
            with pytest.raises(NotAllowed) as refused:
                client.feedback(decision.id, quality=1.0, source="judge")
            assert refused.value.param == "source"
        assert asyncio.run(_route(url, api_key=app))
        with Client(url) as client, pytest.raises(NotAuthenticated, match="banditroute keys create"):
            client.route()
        monkeypatch.setenv("BANDITROUTE_API_KEY", f"{reader}\n")
        with Client(url) as client:
            assert client.decision(decision.id)["outcomes"][0]["value"] == 1.0
        with pytest.raises(NotAllowed):
            asyncio.run(_route(url))
        for none in ("", "br_wrong"):
            with Client(url, api_key=none) as client, pytest.raises(NotAuthenticated):
                client.models()
            with pytest.raises(NotAuthenticated):
                asyncio.run(_route(url, api_key=none))


def test_who_is_too_fast_hears_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "time", SimpleNamespace(monotonic=lambda: 1_000.0))
    store = open_store("memory://")
    key = KeyStore(store.engine).create("slow", ["route"], requests_per_minute=1)[1]
    with serving(REQUIRED, store) as address, Client(f"http://{address}", api_key=key) as client:
        client.route()
        with pytest.raises(TooManyRequests) as refused:
            client.route()
        assert refused.value.retry_after == 60.0
        with pytest.raises(TooManyRequests) as refused:
            asyncio.run(_route(f"http://{address}", api_key=key))
        assert refused.value.retry_after == 60.0


@pytest.mark.parametrize("key", ["a b", "a\nX-Evil: 1", "clé", "a\x00"])
def test_a_key_that_cannot_be_is_refused_at_once(key: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(RequestError, match="API key") as refused:
            kind("http://127.0.0.1:9", api_key=key)
        assert key not in str(refused.value)


class Stranger(http.server.BaseHTTPRequestHandler):
    """Something else that listens where a service was expected."""

    def do_GET(self) -> None:
        """Answers with a web page, or not at all; sends those with a key elsewhere."""
        if "Authorization" in self.headers:
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return
        if self.path.startswith("/v1/state"):
            self.server.may_answer.wait(PATIENCE)  # type: ignore[attr-defined]
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def strange() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    server.may_answer = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.may_answer.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_is_no_service_is_told_apart(strange: str) -> None:
    with Client(strange) as client, pytest.raises(Unreachable, match="URL"):
        client.models()

    async def play() -> None:
        async with AsyncClient(strange) as client:
            await client.models()

    with pytest.raises(Unreachable, match="URL"):
        asyncio.run(play())


def test_a_key_is_not_sent_where_the_answer_points(strange: str) -> None:
    with Client(strange, api_key="br_mine") as client, pytest.raises(Unreachable, match="307"):
        client.models()

    async def play() -> None:
        async with AsyncClient(strange, api_key="br_mine") as client:
            await client.models()

    with pytest.raises(Unreachable, match="307"):
        asyncio.run(play())


def test_a_service_that_does_not_answer_in_time(strange: str) -> None:
    with Client(strange, timeout=0.05) as client, pytest.raises(Unreachable, match="does not answer"):
        client.state()

    async def play() -> None:
        async with AsyncClient(strange, timeout=0.05) as client:
            await client.state()

    with pytest.raises(Unreachable, match="does not answer"):
        asyncio.run(play())


def test_nobody_listens() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable, match="banditroute serve"):
        client.route()


@pytest.mark.parametrize("url", ["127.0.0.1:8400", "ftp://host", "http://", "http://host/v1"])
def test_a_wrong_url_is_refused_at_once(url: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(RequestError, match="http://127"):
            kind(url)


def test_it_loads_neither_the_service_nor_the_core() -> None:
    code = "import sys, banditroute.client; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {
        "aiohttp",
        "fastapi",
        "numba",
        "numpy",
        "sqlalchemy",
        "uvicorn",
        "banditroute.service",
        "banditroute.core",
    }
    assert heavy.isdisjoint(loaded)
