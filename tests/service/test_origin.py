"""Web pages of other hosts are refused, on every route; everybody else is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(SETTINGS, store) as address:
        yield address


PLACES = [
    ("POST", "/v1/route"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/state"),
    ("GET", "/docs"),
    ("PUT", "/x"),
]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "http://" + "e" * 9_000]
)
@pytest.mark.parametrize(("method", "path"), PLACES)
def test_a_page_of_another_host_is_refused(
    where: str, store: Store, method: str, path: str, origin: str
) -> None:
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    status, reply = ask(where, method, path, {}, headers=headers)
    assert (status, reply["error"]["code"]) == (403, "foreign_origin")
    assert "web page" in reply["error"]["message"]
    assert len(reply["error"]["message"]) < 300
    assert store.counts() == {"decisions": 0, "outcomes": 0}


def test_a_page_of_the_service_itself_and_no_page_at_all_are_served(where: str) -> None:
    for headers in ({"Origin": f"http://{where}"}, {"Origin": f"HTTP://{where.upper()}"}, {}):
        assert ask(where, "POST", "/v1/route", {"dry_run": True}, headers=headers)[0] == 200
        assert ask(where, "GET", "/v1/models", headers=headers)[0] == 200


def test_the_refusal_is_documented(where: str) -> None:
    _, document = ask(where, "GET", "/openapi.json")
    for methods in document["paths"].values():
        assert all("403" in operation["responses"] for operation in methods.values())
