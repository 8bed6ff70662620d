"""Acknowledging over real HTTP: what may be, and what `/v1/state` and `/metrics` say right after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from banditroute.config.feedback import BudgetSettings, Guardrail, JudgeSettings, TrustSettings
from banditroute.store import Store, open_store
from tests.router.setting import SETTINGS
from tests.router.test_guardrails import GUARDED, broken
from tests.service.live import ask, serving, until
from tests.service.test_controls import metrics

UNDER = replace(
    GUARDED,
    judge=JudgeSettings(
        model="judge", base_rate=0.25, value_rate=0.0, usd_per_day=2.0, redact=("x",), worker=False
    ),
    budget=BudgetSettings(usd_per_request=0.001, exploration_usd_per_day=1.0),
)


@pytest.fixture
def store() -> Store:
    """An event log in which the promise for code is broken."""
    opened = open_store("memory://")
    broken(UNDER, opened)
    return opened


@pytest.fixture
def where(store: Store) -> Iterator[str]:
    with serving(UNDER, store) as address:
        yield address


def acknowledge(where: str, subject: str) -> tuple[int, dict[str, object]]:
    return ask(where, "POST", "/v1/controls", {"kind": "acknowledge", "subject": subject})


def promise(where: str) -> dict[str, object]:
    _, state = ask(where, "GET", "/v1/state")
    (found,) = state["account"]["guardrails"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("by", ["code", "*", "the alarm's id", "guardrail/code/quality"])
def test_the_state_is_right_as_soon_as_a_breach_is_acknowledged(by: str, where: str, store: Store) -> None:
    assert promise(where)["status"] == "breach"
    assert metrics(where)['banditroute_guardrail_state{request_class="code",state="breach"}'] == 1.0
    until(lambda: bool(store.controls.after(0, "alarm")))
    alarm_id = str(store.controls.after(0, "alarm")[0].body["id"])
    status, event = acknowledge(where, alarm_id if by == "the alarm's id" else by)
    assert status == 200
    assert event["subject"] == ("*" if by == "*" else "code")
    assert event["body"] == ({} if by in ("*", "code") else {"alarm": alarm_id})
    after = promise(where)
    assert (after["status"], after["scores"], after["mean"]) == ("undecided", 0, None)
    assert after["since"] == event["at"]
    told = metrics(where)
    states = {state: told[f'banditroute_guardrail_state{{request_class="code",state="{state}"}}']
              for state in ("undecided", "confirmed", "breach")}  # fmt: skip
    assert states == {"undecided": 1.0, "confirmed": 0.0, "breach": 0.0}
    _, decision = ask(where, "POST", "/v1/route", {"request_class": "code"})
    assert decision["excluded"] == []


@pytest.mark.parametrize("subject", ["chat", "nonsense", "large", "guardrail/code"])
def test_what_is_nothing_to_be_seen_to_is_refused(subject: str, where: str, store: Store) -> None:
    status, reply = acknowledge(where, subject)
    assert (status, reply["error"]["param"]) == (422, "subject")  # type: ignore[index]
    message = reply["error"]["message"]  # type: ignore[index]
    assert "a class with a guardrail (`code`; `*` for all), or the id of an alarm" in message
    assert not store.controls.after(0, "acknowledge")


def test_without_guardrails_only_alarms_can_be_acknowledged() -> None:
    with serving(SETTINGS, store := open_store("memory://")) as address:
        store.controls.append("alarm", "model/small/quality", body={"kind": "model", "id": "7"})
        status, reply = acknowledge(address, "*")
        assert status == 422
        assert "to acknowledge; name the id of an alarm" in reply["error"]["message"]  # type: ignore[index]
        status, event = acknowledge(address, "7")
        assert (status, event["subject"], event["body"]) == (200, "model/small/quality", {"alarm": "7"})


def test_a_guardrail_for_every_class_names_them() -> None:
    every = replace(SETTINGS, guardrails=(Guardrail("*", "large"),))
    with serving(every) as address:
        assert acknowledge(address, "other")[0] == 200
        _, reply = acknowledge(address, "cod")
    assert "(`code`, `chat`, `other`; `*` for all)" in reply["error"]["message"]  # type: ignore[index]


def test_the_metrics_of_judge_budget_and_speakers(store: Store) -> None:
    trusting = replace(UNDER, trust=TrustSettings(quarantine=True))
    with serving(trusting, store) as address:
        for user in ("ann", "bob"):
            _, decision = ask(address, "POST", "/v1/route", {"request_class": "chat"})
            told = {"decision_id": decision["decision_id"], "quality": 0.9, "rater": user, "usd": 0.01}
            _, receipt = ask(address, "POST", "/v1/feedback", told)
        ask(address, "GET", f"/v1/state?min_seq={receipt['event_seq']}")
        told = metrics(address)
    assert told['banditroute_judge_sampling_ratio{reason="base"}'] == 0.25
    assert told['banditroute_judge_sampling_ratio{reason="value"}'] == 0.0
    assert told["banditroute_judge_cap_usd"] == 2.0
    for state in ("pending", "running", "done", "skipped", "failed"):
        assert told[f'banditroute_judge_jobs{{state="{state}"}}'] == 0.0
    for reason in ("base", "value"):
        assert told[f'banditroute_judge_spent_usd_total{{reason="{reason}"}}'] == 0.0
        assert told[f'banditroute_judge_spent_today_usd{{reason="{reason}"}}'] == 0.0
        assert told[f'banditroute_judge_waiting_answers{{reason="{reason}"}}'] == 0.0
    for reason in ("failed", "slow", "long"):
        assert told[f'banditroute_refused_texts_total{{reason="{reason}"}}'] == 0.0
    assert told["banditroute_shadow_price_utility_per_usd"] > 0.0
    assert told["banditroute_shadow_price_utility_per_second"] == 0.0
    assert told["banditroute_speakers"] >= 2.0
    assert told["banditroute_speakers_quarantined"] == told["banditroute_untold_alarms"] == 0.0
    assert not any("ann" in name or "bob" in name for name in told), "nobody is named"
