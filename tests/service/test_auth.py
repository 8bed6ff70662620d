"""Keys: who is let in to what, in whose name, and how often."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from banditroute.config.settings import AuthSettings
from banditroute.errors import StoreError
from banditroute.service import keyring
from banditroute.service.auth import UNGUARDED
from banditroute.store import Store, open_store
from banditroute.store.keys import KeyStore
from tests.router.setting import SETTINGS
from tests.service.keyed import REQUIRED, SCOPES, bearer, made
from tests.service.live import PATIENCE, ask, serving, until

PLACES = {
    ("POST", "/v1/route"): {"route"},
    ("POST", "/v1/feedback"): {"feedback", "judge"},
    ("GET", "/v1/decisions/x"): {"read", "admin"},
    ("GET", "/v1/models"): {"read", "admin"},
    ("GET", "/v1/state"): {"read", "admin"},
    ("GET", "/v1/reports/savings"): {"read", "admin"},
    ("GET", "/v1/reports/quality"): {"read", "admin"},
    ("GET", "/docs"): {"read", "admin"},
    ("GET", "/openapi.json"): {"read", "admin"},
    ("GET", "/nothing"): {"read", "admin"},
    ("GET", "/v1/controls"): {"read", "admin"},
    ("GET", "/metrics"): {"read", "admin"},
    ("POST", "/v1/controls"): {"admin"},
    ("PUT", "/v1/route"): {"admin"},
    ("DELETE", "/v1/decisions/x"): {"admin"},
    ("POST", "/v1/nothing"): {"admin"},
}


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def keys(store: Store) -> dict[str, str]:
    return made(store)


@pytest.fixture(scope="module")
def where(store: Store, keys: dict[str, str]) -> Iterator[str]:
    with serving(REQUIRED, store) as address:
        yield address


def status(where: str, method: str, path: str, headers: dict[str, str], body: object = None) -> int:
    """The status alone, for answers that are no JSON; and that refusals look as they should."""
    connection = http.client.HTTPConnection(where, timeout=PATIENCE)
    content = None if method == "GET" else json.dumps({} if body is None else body).encode()
    connection.request(method, path, content, headers)
    reply = connection.getresponse()
    said = reply.read()
    connection.close()
    if reply.status in (401, 403, 429):
        assert json.loads(said)["error"].keys() == {"message", "type", "code", "param"}
        assert (reply.getheader("WWW-Authenticate") is not None) == (reply.status == 401)
        assert (reply.getheader("Retry-After") is not None) == (reply.status == 429)
    return reply.status


@pytest.mark.parametrize(("method", "path"), PLACES)
@pytest.mark.parametrize("name", SCOPES)
def test_a_scope_opens_what_it_should_and_nothing_else(
    where: str, keys: dict[str, str], name: str, method: str, path: str
) -> None:
    body = {"source": "judge"} if name == "panel" else {}
    answered = status(where, method, path, bearer(keys[name]), body)
    if PLACES[method, path].isdisjoint(SCOPES[name]):
        assert answered == 403
    else:
        assert answered in (200, 404, 405, 422)


@pytest.mark.parametrize(("method", "path"), PLACES)
def test_without_a_key_that_holds_nothing_is_open(
    where: str, keys: dict[str, str], method: str, path: str
) -> None:
    almost = keys["app"][:-1] + ("0" if keys["app"][-1] != "0" else "1")
    for headers in ({}, bearer(keys["gone"]), bearer(almost), bearer("sk-other"), {"x-api-key": "br_"}):
        assert status(where, method, path, headers) == 401


def test_who_watches_the_process_needs_no_key(where: str, keys: dict[str, str]) -> None:
    for headers in ({}, bearer("wrong"), bearer(keys["panel"])):
        assert status(where, "GET", "/healthz", headers) == 200
        assert status(where, "GET", "/readyz", headers) == 200


def test_refusals_say_what_to_do_and_repeat_no_key(where: str, keys: dict[str, str]) -> None:
    _, missing = ask(where, "POST", "/v1/route", {})
    assert missing["error"]["code"] == "invalid_api_key"
    assert "Authorization: Bearer" in missing["error"]["message"]
    _, wrong = ask(where, "POST", "/v1/route", {}, headers=bearer(keys["gone"]))
    assert wrong["error"]["code"] == "invalid_api_key"
    assert "revoked" in wrong["error"]["message"]
    assert keys["gone"] not in json.dumps(wrong)
    _, narrow = ask(where, "POST", "/v1/feedback", {}, headers=bearer(keys["router"]))
    assert narrow["error"]["code"] == "not_allowed"
    assert "the scope feedback or judge" in narrow["error"]["message"]
    assert "`router` has route" in narrow["error"]["message"]


def test_nothing_is_stored_for_those_who_are_refused(where: str, keys: dict[str, str], store: Store) -> None:
    before = store.counts()
    for headers in ({}, bearer(keys["gone"]), bearer(keys["reader"])):
        for path in ("/v1/route", "/v1/route?x=1", "/v1/feedback"):
            assert status(where, "POST", path, headers) in (401, 403)
    assert store.counts() == before


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/feedback?by=the-usual-way"])
def test_the_name_of_the_key_is_on_every_outcome(
    where: str, keys: dict[str, str], store: Store, path: str
) -> None:
    _, decision = ask(where, "POST", "/v1/route", {}, headers=bearer(keys["app"]))
    said = [
        ("app", {"quality": 0.9, "latency_ms": 20}),
        ("voice", {"quality": 0.4, "source": "metric"}),
        ("panel", {"quality": 0.2, "source": "judge"}),
    ]
    for name, facts in said:
        told = {"decision_id": decision["decision_id"], **facts}
        answered, reply = ask(where, "POST", path, told, headers={"x-api-key": keys[name]})
        assert answered == 200, reply
    record = store.record(decision["decision_id"])
    assert record is not None
    assert [(o.factor, o.source, o.principal) for o in record.outcomes] == [
        ("quality", "user", "app"),
        ("seconds", "user", "app"),
        ("quality", "metric", "voice"),
        ("quality", "judge", "panel"),
    ]
    assert record.decision.principal == "app"
    _, receipt = ask(where, "GET", f"/v1/decisions/{decision['decision_id']}", headers=bearer(keys["reader"]))
    assert receipt["principal"] == "app"
    assert [own["principal"] for own in receipt["outcomes"]] == ["app", "app", "voice", "panel"]


@pytest.mark.parametrize(
    ("name", "source", "may"),
    [("voice", "judge", "metric, user"), ("panel", "user", "judge"), ("panel", None, "judge")],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_source_that_the_key_may_not_claim_is_refused(
    where: str, keys: dict[str, str], store: Store, name: str, source: str | None, may: str, listed: bool
) -> None:
    _, decision = ask(where, "POST", "/v1/route", {}, headers=bearer(keys["app"]))
    told = {"decision_id": decision["decision_id"], "quality": 1.0}
    own = {**told, "source": "judge" if name == "panel" else "user"}
    claimed = {**told, "source": source} if source else told
    body = [own, claimed] if listed else claimed
    answered, reply = ask(where, "POST", "/v1/feedback", body, headers=bearer(keys[name]))
    assert (answered, reply["error"]["param"]) == (403, "source")
    assert f"may claim {may}." in reply["error"]["message"]
    record = store.record(decision["decision_id"])
    assert record is not None
    assert record.outcomes == (), "a list is atomic"


def test_idempotency_keys_are_each_principals_own(where: str, keys: dict[str, str]) -> None:
    _, decision = ask(where, "POST", "/v1/route", {}, headers=bearer(keys["app"]))
    for name, value in (("app", 0.1), ("voice", 0.2), ("app", 0.1)):
        told = {"decision_id": decision["decision_id"], "quality": value, "rater": name}
        headers = {**bearer(keys[name]), "Idempotency-Key": "once"}
        answered, reply = ask(where, "POST", "/v1/feedback", told, headers=headers)
        assert answered == 200, reply


def test_a_page_of_another_host_is_refused_with_a_key_too(where: str, keys: dict[str, str]) -> None:
    headers = {**bearer(keys["app"]), "Origin": "https://evil.example"}
    for path in ("/v1/route", "/v1/route?x=1"):
        answered, reply = ask(where, "POST", path, {}, headers=headers)
        assert (answered, reply["error"]["code"]) == (403, "foreign_origin")


def test_the_document_tells_of_keys(where: str, keys: dict[str, str]) -> None:
    _, document = ask(where, "GET", "/openapi.json", headers=bearer(keys["reader"]))
    assert document["components"]["securitySchemes"].keys() == {"bearer", "header"}
    for path, operations in document["paths"].items():
        gate = {"403"} if path in UNGUARDED else {"401", "403", "429"}
        assert all(gate <= operation["responses"].keys() for operation in operations.values())


def test_on_loopback_no_key_is_needed_but_one_that_comes_is_checked() -> None:
    store = open_store("memory://")
    with serving(SETTINGS, store) as where:
        # An OpenAI client must send some key; where no key was ever made it means nothing.
        for headers in ({}, bearer("sk-anything"), {"Authorization": "Basic eDp5"}):
            assert status(where, "POST", "/v1/route", headers) == 200
        assert status(where, "POST", "/v1/route", bearer("br_" + "0" * 77)) == 401
        keys = made(store)
        until(lambda: status(where, "POST", "/v1/route", bearer("sk-anything")) == 401)
        assert status(where, "POST", "/v1/route", {}) == 200
        assert status(where, "POST", "/v1/route", bearer(keys["gone"])) == 401
        assert status(where, "POST", "/v1/route", bearer(keys["reader"])) == 403
        _, decision = ask(where, "POST", "/v1/route", {}, headers=bearer(keys["app"]))
        for headers, source in ((bearer(keys["app"]), "user"), ({}, "judge")):
            told = {"decision_id": decision["decision_id"], "quality": 1.0, "source": source}
            assert ask(where, "POST", "/v1/feedback", told, headers=headers)[0] == 200
        record = store.record(decision["decision_id"])
        assert record is not None
        assert [o.principal for o in record.outcomes] == ["app", ""]


def test_a_running_service_hears_of_new_and_revoked_keys() -> None:
    store = open_store("memory://")
    keys = KeyStore(store.engine)
    with serving(REQUIRED, store) as where:
        assert status(where, "POST", "/v1/route", {}) == 401
        (first, old), (_, new) = keys.create("app", ["route"]), keys.create("app", ["route"])
        until(lambda: status(where, "POST", "/v1/route", bearer(old)) == 200)
        assert status(where, "POST", "/v1/route", bearer(new)) == 200
        keys.revoke(first.id)
        until(lambda: status(where, "POST", "/v1/route", bearer(old)) == 401)
        assert status(where, "POST", "/v1/route", bearer(new)) == 200
    assert keyring.POLL_SECONDS < 1.0, "a revoked key is to be refused within two seconds"


def test_keys_that_cannot_be_read_hold_on_and_readyz_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://")
    keys = made(store)
    broken: list[str] = []
    changes = KeyStore.changes

    def read(self: KeyStore) -> int:
        if broken:
            raise StoreError(broken[0])
        return changes(self)

    monkeypatch.setattr(KeyStore, "changes", read)
    with serving(REQUIRED, store) as where:
        broken.append("the disk is gone.")
        until(lambda: ask(where, "GET", "/readyz")[0] == 503)
        assert "the disk is gone" in ask(where, "GET", "/readyz")[1]["error"]["message"]
        assert status(where, "POST", "/v1/route", bearer(keys["app"])) == 200
        broken.clear()
        until(lambda: ask(where, "GET", "/readyz")[0] == 200)


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of the rates that stands still: no request comes back while a test goes on."""
    monkeypatch.setattr(keyring, "time", SimpleNamespace(monotonic=lambda: 1_000.0))


