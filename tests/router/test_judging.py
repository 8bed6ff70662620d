"""From the draw to the job: what is asked for, kept, redacted, handed over and deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from banditroute.config.feedback import JudgeSettings
from banditroute.config.settings import Settings
from banditroute.core.steering.sampling import LEAST
from banditroute.router import Router
from banditroute.routing.judging import Judging, enqueue, own_models
from banditroute.store import Store, open_store, tables
from banditroute.store.demand import tally
from banditroute.store.jobs import JobStore
from banditroute.types import Decision
from tests.router.setting import MODELS, SETTINGS

INSTRUMENT = "judge/pointwise-1"
ALL = JudgeSettings(model="judge", base_rate=1.0, value_rate=0.0)
HALF = replace(ALL, base_rate=0.5)


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the event log."""
    return lambda: open_store(request.param, base=tmp_path)


def judged_by(judge: JudgeSettings, settings: Settings = SETTINGS) -> Settings:
    return replace(settings, judge=judge)


def played(router: Router, n: int, **more: object) -> list[Decision]:
    """Requests with prompts, all of whose answers are reported, asked for or not."""
    made = [router.route(request_class="code", prompt=f"question {i}", **more) for i in range(n)]
    for i, decision in enumerate(made):
        router.feedback(decision.id, latency_ms=100, response=f"answer {i}", comment="private")
    return made


def test_only_sampled_decisions_keep_texts_and_become_jobs(opened: Callable[[], Store]) -> None:
    store = opened()
    with Router(judged_by(HALF), store) as router:
        made = played(router, 60)
        asked = [one for one in made if one.wants_response]
        assert 10 < len(asked) < 50
        for i, one in enumerate(made):
            assert one.judge_propensity == 0.5
            assert router.decision(one.id).decision == one
            kept = {"prompt": f"question {i}", "response": f"answer {i}"} if one.wants_response else {}
            assert store.texts(one.id) == kept
        jobs = JobStore(store.engine)
        assert enqueue(store, jobs, INSTRUMENT) == len(asked)
        assert store.answered() == []
        assert enqueue(store, jobs, INSTRUMENT) == 0
        claimed = jobs.claim(INSTRUMENT, 1e12, lease_seconds=1.0, limit=100)
        assert {job.decision_id for job in claimed} == {one.id for one in asked}
        assert {(job.sampled, job.reason) for job in claimed} == {(0.5, "base")}
        assert {job.created_at for job in claimed} == {one.at for one in asked}


def test_a_job_says_why_its_decision_was_sampled(opened: Callable[[], Store]) -> None:
    store = opened()
    with Router(judged_by(replace(ALL, base_rate=0.3, value_rate=0.6)), store) as router:
        made = played(router, 60)
        by_id = {one.id: one for one in made if one.wants_response}
        answered = store.answered()
        assert [one.decision_id for one in answered] == sorted(by_id)
        assert {one.reason for one in answered} == {"base", "value"}
        for one in answered:
            decision = by_id[one.decision_id]
            assert (one.sampled, one.at) == (decision.judge_propensity, decision.at)
            assert one.reason == ("base" if decision.audit else "value")


def test_an_answer_that_comes_again_or_late_is_one_job(opened: Callable[[], Store]) -> None:
    store = opened()
    with Router(judged_by(ALL), store) as router:
        decision = router.route(request_class="code", prompt="question")
        jobs = JobStore(store.engine)
        router.feedback(decision.id, latency_ms=100)
        assert enqueue(store, jobs, INSTRUMENT) == 0  # nothing to judge yet
        router.feedback(decision.id, latency_ms=100, response="none")  # a duplicate, but for the answer
        router.feedback(decision.id, latency_ms=200, response="first")
        assert enqueue(store, jobs, INSTRUMENT) == 1
        router.feedback(decision.id, quality=1.0, response="second")
        assert enqueue(store, jobs, INSTRUMENT) == 0
        assert store.texts(decision.id)["response"] == "second"
        assert sum(jobs.counts(INSTRUMENT).values()) == 1


def test_what_was_answered_survives_until_it_is_a_job(tmp_path: Path) -> None:
    store = open_store("sqlite:///log.db", base=tmp_path)
    with Router(judged_by(ALL), store) as router:
        made = played(router, 5)
    again = open_store("sqlite:///log.db", base=tmp_path)  # nobody took them over before the end
    jobs = JobStore(again.engine)
    assert jobs.enqueue(made[0].id, INSTRUMENT, 1.0, "base", 0.0)  # or did, and died before saying so
    assert enqueue(again, jobs, INSTRUMENT) == 4
    assert jobs.counts()["pending"] == 5
    again.close()


def test_a_store_that_keeps_prompts_keeps_them_all_and_judges_the_sampled(
    opened: Callable[[], Store],
) -> None:
    store = opened()
    keeping = replace(SETTINGS, store=replace(SETTINGS.store, prompts=True))
    with Router(judged_by(HALF, keeping), store) as router:
        made = played(router, 40)
        assert all(store.texts(one.id)["response"] for one in made)
        asked = {one.id for one in made if one.wants_response}
        assert 0 < len(asked) < 40
        assert {one.decision_id for one in store.answered()} == asked


def test_without_a_judge_nothing_is_sampled_or_kept(opened: Callable[[], Store]) -> None:
    store = opened()
    with Router(SETTINGS, store) as router:
        (decision,) = played(router, 1)
        assert (decision.judge_propensity, decision.wants_response, decision.audit) == (0.0, False, False)
        assert not any(name.startswith("judge_") for name in decision.parameters)
        assert store.texts(decision.id) == {}
        assert store.answered() == []


