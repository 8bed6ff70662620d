"""By which names a service on loopback may be called without a key, so that no other page can use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from banditroute.service.app import create_app
from banditroute.store import open_store
from banditroute.store.keys import KeyStore
from tests.router.setting import SETTINGS


@pytest.fixture(scope="module")
def key() -> list[str]:
    return []


@pytest.fixture(scope="module")
def client(key: list[str]) -> Iterator[TestClient]:
    settings = replace(SETTINGS, server=replace(SETTINGS.server, hosts=("router.Example.com",)))
    store = open_store("memory://")
    key.append(KeyStore(store.engine).create("shop", ["route", "read"])[1])
    with TestClient(create_app(settings, store, loopback=True), base_url="http://127.0.0.1") as client:
        yield client


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8400",
        "localhost",
        "LOCALHOST:1",
        "a.localhost",
        "[::1]:8400",
        "10.0.0.7",
        "router.example.com",
    ],
)
def test_it_answers_to_its_own_names(client: TestClient, host: str) -> None:
    for _ in range(2):
        assert (
            client.post("/v1/route", json={"request_class": "code"}, headers={"host": host}).status_code
            == 200
        )


@pytest.mark.parametrize(
    "host", ["evil.com", "127.0.0.1.evil.com:8400", "localhost.evil.com", "notlocalhost", "x@127.0.0.1"]
)
@pytest.mark.parametrize("path", ["/", "/v1/state", "/decisions"])
def test_a_page_whose_name_points_here_reads_nothing(client: TestClient, host: str, path: str) -> None:
    told = client.get(path, headers={"host": host, "origin": f"http://{host}"})
    assert told.status_code == 403


def test_nor_does_it_route_or_control(client: TestClient) -> None:
    sent = {"host": "evil.com", "origin": "http://evil.com"}
    told = client.post("/v1/route", json={"request_class": "code"}, headers=sent)
    assert told.status_code == 403
    assert "not called evil.com" in told.json()["error"]["message"]
    assert (
        client.post("/v1/controls", json={"kind": "reset", "subject": "gpt-4o"}, headers=sent).status_code
        == 403
    )


def test_a_key_opens_it_by_any_name(client: TestClient, key: list[str]) -> None:
    sent = {"host": "evil.com", "x-api-key": key[0]}
    assert client.get("/v1/state", headers=sent).status_code == 200
