"""`/v1/controls` and `/metrics`, over real HTTP."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving, until


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store("memory://")


@pytest.fixture(scope="module")
def where(store: Store) -> Iterator[str]:
    with serving(SETTINGS, store) as address:
        yield address


def metrics(where: str) -> dict[str, float]:
    """The samples by name and labels."""
    with urllib.request.urlopen(f"http://{where}/metrics") as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        lines = answer.read().decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


def quality_known(where: str, model: str) -> float:
    _, state = ask(where, "GET", "/v1/state")
    return float(sum(row["quality"]["n"] for row in state["estimates"] if row["model"] == model))


def test_a_reset_is_followed_within_two_seconds(where: str) -> None:
    _, decision = ask(where, "POST", "/v1/route", {"model": "small"})
    _, told = ask(where, "POST", "/v1/feedback", {"decision_id": decision["decision_id"], "quality": 0.5})
    ask(where, "GET", f"/v1/state?min_seq={told['event_seq']}")
    assert quality_known(where, "small") == 1.0
    status, event = ask(where, "POST", "/v1/controls", {"kind": "reset", "subject": "small"})
    assert (status, event["kind"], event["subject"], event["body"]) == (200, "reset", "small", {})
    until(lambda: quality_known(where, "small") == 0.0)
    _, listed = ask(where, "GET", "/v1/controls")
    assert event in listed["data"]
    _, none = ask(where, "GET", f"/v1/controls?after={event['seq']}")
    assert none["data"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"kind": "reset", "subject": "smal"}, "subject"),
        ({"kind": "forget", "subject": "small"}, "kind"),
        ({"kind": "reset", "subject": "small", "factor": "taste"}, "factor"),
        ({"kind": "acknowledge", "subject": "code", "factor": "usd"}, "factor"),
        ({"kind": "reset", "subject": "small", "model": "small"}, "model"),
        ({"kind": "reset"}, None),
        ([], None),
    ],
)
def test_what_means_nothing_is_refused(where: str, body: object, param: str | None) -> None:
    status, reply = ask(where, "POST", "/v1/controls", body)
    assert status == 422
    assert reply["error"]["param"] == param
    assert reply["error"]["message"].endswith((".", "?"))


def test_a_body_without_end_is_not_read(where: str) -> None:
    status, reply = ask(where, "POST", "/v1/controls", {"kind": "reset", "subject": "x" * 100_000})
    assert (status, reply["error"]["code"]) == (413, "body_too_large")


def test_metrics_count_what_happened(where: str, store: Store) -> None:
    before = metrics(where)
    decided = [ask(where, "POST", "/v1/route", {})[1]["decision_id"] for _ in range(3)]
    _, told = ask(where, "POST", "/v1/feedback", {"decision_id": decided[0], "quality": 1.0, "latency_ms": 5})
    ask(where, "GET", f"/v1/state?min_seq={told['event_seq']}")
    store.controls.append("alarm", "model/small/quality", body={"kind": "model", "id": "1"})
    after = metrics(where)
    assert ask(where, "GET", "/v1/state")[1]["pending"] == after["banditroute_pending_decisions"]
    moved = {name: after[name] - before.get(name, 0.0) for name in after}
    assert moved["banditroute_decisions_total"] == 3.0
    assert moved["banditroute_outcomes_total"] == 2.0
    assert moved["banditroute_folded_events_total"] == 2.0
    assert moved["banditroute_pending_decisions"] == 2.0
    assert moved['banditroute_alarms_total{kind="model"}'] == 1.0
    assert after["banditroute_unfolded_events"] == 0.0
