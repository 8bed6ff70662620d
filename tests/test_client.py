"""The clients: the router's verbs and errors over HTTP, without the service's code."""

from __future__ import annotations

import asyncio
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from banditroute.client import AsyncClient, Client
from banditroute.errors import (
    Conflict,
    NoEligibleModel,
    NotFolded,
    RequestError,
    UnknownDecision,
    Unreachable,
)
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import serving


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


class Stranger(http.server.BaseHTTPRequestHandler):
    """Something else that listens where a service was expected."""

    def do_GET(self) -> None:
        """Answers with a web page, or not at all."""
        if self.path.startswith("/v1/state"):
            self.server.may_answer.wait(30)  # type: ignore[attr-defined]
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
