"""Lists of feedback: each object is its own, under its own key, with its own texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import Answer, ask, serving

KEEPING = replace(SETTINGS, store=replace(SETTINGS.store, prompts=True))


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(KEEPING, store) as address:
        yield address


@pytest.fixture
def ids(where: str) -> list[str]:
    return [ask(where, "POST", "/v1/route", {"prompt": "hello"})[1]["decision_id"] for _ in range(2)]


def tell(where: str, body: object, **headers: str) -> Answer:
    return ask(
        where, "POST", "/v1/feedback", body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def about(decision_id: str, quality: float, key: str | None = None, **more: object) -> dict[str, object]:
    return {"decision_id": decision_id, "quality": quality, "idempotency_key": key, **more}


def test_a_key_in_a_list_is_the_key_of_its_object(where: str, store: Store, ids: list[str]) -> None:
    one, other = ids
    key = f"a-{one}"
    assert tell(where, [about(one, 0.9, key), about(other, 0.8, f"b-{one}")])[1]["accepted"] == 2
    before = store.counts()
    status, reply = tell(where, about(one, 0.1, key))
    assert (status, reply["error"]["code"]) == (409, "idempotency_conflict")
    status, reply = tell(where, [about(other, 0.7), about(one, 0.1, key)])
    assert (status, reply["error"]["code"]) == (409, "idempotency_conflict")
    assert store.counts() == before


def test_an_object_of_a_list_sent_again_alone_is_a_duplicate(where: str, ids: list[str]) -> None:
    one, other = ids
    key = f"c-{one}"
    _, first = tell(where, [about(one, 0.5, key), about(other, 0.8)])
    again = {"accepted": 0, "duplicates": 1, "event_seq": first["event_seq"] - 1}
    assert tell(where, about(one, 0.5, key)) == (200, again)
    assert tell(where, about(one, 0.5), Idempotency_Key=key) == (200, again)
    tell(where, about(one, 0.6))
    assert tell(where, [about(one, 0.5, key), about(other, 0.9, f"d-{one}")])[1]["accepted"] == 1
    _, receipt = ask(where, "GET", f"/v1/decisions/{one}")
    assert [o["value"] for o in receipt["outcomes"] if o["stands"]] == [0.6]


def test_one_key_on_two_objects_of_a_list_is_refused(where: str, store: Store, ids: list[str]) -> None:
    before = store.counts()
    key = f"e-{ids[0]}"
    status, reply = tell(where, [about(ids[0], 0.5, key), about(ids[1], 0.5, key)])
    assert (status, reply["error"]["param"]) == (409, "idempotency_key")
    assert "comes twice" in reply["error"]["message"]
    assert store.counts() == before
    assert tell(where, [about(ids[0], 0.5, key), about(ids[0], 0.5, key)])[1] == {
        "accepted": 1, "duplicates": 1, "event_seq": store.last_seq(),
    }  # fmt: skip


def test_the_header_is_the_key_of_the_whole_list(where: str, ids: list[str]) -> None:
    body = [about(each, 0.5, f"f-{each}") for each in ids]
    key = f"list-{ids[0]}"
    assert tell(where, body, Idempotency_Key=key)[1]["accepted"] == 2
    assert tell(where, body, Idempotency_Key=key)[1]["duplicates"] == 2
    assert tell(where, body[:1], Idempotency_Key="another")[0] == 422, "one object, two keys"
    assert tell(where, [*body, about(ids[0], 0.1)], Idempotency_Key=key)[0] == 409
    assert tell(where, body[0])[1]["duplicates"] == 1


def test_the_texts_of_all_objects_about_a_decision_are_kept(where: str, store: Store, ids: list[str]) -> None:
    one, other = ids
    told = [
        about(one, 0.5, comment="good"),
        about(other, 0.5, comment="bad"),
        {"inference_id": one, "usd": 0.1, "response": "hi", "error": "late"},
    ]
    assert tell(where, told)[0] == 200
    assert store.texts(one) == {"prompt": "hello", "comment": "good", "response": "hi", "error": "late"}
    assert store.texts(other) == {"prompt": "hello", "comment": "bad"}
