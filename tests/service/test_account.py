"""What stands beside the estimates in `/v1/state`, over real HTTP: judges, promises, who answers, alarms."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from banditroute.config.feedback import AlertSettings, BudgetSettings, Guardrail, JudgeSettings
from banditroute.store import open_store
from banditroute.store.jobs import JobStore, NewJob
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving

JUDGE = "referee/pointwise-1"

WATCHED = replace(
    SETTINGS,
    guardrails=(Guardrail("code", "large", margin=0.05, min_share=0.3),),
    alerts=AlertSettings(changes=True),
    budget=BudgetSettings(usd_per_request=0.001),
)

QUALITY = {"small": 0.25, "middle": 0.5, "large": 0.95}
FAVOUR = {"small": 0.2, "middle": 0.1, "large": 0.0}
"""What the judge gives too much."""


def account(where: str, seq: int) -> dict[str, Any]:
    status, state = ask(where, "GET", f"/v1/state?min_seq={seq}")
    assert status == 200
    found: dict[str, Any] = state["account"]
    return found


@pytest.fixture(scope="module")
def where() -> Iterator[str]:
    with serving(WATCHED) as address:
        yield address


@pytest.fixture(scope="module")
def known(where: str) -> dict[str, Any]:
    """The account after 240 requests of one class, of which a judge scores all and a user two of three."""
    seq = 0
    for t in range(240):
        model = list(QUALITY)[t % 3]
        _, decision = ask(where, "POST", "/v1/route", {"request_class": "code", "model": model})
        level = QUALITY[model] + 0.02 * (t % 5 - 2)
        said = [{"quality": level + FAVOUR[model], "source": "judge", "rater": JUDGE}]
        if t // 3 % 3:
            said.append({"quality": level, "source": "user", "rater": f"user-{t % 7}", "usd": 0.002})
        body = [{"decision_id": decision["decision_id"], **one} for one in said]
        status, receipt = ask(where, "POST", "/v1/feedback", body)
        assert status == 200, receipt
        seq = receipt["event_seq"]
    return account(where, seq)


def test_before_anything_is_known_there_are_promises_only() -> None:
    with serving(WATCHED) as address:
        empty = account(address, 0)
    assert empty["judges"] == empty["changes"] == []
    assert empty["answers"] is None
    (promise,) = empty["guardrails"]
    assert (promise["request_class"], promise["baseline"], promise["status"]) == (
        "code",
        "large",
        "undecided",
    )
    assert (promise["scores"], promise["mean"], promise["low"], promise["high"]) == (0, None, -1.0, 1.0)
    assert empty["judging"] is None


def test_a_judge_is_shown_with_what_it_gives_too_much(known: dict[str, Any]) -> None:
    (judge,) = known["judges"]
    assert judge["instrument"] == JUDGE
    assert (judge["answers"], judge["pairs"]) == pytest.approx((240.0, 159.0))
    rectifiers = {one["model"]: one for one in judge["rectifiers"]}
    for one in rectifiers.values():
        assert one["low"] < one["value"] < one["high"]
        assert one["pairs"] > 50.0
    assert set(rectifiers) == set(QUALITY)
    assert 0.0 < judge["noise_sd"] < 0.1
    assert 0.25 <= judge["slope"] < 1.0, "it likes what is bad better than people do"
    assert judge["slope_sd"] > 0.0


def test_who_answers_and_who_speaks_is_shown(known: dict[str, Any]) -> None:
    answers = known["answers"]
    assert answers["scored"] + answers["silent"] == pytest.approx(240.0)
    assert answers["rate"] == pytest.approx(159.0 / 240.0)
    assert 0.0 <= answers["moved"] < 0.05
    assert 0.0 < answers["odds_1_5"] < answers["odds_2"]
    assert known["speakers"]["quarantined"] == []


def test_alarms_are_shown_until_there_is_no_room_and_who_saw_to_them() -> None:
    """Open ones are never pushed out by those that somebody has seen to."""
    with serving(SETTINGS, store := open_store("memory://")) as address:
        assert account(address, 0)["alarms"] == []
        for i in range(60):
            body = {"id": f"a{i}", "kind": "model", "subject": "small", "message": f"It changed ({i})."}
            store.controls.append("alarm", f"model/small/{i}", body=body)
        first = account(address, 0)["alarms"]
        for i in range(45, 60):
            body = {"kind": "acknowledge", "subject": f"a{i}"}
            assert ask(address, "POST", "/v1/controls", body)[0] == 200
        after = account(address, 0)["alarms"]
    assert [own["id"] for own in first] == [f"a{i}" for i in range(59, 19, -1)]
    assert first[0].items() >= {"kind": "model", "subject": "small", "message": "It changed (59)."}.items()
    assert first[0]["at"] <= time.time()
    assert not any(own["acknowledged"] for own in first)
    seen = [own["id"] for own in after if own["acknowledged"]]
    unseen = [own["id"] for own in after if not own["acknowledged"]]
    assert seen == [f"a{i}" for i in range(59, 49, -1)]
    assert unseen == [f"a{i}" for i in range(44, 4, -1)]


def test_promises_changes_and_the_budget_are_shown(known: dict[str, Any]) -> None:
    (promise,) = known["guardrails"]
    assert promise["request_class"] == "code"
    assert promise["low"] < promise["high"]
    assert known["changes"] == []
    pace = known["pace"]
    assert pace["shadow_usd"] > 0.0, "twice the budget was spent"
    assert 0.0 < pace["spent_today"] < 159 * 0.002 + 1e-9, "less, if midnight (UTC) came between"


def test_promises_stand_in_one_place(where: str) -> None:
    _, state = ask(where, "GET", "/v1/state")
    assert "guardrails" not in state
    _, openapi = ask(where, "GET", "/openapi.json")
    assert "Standing" not in openapi["components"]["schemas"]


def test_what_judging_takes_is_shown() -> None:
    judged = replace(
        SETTINGS, judge=JudgeSettings(model="judge", base_rate=0.2, value_rate=0.3, worker=False)
    )
    with serving(judged, store := open_store("memory://")) as address:
        before = account(address, 0)["judging"]
        job = NewJob("d1", "judge/pointwise-1", 0.2, "value", time.time())
        JobStore(store.engine).enqueue_all([job])
        after = account(address, 0)["judging"]
    assert (before["base_rate"], before["value_rate"], before["usd_per_day"]) == (0.2, 0.3, 1.0)
    assert (before["base_waiting"], before["value_waiting"], before["usd_per_verdict"]) == (0, 0, None)
    assert (after["base_waiting"], after["value_waiting"]) == (0, 1)


def test_the_contract_says_what_it_is(where: str) -> None:
    _, openapi = ask(where, "GET", "/openapi.json")
    schemas = openapi["components"]["schemas"]
    assert {
        "Account",
        "JudgeAccount",
        "GuardrailAccount",
        "ChangeAccount",
        "AnswersAccount",
        "AlarmAccount",
    } <= set(schemas)
    assert "account" in schemas["StateReply"]["required"]
