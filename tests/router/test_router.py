"""The router in process: what it decides, what it keeps, and that both routers are one."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from banditroute.core.propensity import best_model_probabilities
from banditroute.errors import Conflict, NoEligibleModel, RequestError, UnknownDecision
from banditroute.router import AsyncRouter, Router
from banditroute.routing.identity import Identities
from banditroute.store import open_store
from banditroute.types import Decision, Weights
from tests.router.setting import SETTINGS, under


def taught(router: Router, n: int = 30) -> None:
    """Some feedback, so that the state is not the first one."""
    for i in range(n):
        decision = router.route(request_class="code", input_tokens=100 + i)
        router.feedback(decision.id, quality=0.5 + 0.01 * (i % 40), latency_ms=900 + i, output_tokens=100 + i)
    router.catch_up()


def test_a_decision_is_stored_and_what_is_reported_moves_the_state() -> None:
    with Router(SETTINGS) as router:
        decision = router.route(request_class="code", input_tokens=812, unit="u1")
        assert router.decision(decision.id).decision == structs.replace(decision, context=decision.context)
        before = router.state
        receipt = router.feedback(decision.id, quality="up", latency_ms=1500, output_tokens=300, ttft_ms=200)
        assert (receipt.accepted, receipt.duplicates, receipt.event_seq) == (4, 0, 4)
        after = router.catch_up()
        assert (before.seq, after.seq, router.state.seq) == (0, 4, 4)
        outcomes = {o.factor: o.value for o in router.decision(decision.id).outcomes}
        assert outcomes == {"quality": 1.0, "seconds": 1.5, "output_tokens": 300.0, "ttft_seconds": 0.2}


def test_the_propensity_is_the_exact_probability_of_the_drawn_model() -> None:
    with Router(SETTINGS) as router:
        taught(router)
        decision = router.route(request_class="code", input_tokens=400)
        assert decision.state_seq > 0
        mean = [candidate.utility for candidate in decision.candidates]
        sd = [candidate.sd for candidate in decision.candidates]
        pmf = best_model_probabilities(mean, sd)  # type: ignore[arg-type]
        assert sum(decision.pmf) == pytest.approx(1.0, abs=1e-12)
        assert decision.pmf == pytest.approx(list(pmf), abs=1e-5)
        chosen = next(c for c in decision.candidates if c.model == decision.model)
        assert decision.propensity == chosen.propensity


def test_a_dry_run_writes_nothing() -> None:
    store = open_store("memory://")
    with Router(SETTINGS, store) as router:
        decision = router.route(request_class="code", dry_run=True)
        assert store.counts() == {"decisions": 0, "outcomes": 0}
        with pytest.raises(UnknownDecision):
            router.feedback(decision.id, quality=1.0)
        with pytest.raises(UnknownDecision):
            router.decision(decision.id)


def test_hints_beat_everything_and_are_told() -> None:
    with Router(SETTINGS) as router:
        forced = router.route(model="large")
        assert (forced.model, forced.kind, forced.propensity) == ("large", "caller", 1.0)
        assert router.route(tier="budget").model == "small"
        assert router.route(json_output=True, limits={"deny": ["large"]}).model == "middle"
        assert router.route(limits={"require": ["region:eu"]}).model == "large"
        ruled = router.route(prompt="A diagnosis, please.", request_class="code")
        assert ruled.model == "large"
        assert ruled.rule == "medical questions go to the best"
        assert ruled.params == {"temperature": 0.0, "max_tokens": 64}


def test_what_the_caller_leaves_out_is_filled_in() -> None:
    with Router(SETTINGS) as router:
        bare = router.route()
        assert (bare.context.request_class, bare.context.confidence) == ("other", None)
        assert bare.context.input_tokens is None
        told = router.route(messages=[{"role": "user", "content": [{"type": "text", "text": "x" * 401}]}])
        assert told.context.input_tokens == 101
        assert told.context.input_tokens_estimated
        assert told.context.complexity is not None
        counted = router.route(prompt="x" * 401, input_tokens=7)
        assert (counted.context.input_tokens, counted.context.input_tokens_estimated) == (7, False)
        weighed = router.route(weights={"usd": 3.0})
        assert weighed.preferences.weights == replace(SETTINGS.reward.weights, usd=3.0)
        assert router.route(weights=Weights(usd=5.0)).preferences.weights.usd == 5.0


def test_prompts_are_kept_only_where_the_configuration_says_so() -> None:
    for prompts in (False, True):
        settings = replace(SETTINGS, store=replace(SETTINGS.store, prompts=prompts))
        store = open_store("memory://")
        with Router(settings, store) as router:
            decision = router.route(prompt="my secret")
            router.feedback(decision.id, quality=1.0, comment="fine")
            kept = store.texts(decision.id)
        assert kept == ({"prompt": "my secret", "comment": "fine"} if prompts else {})


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"weights": {"usd": float("nan")}}, "weights.usd"),
        ({"features": {"difficulty": float("inf")}}, "features.difficulty"),
        ({"features": {"difficulty": "high"}}, "features.difficulty"),
        ({"prompt": "\ud800"}, "surrogate"),
        ({"input_tokens": 5.5}, "input_tokens"),
        ({"request_clas": "code"}, "request_class"),
        ({"policy": "tompson"}, "thompson"),
        ({"policy": "rules:other.toml"}, "rules file"),
        ({"policy": "rules : other.toml"}, "rules file"),
        ({"policy": "split:{a: rules:other.toml 0.5, b: thompson 0.5}"}, "rules file"),
        ({"limits": {"deny": ["smal"]}}, "small"),
        ({"weights": {"quality": 0, "usd": 0}}, "weight"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_way_out(fields: dict[str, object], names: str) -> None:
    store = open_store("memory://")
    with Router(SETTINGS, store) as router:
        with pytest.raises(RequestError, match=names):
            router.route(**fields)
        assert store.counts()["decisions"] == 0


def test_no_eligible_model_says_why_for_each() -> None:
    with Router(SETTINGS) as router, pytest.raises(NoEligibleModel) as refusal:
        router.route(input_tokens=1_000_000)
    assert {e.model: e.reason for e in refusal.value.excluded} == dict.fromkeys(
        ("small", "middle", "large"), "context_window"
    )


def test_a_list_is_stored_as_a_whole_or_not_at_all() -> None:
    store = open_store("memory://")
    with Router(SETTINGS, store) as router:
        decision = router.route()
        with pytest.raises(UnknownDecision):
            router.feedback_list(
                [{"decision_id": decision.id, "quality": 1}, {"decision_id": "no", "quality": 1}]
            )
        assert store.counts()["outcomes"] == 0
        once = [{"decision_id": decision.id, "quality": 1.0}, {"decision_id": decision.id, "usd": 0.1}]
        assert router.feedback_list(once, idempotency_key="k").accepted == 2
        assert router.feedback_list(once, idempotency_key="k").duplicates == 2
        with pytest.raises(Conflict):
            router.feedback_list(once[:1], idempotency_key="k")
        with pytest.raises(Conflict):  # a text is part of the body, whether it is kept or not
            router.feedback_list([{**once[0], "comment": "!"}, once[1]], idempotency_key="k")


def test_shadow_serves_the_baseline_and_logs_the_learner() -> None:
    with Router(under("shadow")) as router:
        decision = router.route(request_class="code")
        assert (decision.model, decision.policy, decision.mode) == ("small", "fixed:small", "shadow")
        assert decision.shadow is not None
        assert decision.shadow["policy"] == "thompson"
        pmf = decision.shadow["pmf"]
        assert isinstance(pmf, dict)
        assert sum(pmf.values()) == pytest.approx(1.0)
        assert pmf[decision.shadow["model"]] == decision.shadow["propensity"]
        assert decision.params == {"temperature": 0.0, "max_tokens": 512}


def test_off_serves_the_baseline_alone_whatever_a_request_names() -> None:
    with Router(under("off")) as router:
        decision = router.route(policy="fixed:large")
        assert (decision.model, decision.mode, decision.shadow) == ("small", "off", None)


def test_a_canary_goes_by_unit_and_logs_share_and_marginal() -> None:
    """300 units at a share of 0.3: the count is binomial, 90 ± 6 sd is missed with probability 2e-9."""
    with Router(under("canary:0.3", name="random")) as router:
        decisions = [router.route(unit=f"unit-{i}") for i in range(300)]
        assert [d.variant for d in decisions] == [router.route(unit=f"unit-{i}").variant for i in range(300)]
    assert abs(Counter(d.variant for d in decisions)["canary"] - 90) < 48
    for decision in decisions:
        on = decision.variant == "canary"
        assert decision.policy == ("random" if on else "fixed:small")
        assert decision.variant_share == pytest.approx(0.3 if on else 0.7)
        both = 0.3 / 3 + (0.7 if decision.model == "small" else 0.0)
        assert decision.marginal == pytest.approx(both)
        assert decision.propensity == pytest.approx(1 / 3 if on else 1.0)


def test_ids_sort_as_they_were_made_and_seeds_differ() -> None:
    identities = Identities()
    made = [identities.new(at) for at in (5.0, 5.0, 4.0, 6.0) for _ in range(100)]
    ids = [made_id for made_id, _ in made]
    assert ids == sorted(ids)
    assert len(set(ids)) == len({seed for _, seed in made}) == 400
    assert max(seed for _, seed in made) >= 2**63, "64 bits: 400 seeds below 2**63 happen once in 2**400"


class Scripted(Identities):
    """The same ids and seeds in every router."""

    def __init__(self) -> None:
        super().__init__()
        self._made = 0

    def new(self, at: float) -> tuple[str, int]:
        self._made += 1
        return f"{self._made:032x}", 0x9E3779B97F4A7C15 * self._made % 2**64


REQUESTS: list[dict[str, object]] = [
    {
        "request_class": ("code", "chat", "else")[i % 3],
        "input_tokens": 50 * i,
        "features": {"difficulty": i / 40},
    }
    for i in range(40)
]


def test_the_asynchronous_router_decides_the_same_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditroute.routing.engine.Identities", Scripted)
    monkeypatch.setattr("banditroute.routing.engine.time.time", lambda: 1_000.0)

    def synchronous() -> tuple[list[Decision], int]:
        with Router(SETTINGS) as router:
            first = [router.route(**fields) for fields in REQUESTS]
            for i, decision in enumerate(first):
                router.feedback(decision.id, quality=i / 40, latency_ms=10.0 * i + 1)
            router.catch_up()
            return first + [router.route(**fields) for fields in REQUESTS], router.state.seq

    async def asynchronous() -> tuple[list[Decision], int]:
        async with AsyncRouter(SETTINGS) as router:
            first = await asyncio.gather(*(router.route(**fields) for fields in REQUESTS))
            for i, decision in enumerate(first):
                await router.feedback(decision.id, quality=i / 40, latency_ms=10.0 * i + 1)
            await router.catch_up()
            second = await asyncio.gather(*(router.route(**fields) for fields in REQUESTS))
            return [*first, *second], router.state.seq

    one, one_seq = synchronous()
    other, other_seq = asyncio.run(asynchronous())
    assert one_seq == other_seq == 80
    assert one == other
    assert len({d.model for d in one}) > 1, "a parity of constants would prove nothing"


def test_one_impossible_request_does_not_spoil_the_batch() -> None:
    async def play() -> list[object]:
        async with AsyncRouter(SETTINGS) as router:
            asked = [router.route(input_tokens=tokens) for tokens in (10, 1_000_000, 20)]
            return list(await asyncio.gather(*asked, return_exceptions=True))

    fine, refused, also_fine = asyncio.run(play())
    assert isinstance(fine, Decision)
    assert isinstance(also_fine, Decision)
    assert isinstance(refused, NoEligibleModel)


def test_who_leaves_before_the_answer_disturbs_nobody() -> None:
    async def play() -> tuple[bool, Decision]:
        async with AsyncRouter(SETTINGS) as router:
            leaving, staying = (asyncio.create_task(router.route()) for _ in range(2))
            await asyncio.sleep(0)
            leaving.cancel()
            decision = await staying
            await asyncio.gather(leaving, return_exceptions=True)
            return leaving.cancelled(), decision

    left, decision = asyncio.run(play())
    assert left
    assert decision.model in ("small", "middle", "large")


def test_threads_share_a_router(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'log.db'}")
    with Router(SETTINGS, store) as router:

        def work() -> None:
            for _ in range(20):
                router.feedback(router.route(request_class="code").id, quality=0.5)

        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert router.catch_up().seq == 100
        assert store.counts() == {"decisions": 100, "outcomes": 100}