def test_a_dry_run_is_never_sampled() -> None:
    with Router(judged_by(ALL)) as router:
        assert router.route(request_class="code", prompt="question").wants_response
        dry = router.route(request_class="code", prompt="question", dry_run=True)
        assert (dry.wants_response, dry.judge_propensity) == (False, 0.0)


def test_later_attempts_and_forced_models_are_sampled_too() -> None:
    with Router(judged_by(ALL)) as router:
        first = router.route(request_class="code", prompt="question")
        second = router.route(request_class="code", prompt="question", root_id=first.id)
        forced = router.route(request_class="code", prompt="question", model="large")
        assert (second.kind, second.wants_response) == ("fallback", True)
        assert (forced.kind, forced.wants_response, forced.parameters["judge_gain"]) == ("caller", True, 0.0)


@pytest.mark.parametrize("mode", ["shadow", "canary:0.5", "off"])
def test_every_mode_is_judged(mode: str) -> None:
    settings = replace(SETTINGS, policy=replace(SETTINGS.policy, mode=mode))
    with Router(judged_by(ALL, settings)) as router:
        assert router.route(request_class="code", prompt="question", unit="u").judge_propensity == 1.0


def test_only_the_classes_that_are_allowed_are_judged() -> None:
    with Router(judged_by(replace(ALL, classes=("chat",)))) as router:
        assert router.route(request_class="chat", prompt="question").wants_response
        assert router.route(request_class="code", prompt="question").judge_propensity == 0.0
        assert router.route(request_class="unheard of", prompt="question").judge_propensity == 0.0
    with Router(judged_by(replace(ALL, classes=("other",)))) as router:
        assert router.route(request_class="unheard of", prompt="question").wants_response


def test_a_judge_is_not_asked_about_its_own_answers() -> None:
    with Router(judged_by(replace(ALL, model="large"))) as router:
        assert router.route(prompt="question", model="large").judge_propensity == 0.0
        assert router.route(prompt="question", model="small").judge_propensity == 1.0
    with Router(judged_by(replace(ALL, model="large", own=True))) as router:
        assert router.route(prompt="question", model="large").judge_propensity == 1.0


def test_its_own_are_all_deployments_and_namesakes_of_the_judge() -> None:
    models = (
        *MODELS,
        replace(MODELS[2], id="azure/large", provider="azure", upstream_name="large"),
        replace(MODELS[2], id="eu", provider="eu", group="large-group"),
    )
    judge = replace(MODELS[2], id="judge", upstream_name="large", group="large-group")
    settings = replace(SETTINGS, models=(*models, judge))
    assert own_models(judged_by(ALL, settings)) == {"large", "azure/large", "eu", "judge"}
    assert own_models(judged_by(replace(ALL, model="azure/large"), settings)) == {
        "large",
        "azure/large",
        "judge",
    }
    outside = replace(ALL, model="large", upstream="azure")
    assert own_models(judged_by(outside, replace(SETTINGS, models=(*MODELS[:2], models[3])))) == {
        "azure/large"
    }


def job_row(n: int, reason: str, **more: object) -> dict[str, object]:
    row: dict[str, object] = {
        "decision_id": f"d{n}", "instrument": INSTRUMENT, "sampled": 0.1, "reason": reason, "state": "done",
        "created_at": 43_200.0 - 10.0 * n, "due_at": 0.0, "attempts": 1, "usd": 0.02, "reserved": 0.0,
    }  # fmt: skip
    return row | more


def test_the_tally_is_what_the_jobs_say(opened: Callable[[], Store]) -> None:
    store = opened()
    rows = [job_row(n, "base") for n in range(60)]
    rows += [job_row(n, "value", state="pending", usd=0.0, sampled=0.5) for n in range(60, 100)]
    rows.append(job_row(1_000_000, "base"))  # of another day: its cost counts, its demand does not
    with store.engine.begin() as connection:
        connection.execute(insert(tables.judge_jobs), rows)
        connection.execute(insert(tables.judge_spend), {"day": 0, "reason": "base", "usd": 1.2})
        connection.execute(insert(tables.judge_spend), {"day": 1, "reason": "value", "usd": 7.0})
    seen = tally(store.engine, 43_200.0)
    assert seen.demand == pytest.approx((60 / 0.1 + 40 / 0.5) / 990.0)
    assert seen.usd == pytest.approx(0.02)
    assert (seen.base_spent, seen.value_spent) == (1.2, 0.0)
    assert (seen.base_waiting, seen.value_waiting) == (0, 40)
    store.close()


def test_a_spent_cap_throttles_what_is_sampled_and_never_stops_the_audit(opened: Callable[[], Store]) -> None:
    store = opened()
    judge = JudgeSettings(model="judge", base_rate=0.2, value_rate=0.3, usd_per_day=1.0, reserve=0.5)
    judging = Judging(judged_by(judge), store)
    judging.close()
    judging.refresh(43_200.0)
    assert judging.rates == (0.2, 0.3)
    with store.engine.begin() as connection:
        connection.execute(insert(tables.judge_jobs), [job_row(n, "value") for n in range(50)])
        connection.execute(insert(tables.judge_spend), {"day": 0, "reason": "value", "usd": 0.5})
    judging.refresh(43_200.0)
    base, value = judging.rates
    assert value == 0.0
    assert LEAST * 0.2 <= base < 0.2
    with store.engine.begin() as connection:
        connection.execute(insert(tables.judge_spend), {"day": 0, "reason": "base", "usd": 0.5})
    judging.refresh(43_200.0)
    assert judging.rates == (LEAST * 0.2, 0.0)
    store.close()
