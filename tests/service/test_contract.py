"""The replies of the service, as applications rely on them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from banditroute.core import choosing
from banditroute.core.propensity import thompson_pmf
from banditroute.errors import StoreError
from banditroute.routing.fields import FeedbackFields, RouteFields
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving

FLOORED = replace(SETTINGS, policy=replace(SETTINGS.policy, floor=0.05))


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(FLOORED, store) as address:
        yield address


def routed(where: str, **fields: object) -> dict[str, object]:
    status, reply = ask(where, "POST", "/v1/route", fields)
    assert status == 200, reply
    return dict(reply)


def told(where: str, body: object, **headers: str) -> dict[str, int]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, reply = ask(where, "POST", "/v1/feedback", body, headers=named)
    assert status == 200, reply
    return dict(reply)


def stands(where: str, decision_id: object) -> dict[str, float]:
    _, receipt = ask(where, "GET", f"/v1/decisions/{decision_id}")
    return {o["factor"]: o["value"] for o in receipt["outcomes"] if o["stands"]}


def test_the_reply_to_a_route_request(where: str) -> None:
    limits = {"allow": [], "deny": ["small"], "max_usd": 0.5, "max_seconds": 900, "min_quality": 0.1}
    reply = routed(
        where, request_class="code", input_tokens=812, max_output_tokens=400, prompt="f()", tier=None,
        model=None, features={"difficulty": 0.4, "mood": 3}, unit="user-123", session_id="s",
        user_tier="premium", weights={"quality": 1.0, "usd": 20.0, "second": 0.01}, policy="thompson",
        tags={"app": "search"}, limits={**limits, "require": []}, messages=[], json_output=False,
        dry_run=False,
    )  # fmt: skip
    assert {
        "decision_id", "model", "request_class", "policy", "variant", "propensity", "state_seq", "fallbacks",
        "params", "wants_response", "candidates", "excluded",
    } <= reply.keys()  # fmt: skip
    candidates = reply["candidates"]
    assert isinstance(candidates, list)
    assert [c["model"] for c in candidates] == ["middle", "large"]
    assert all(c["expected"].keys() == {"quality", "usd", "seconds", "utility"} for c in candidates)
    assert sum(c["propensity"] for c in candidates) == pytest.approx(1.0)
    assert reply["propensity"] == next(c["propensity"] for c in candidates if c["model"] == reply["model"])
    assert reply["fallbacks"] == [c["model"] for c in candidates if c["model"] != reply["model"]]
    assert reply["params"] == {"temperature": 0.0, "max_tokens": 512}
    excluded = reply["excluded"]
    assert isinstance(excluded, list)
    assert excluded[0].keys() == {"model", "reason", "detail"}
    assert reply["ignored_features"] == ["mood"], "what is not configured is kept, and named"


@pytest.mark.parametrize("policy", ["thompson", "greedy:0.1", "random"])
def test_a_receipt_holds_enough_to_recompute_pmf_and_draw(where: str, policy: str) -> None:
    for i in range(9):
        limits = {"deny": ["middle"]} if i % 3 == 2 else {}
        reply = routed(
            where, request_class=("code", "chat")[i % 2], input_tokens=300 * i, policy=policy, limits=limits
        )
        told(where, {"decision_id": reply["decision_id"], "quality": 0.1 * i, "latency_ms": 500 + i})
        _, receipt = ask(where, "GET", f"/v1/decisions/{reply['decision_id']}")
        mean = np.array([[c["expected"]["utility"] for c in receipt["candidates"]]])
        sd = np.array([[c["sd"] for c in receipt["candidates"]]])
        k = mean.shape[1]
        if policy == "thompson":
            pmf = thompson_pmf(mean, sd, np.ones(mean.shape, np.bool_), receipt["parameters"]["floor"])
        else:
            epsilon = receipt["parameters"].get("epsilon", 1.0)
            pmf = (1.0 - epsilon) * (mean == mean.max()) + epsilon * np.full((1, k), 1.0 / k)
        logged = [c["propensity"] for c in receipt["candidates"]]
        assert logged == pmf[0].tolist()
        u = choosing.uniform(np.uint64(receipt["seed"]))
        assert u == receipt["draw"]
        chosen = receipt["candidates"][choosing.draw(np.array(logged), u)]
        assert chosen["model"] == receipt["model"] == reply["model"]
        assert chosen["propensity"] == receipt["propensity"] == reply["propensity"]


def test_a_receipt_holds_every_field_of_the_decision(where: str, store: Store) -> None:
    reply = routed(where, request_class="code", unit="u", tags={"a": "b"})
    _, receipt = ask(where, "GET", f"/v1/decisions/{reply['decision_id']}")
    record = store.record(str(reply["decision_id"]))
    assert record is not None
    said = json.loads(msgspec.json.encode(record.decision))
    said["decision_id"] = said.pop("id")
    for each in said["candidates"]:
        each["expected"] = {name: each.pop(name) for name in ("quality", "usd", "seconds", "utility")}
    assert receipt == {**said, "outcomes": []}


def test_feedback_repeated_revised_and_taken_back(where: str) -> None:
    decision = routed(where)["decision_id"]
    first = told(where, {"decision_id": decision, "quality": 0.4, "latency_ms": 2140})
    assert (first["accepted"], first["duplicates"]) == (2, 0)
    again = told(where, {"inference_id": decision, "quality": 0.4, "latency_ms": 2140})
    assert again == {"accepted": 0, "duplicates": 2, "event_seq": first["event_seq"]}
    revised = told(where, {"decision_id": decision, "quality": True})
    assert revised == {"accepted": 1, "duplicates": 0, "event_seq": first["event_seq"] + 1}
    assert stands(where, decision) == {"quality": 1.0, "seconds": 2.14}
    told(where, {"decision_id": decision, "retract": ["quality", "latency_ms"]})
    assert stands(where, decision) == {}
    _, receipt = ask(where, "GET", f"/v1/decisions/{decision}")
    assert [o["value"] for o in receipt["outcomes"] if o["factor"] == "quality"] == [0.4, 1.0, None]
    assert [o["seq"] for o in receipt["outcomes"]] == sorted(o["seq"] for o in receipt["outcomes"])
    told(where, {"decision_id": decision, "quality": "down", "source": "judge", "error": "timeout"})
    assert stands(where, decision) == {"quality": 0.0, "error": 1.0}


def test_the_state_is_that_of_what_stands(where: str) -> None:
    def quality() -> object:
        _, state = ask(where, "GET", f"/v1/state?min_seq={seq}")
        rows = {(row["model"], row["request_class"]): row["quality"] for row in state["estimates"]}
        return rows["large", "chat"]

    decision = routed(where, model="large", request_class="chat")["decision_id"]
    seq = told(where, {"decision_id": decision, "usd": 0.01})["event_seq"]
    before = quality()
    seq = told(where, {"decision_id": decision, "quality": 0.0})["event_seq"]
    assert quality() != before
    seq = told(where, {"decision_id": decision, "retract": ["quality"]})["event_seq"]
    after = quality()
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert after.keys() == {"mean", "low", "high", "n"}
    assert [after[key] for key in after] == pytest.approx([before[key] for key in after], abs=1e-9)


def test_an_idempotency_key_in_the_body_or_in_the_header(where: str, store: Store) -> None:
    decision = routed(where)["decision_id"]
    body = {"decision_id": decision, "quality": 0.5, "idempotency_key": "k1"}
    first = told(where, body)
    assert told(where, body) == {"accepted": 0, "duplicates": 1, "event_seq": first["event_seq"]}
    bare = {"decision_id": decision, "quality": 0.5}
    assert told(where, bare, Idempotency_Key="k1")["duplicates"] == 1, "the same request, its key elsewhere"
    before = store.counts()
    for changed in ({"quality": 0.6}, {"comment": "better"}, {"source": "judge"}):
        status, reply = ask(where, "POST", "/v1/feedback", {**body, **changed})
        assert (status, reply["error"]["code"]) == (409, "idempotency_conflict")
    differing = {"Idempotency-Key": "k2"}
    assert ask(where, "POST", "/v1/feedback", body, headers=differing)[0] == 422
    assert store.counts() == before


def test_a_list_with_keys_of_its_own(where: str) -> None:
    ids = [routed(where)["decision_id"] for _ in range(2)]
    batch = [{"decision_id": each, "quality": 0.5, "idempotency_key": f"of-{each}"} for each in ids]
    assert told(where, batch)["accepted"] == 2
    assert told(where, batch)["duplicates"] == 2
    batch[1]["quality"] = 0.6
    assert ask(where, "POST", "/v1/feedback", batch)[0] == 409


def test_a_dry_run_writes_nothing(where: str, store: Store) -> None:
    before = store.counts()
    reply = routed(where, request_class="code", dry_run=True)
    assert reply["dry_run"] is True
    assert store.counts() == before
    assert ask(where, "GET", f"/v1/decisions/{reply['decision_id']}")[0] == 404


def test_models_in_openais_shape(where: str) -> None:
    _, reply = ask(where, "GET", "/v1/models")
    assert reply["object"] == "list"
    assert [each["id"] for each in reply["data"]] == ["auto", "small", "middle", "large"]
    assert all(each.keys() == {"id", "object", "created", "owned_by"} for each in reply["data"])


def test_health(where: str) -> None:
    assert ask(where, "GET", "/healthz")[1]["status"] == "ok"
    assert ask(where, "GET", "/readyz")[1]["status"] == "ready"


def test_waiting_for_an_event_is_bounded(where: str) -> None:
    started = time.monotonic()
    assert ask(where, "GET", "/v1/state?min_seq=100000&timeout=0.1")[0] == 504
    assert time.monotonic() - started < 30


class Broken:
    """A store whose writes fail, and one defect."""

    def __init__(self) -> None:
        self._store = open_store("memory://")
        self.defect = False

    def append_decisions(self, *_: object, **__: object) -> object:
        if self.defect:
            raise ZeroDivisionError
        raise StoreError("the event log cannot be written: the disk is full; make room on the disk.")

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_what_could_not_be_stored_is_not_acknowledged() -> None:
    store = Broken()
    with serving(SETTINGS, store) as where:  # type: ignore[arg-type]
        status, reply = ask(where, "POST", "/v1/route", {})
        assert (status, reply["error"]["code"]) == (503, "store_unavailable")
        assert "make room" in reply["error"]["message"]
        store.defect = True
        status, reply = ask(where, "POST", "/v1/route", {})
        assert (status, reply["error"]["type"], reply["error"]["code"]) == (
            500,
            "server_error",
            "internal_error",
        )
        assert "ZeroDivision" not in reply["error"]["message"]


def test_the_documented_schema_is_what_the_decoder_takes(where: str) -> None:
    """Every field, and every bound of a field: the value at the bound passes, the one beyond does not."""
    _, document = ask(where, "GET", "/openapi.json")
    schemas = document["components"]["schemas"]
    checked = 0
    for kind in (RouteFields, FeedbackFields):
        schema = schemas[kind.__name__]
        assert set(schema["properties"]) == set(kind.__struct_fields__)
        assert schema["additionalProperties"] is False
        for name, described in schema["properties"].items():
            for option in described.get("anyOf", [described]):
                for inside, outside in _bounds(option):
                    alone = len(described.get("anyOf", [])) <= 2  # a number, or null
                    msgspec.convert({name: inside}, kind)
                    if alone:
                        with pytest.raises(msgspec.ValidationError):
                            msgspec.convert({name: outside}, kind)
                        checked += 1
    assert checked >= 20
    route, feedback = (document["paths"][path]["post"] for path in ("/v1/route", "/v1/feedback"))
    assert route["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/RouteFields")
    assert feedback["requestBody"]["content"]["application/json"]["schema"]["anyOf"][1]["type"] == "array"
    assert {"200", "400", "413", "422", "503"} <= route["responses"].keys()
    assert {"404", "409"} <= feedback["responses"].keys()
    text = json.dumps(document)
    assert {ref.split('"')[0] for ref in text.split("#/components/schemas/")[1:]} <= schemas.keys()


def _bounds(option: dict[str, object]) -> Iterator[tuple[object, object]]:
    """Values at the bounds of a schema, each with one just beyond."""
    for key, step in (("minimum", -1), ("maximum", 1)):
        if isinstance(bound := option.get(key), int | float):
            yield bound, bound + step
    if isinstance(longest := option.get("maxLength"), int):
        yield "x" * longest, "x" * (longest + 1)
    if option.get("minLength") == 1:
        yield "x", ""


def test_the_documented_replies_have_the_fields_of_the_replies(where: str) -> None:
    _, document = ask(where, "GET", "/openapi.json")
    schemas = document["components"]["schemas"]
    decision = routed(where)
    _, receipt = ask(where, "GET", f"/v1/decisions/{decision['decision_id']}")
    _, state = ask(where, "GET", "/v1/state")
    for name, reply in (("RouteReply", decision), ("ReceiptReply", receipt), ("StateReply", state)):
        assert set(schemas[name]["properties"]) == set(reply)
