"""What cannot be meant: a clear 4xx in one shape, a sentence with the way out, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving

ROUTE, FEEDBACK = "/v1/route", "/v1/feedback"
KNOWN = "<a decision that was made>"
DEEP = 200_000
FINE = {"decision_id": KNOWN, "quality": 1}

# Path, body, status, code, and what the sentence must name.
MALFORMED: list[tuple[str, object, int, str, str]] = [
    (ROUTE, b"", 422, "invalid_request", "empty"),
    (ROUTE, b"  \n", 422, "invalid_request", "empty"),
    (ROUTE, b"null", 422, "invalid_request", "null"),
    (ROUTE, b"[]", 422, "invalid_request", "JSON object"),
    (ROUTE, b'"code"', 422, "invalid_request", "JSON object"),
    (ROUTE, b'{"request_class": ', 400, "invalid_json", "not valid JSON"),
    (ROUTE, b"request_class=code", 400, "invalid_json", "not valid JSON"),
    (ROUTE, b'{"prompt": "\xff\xfe"}', 400, "invalid_json", "not valid JSON"),
    (ROUTE, b'{"weights": {"usd": NaN}}', 400, "invalid_json", "finite"),
    (ROUTE, b'{"features": {"difficulty": -Infinity}}', 400, "invalid_json", "finite"),
    (ROUTE, b'{"limits": {"max_usd": 1e999}}', 400, "invalid_json", "finite"),
    (ROUTE, {"requst_class": "code"}, 422, "invalid_request", "did you mean `request_class`"),
    (ROUTE, {"zebra": 1, "yak": 2}, 422, "invalid_request", "`zebra`, `yak`"),
    (ROUTE, {"weights": {"dollars": 1}}, 422, "invalid_request", "`weights.dollars`"),
    (ROUTE, {"limits": {"max_dollars": 1}}, 422, "invalid_request", "`limits.max_dollars`"),
    (ROUTE, {"weights": {"usd": -1}}, 422, "invalid_request", "`weights.usd` must be a number of at least 0"),
    (ROUTE, {"weights": {"usd": "20"}}, 422, "invalid_request", "`weights.usd` must be a number"),
    (ROUTE, {"weights": {"quality": 0, "usd": 0}}, 422, "invalid_request", "above 0"),
    (ROUTE, {"features": {"difficulty": "hard"}}, 422, "invalid_request", "`features.difficulty`"),
    (ROUTE, {"features": {"difficulty": True}}, 422, "invalid_request", "`features.difficulty`"),
    (ROUTE, {"features": {"difficulty": 1e300}}, 422, "invalid_request", "1,000,000,000"),
    (ROUTE, {"features": {"": 1}}, 422, "invalid_request", "`features`"),
    (ROUTE, {"features": [0.4]}, 422, "invalid_request", "an object"),
    (ROUTE, {"request_class": "c" * 201}, 422, "invalid_request", "at most 200 characters"),
    (ROUTE, {"request_class": ""}, 422, "invalid_request", "at least 1 character"),
    (ROUTE, {"request_class": 7}, 422, "invalid_request", "a text, not 7"),
    (ROUTE, {"input_tokens": -5}, 422, "invalid_request", "at least 0"),
    (ROUTE, {"input_tokens": 8.5}, 422, "invalid_request", "a whole number"),
    (ROUTE, {"messages": "hello"}, 422, "invalid_request", "a list"),
    (ROUTE, {"messages": [{"role": "user", "content": 5}]}, 422, "invalid_request", "`messages[0].content`"),
    (ROUTE, {"tags": {"app": 5}}, 422, "invalid_request", "`tags.app` must be a text"),
    (ROUTE, {"dry_run": "yes"}, 422, "invalid_request", "true or false"),
    (ROUTE, {"model": "lage"}, 422, "invalid_request", "did you mean `large`"),
    (ROUTE, {"tier": "gold"}, 422, "invalid_request", "`budget`"),
    (ROUTE, {"policy": "tompson"}, 422, "invalid_request", "thompson"),
    (ROUTE, {"policy": "rules:/etc/passwd"}, 422, "invalid_request", "configuration"),
    (ROUTE, {"policy": "rules :/etc/passwd"}, 422, "invalid_request", "configuration"),
    (ROUTE, {"policy": "rules\t\u2003: x.toml"}, 422, "invalid_request", "configuration"),
    (ROUTE, {"policy": "split:{a: rules :/etc/passwd 1}"}, 422, "invalid_request", "configuration"),
    (ROUTE, {"policy": "split:{a:\nrules\n:x 0.5, b: random 0.5}"}, 422, "invalid_request", "configuration"),
    (ROUTE, b"[" * DEEP, 400, "invalid_json", "nested too deeply"),
    (ROUTE, b'{"messages": ' + b"[" * DEEP, 400, "invalid_json", "nested too deeply"),
    (ROUTE, b'{"messages": [{"x": ' + b'{"x": ' * DEEP, 400, "invalid_json", "nested too deeply"),
    (ROUTE, b'{"features": {"x": ' + b"[" * DEEP, 400, "invalid_json", "nested too deeply"),
    (ROUTE, b'{"x": ' + b'{"x": ' * DEEP, 400, "invalid_json", "nested too deeply"),
    (ROUTE, {"f" * 3_000_000: 1}, 422, "invalid_request", "Unknown field `fff"),
    (ROUTE, {"weights": {"f" * 3_000_000: 1}}, 422, "invalid_request", "`weights.fff"),
    (ROUTE, {"features": {"f" * 3_000_000: 1}}, 422, "invalid_request", "The names in `features`"),
    (ROUTE, {"features": {"x": "f" * 3_000_000}}, 422, "invalid_request", "a text of 3,000,000 characters"),
    (ROUTE, {f"f{i}": 1 for i in range(200_000)}, 422, "invalid_request", "`f4` and 199,995 more"),
    (ROUTE, {"tags": {"app": "x" * 201}}, 422, "invalid_request", "`tags.app` must be a text of at most 200"),
    (ROUTE, {"tags": {f"t{i}": "" for i in range(101)}}, 422, "invalid_request",
     "`tags` must be an object of at most 100 entries, not an object of 101 entries"),
    (ROUTE, {"features": {f"f{i}": 0 for i in range(101)}}, 422, "invalid_request", "at most 100 entries"),
    (ROUTE, {"limits": {"allow": ["large"] * 1_001}}, 422, "invalid_request", "at most 1,000 entries"),
    (ROUTE, {"limits": {"deny": ["large"] * 300_000}}, 422, "invalid_request", "a list of 300,000 entries"),
    (ROUTE, {"limits": {"require": ["json"] * 101}}, 422, "invalid_request", "`limits.require`"),
    (ROUTE, {"limits": {"allow": "large"}}, 422, "invalid_request", "`limits.allow` must be a list"),
    (ROUTE, {"limits": {"deny": ["smal"]}}, 422, "invalid_request", "did you mean `small`"),
    (ROUTE, {"limits": {"min_quality": 1.2}}, 422, "invalid_request", "at most 1"),
    (ROUTE, {"limits": {"max_usd": -0.01}}, 422, "invalid_request", "at least 0"),
    (ROUTE, {"input_tokens": 10**8}, 422, "no_eligible_model", "needs 100,000,000 tokens"),
    (ROUTE, {"limits": {"require": ["smell"]}}, 422, "no_eligible_model", "smell"),
    (ROUTE, b'{"prompt": "' + b"x" * 5_000_000 + b'"}', 413, "body_too_large", "4 MB"),
    (FEEDBACK, b"", 422, "invalid_request", "empty"),
    (FEEDBACK, b"null", 422, "invalid_request", "null"),
    (FEEDBACK, [], 422, "invalid_request", "at least one"),
    (FEEDBACK, {"quality": 0.9}, 422, "invalid_request", "decision_id is missing"),
    (FEEDBACK, {"decision_id": KNOWN}, 422, "invalid_request", "no fact"),
    (FEEDBACK, {"decision_id": KNOWN, "comment": "nice"}, 422, "invalid_request", "no fact"),
    (FEEDBACK, {"decision_id": KNOWN, "quality": 1.1}, 422, "invalid_request", "from 0 to 1"),
    (FEEDBACK, {"decision_id": KNOWN, "quality": -0.1}, 422, "invalid_request", "from 0 to 1"),
    (FEEDBACK, {"decision_id": KNOWN, "quality": "great"}, 422, "invalid_request", '"up" or "down"'),
    (FEEDBACK, b'{"decision_id": "x", "quality": NaN}', 400, "invalid_json", "finite"),
    (FEEDBACK, {**FINE, "source": "boss"}, 422, "invalid_request", "metric"),
    (FEEDBACK, {**FINE, "source": "meter"}, 422, "invalid_request", "metric"),
    (FEEDBACK, {"decision_id": KNOWN, "latency_ms": -1}, 422, "invalid_request", "at least 0"),
    (FEEDBACK, {"decision_id": KNOWN, "output_tokens": 1.5}, 422, "invalid_request", "whole number"),
    (FEEDBACK, {"decision_id": KNOWN, "usd": "1 cent"}, 422, "invalid_request", "`usd` must be a number"),
    (FEEDBACK, {"decision_id": KNOWN, "score": 1}, 422, "invalid_request", "`score`"),
    (FEEDBACK, {"decision_id": KNOWN, "retract": ["score"]}, 422, "invalid_request", "quality"),
    (FEEDBACK, {**FINE, "retract": "quality"}, 422, "invalid_request", "`retract` must be a list"),
    (FEEDBACK, {**FINE, "retract": ["quality"]}, 422, "invalid_request", "both"),
    (FEEDBACK, {**FINE, "inference_id": "other"}, 422, "invalid_request", "differ"),
    (FEEDBACK, {"decision_id": "never", "quality": 1}, 404, "unknown_decision", "never"),
    (FEEDBACK, [FINE, {"decision_id": "never", "usd": 1}], 404, "unknown_decision", "never"),
    (FEEDBACK, {**FINE, "retract": ["usd"] * 101}, 422, "invalid_request", "at most 100 entries"),
    (FEEDBACK, b"[" * DEEP, 400, "invalid_json", "nested too deeply"),
    (FEEDBACK, b'[{"messages": [{"x": ' + b"[" * DEEP, 400, "invalid_json", "nested too deeply"),
    (FEEDBACK, [{f"f{i}": 1} for i in range(50_000)], 422, "invalid_request", "49,995 more"),
    (FEEDBACK, [FINE, {"decision_id": KNOWN, "usd": -1}], 422, "invalid_request", "[1].usd"),
]  # fmt: skip


def short(value: object) -> str:
    return str(value)[:40]


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(SETTINGS, store) as address:
        yield address


@pytest.fixture(scope="module")
def known(where: str) -> str:
    status, reply = ask(where, "POST", ROUTE, {})
    assert status == 200
    return str(reply["decision_id"])


@pytest.mark.parametrize(("path", "body", "status", "code", "names"), MALFORMED, ids=short)
def test_it_is_refused_with_the_way_out_and_nothing_is_written(
    where: str, store: Store, known: str, path: str, body: object, status: int, code: str, names: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).replace(KNOWN, known).encode()
    before = store.counts()
    got, reply = ask(where, "POST", path, content)
    assert got == status, reply
    error = reply["error"]
    assert {"message", "type", "code", "param"} <= error.keys()
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert names in error["message"]
    assert len(error["message"]) < 600
    assert len(error["param"] or "") < 100
    assert "Traceback" not in error["message"]
    assert store.counts() == before


def test_there_are_at_least_thirty_of_them() -> None:
    assert len({(path, repr(body)) for path, body, *_ in MALFORMED}) >= 30


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "names"),
    [
        ("GET", "/v1/nothing", 404, "not_found", "/docs"),
        ("GET", "/v1/route", 405, "method_not_allowed", "POST"),
        ("DELETE", "/v1/feedback", 405, "method_not_allowed", "POST"),
        ("POST", "/v1/models", 405, "method_not_allowed", "GET"),
        ("GET", "/v1/decisions/never", 404, "unknown_decision", "never"),
        ("GET", f"/v1/decisions/{'x' * 60_000}", 404, "unknown_decision", "(60,000 characters)"),
        ("GET", f"/{'x' * 60_000}", 404, "not_found", "/docs"),
        ("GET", "/v1/state?min_seq=soon", 422, "invalid_request", "min_seq"),
        ("GET", "/v1/state?min_seq=-1", 422, "invalid_request", "min_seq"),
        ("GET", "/v1/state?min_seq=999&timeout=0.05", 504, "not_folded_yet", "event_seq"),
    ],
    ids=short,
)
def test_other_errors_have_the_same_shape(
    where: str, method: str, path: str, status: int, code: str, names: str
) -> None:
    got, reply = ask(where, method, path)
    assert (got, reply["error"]["code"]) == (status, code)
    assert names in reply["error"]["message"]
    assert len(reply["error"]["message"]) < 600


def test_what_is_just_within_the_bounds_passes_and_the_bounds_are_documented(where: str) -> None:
    tags = {f"{i:0200}": "x" * 200 for i in range(100)}
    limits = {"allow": ["large"] * 1_000, "deny": ["small"] * 1_000, "require": ["json"] * 100}
    features = dict.fromkeys(tags, 1e9)
    body = {"tags": tags, "features": features, "limits": limits, "dry_run": True}
    status, reply = ask(where, "POST", ROUTE, body)
    assert (status, reply["model"], len(reply["ignored_features"])) == (200, "large", 100)
    schemas = ask(where, "GET", "/openapi.json")[1]["components"]["schemas"]
    route, limit = schemas["RouteFields"]["properties"], schemas["LimitFields"]["properties"]
    assert [_bound(route[name], "maxProperties") for name in ("tags", "features")] == [100, 100]
    assert [_bound(limit[name], "maxItems") for name in limits] == [1_000, 1_000, 100]
    assert _bound(route["tags"], "additionalProperties") == {"type": "string", "maxLength": 200}


def _bound(described: dict[str, list[dict[str, object]]], name: str) -> object:
    return next(option[name] for option in described["anyOf"] if name in option)


def test_every_model_that_was_excluded_is_named(where: str) -> None:
    _, reply = ask(where, "POST", ROUTE, {"limits": {"require": ["vision"]}})
    excluded = {each["model"]: each["reason"] for each in reply["error"]["excluded"]}
    assert excluded == {"small": "capability", "middle": "capability", "large": "capability"}
    assert all("vision" in each["detail"] for each in reply["error"]["excluded"])