@pytest.mark.usefixtures("standing")
def test_each_key_has_a_rate_of_its_own() -> None:
    store = open_store("memory://")
    keys = KeyStore(store.engine)
    slow = keys.create("slow", ["route"], requests_per_minute=3)[1]
    other = keys.create("slow", ["route"], requests_per_minute=0)[1]
    usual = keys.create("usual", ["route"])[1]
    settings = replace(SETTINGS, auth=AuthSettings(required=True, requests_per_minute=5))
    with serving(settings, store) as where:
        for path in ("/v1/route", "/v1/route?x=1"):
            assert [status(where, "POST", path, bearer(other)) for _ in range(6)] == [200] * 6
        answered = [status(where, "POST", "/v1/route", bearer(slow)) for _ in range(4)]
        assert answered == [200] * 3 + [429]
        answered = [status(where, "POST", "/v1/route?x=1", bearer(usual)) for _ in range(6)]
        assert answered == [200] * 5 + [429]
        new = keys.create("new", ["route"])[1]  # which moves the key ring, and forgives nobody
        until(lambda: status(where, "POST", "/v1/route", bearer(new)) == 200)
        assert status(where, "POST", "/v1/route", bearer(slow)) == 429


@pytest.mark.usefixtures("standing")
def test_a_list_counts_as_many_requests_as_it_holds_objects() -> None:
    store = open_store("memory://")
    key = KeyStore(store.engine).create("a", ["route", "feedback"], requests_per_minute=60)[1]
    with serving(REQUIRED, store) as where:
        _, decision = ask(where, "POST", "/v1/route", {}, headers=bearer(key))
        told = [{"decision_id": decision["decision_id"], "quality": 0.5}] * 200
        assert status(where, "POST", "/v1/feedback", bearer(key), told) == 200, (
            "it may be longer than the rate"
        )
        answered, reply = ask(where, "POST", "/v1/route", {}, headers=bearer(key))
        assert (answered, reply["error"]["code"]) == (429, "rate_limit_exceeded")
        wait = int(reply["error"]["message"].rpartition(" in ")[2].split()[0])
        assert wait == 142, "141 requests are owed, one a second comes back"
