"""Experiments in live traffic: what is logged is what was drawn from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from banditroute import AsyncRouter, Router
from banditroute.config.experiments import RampStep
from banditroute.config.feedback import Guardrail
from banditroute.config.settings import Settings
from banditroute.core import choosing
from banditroute.core.decide import Request
from banditroute.core.propensity import thompson_pmf
from banditroute.core.state import State
from banditroute.offline import simulate
from banditroute.policies.experiments import place_of
from banditroute.routing.choose import Chooser, Draft
from banditroute.routing.experiments import standings
from banditroute.store.controls import MemoryControls
from banditroute.types import Context, Decision
from tests.reproducible import reproducible
from tests.router.experiments import EVERYBODY, LEARNED, TWO, expected
from tests.router.setting import SETTINGS, under

SHARES = {"control": 0.4, "treatment": 0.6}


@pytest.fixture(scope="module")
def played() -> list[tuple[State, list[Decision]]]:
    """1,000 requests of 300 units in ten blocks, each scored before the next, with the state of each."""
    blocks = []
    with Router(TWO) as router:
        for block in range(10):
            state, decided = router.catch_up(), []
            for i in range(100):
                unit = f"user-{(37 * block + 7 * i) % 300}" if i % 10 else None
                request_class = ("code", "chat", "letters")[i % 3]
                decided.append(router.route(request_class=request_class, unit=unit, input_tokens=50 * i))
            blocks.append((state, decided))
            for i, decision in enumerate(decided):
                router.feedback(decision.id, quality=(0.2, 0.6, 0.9)[i % 3], output_tokens=200)
    return blocks


def test_each_request_gets_the_experiment_and_the_variant_of_its_unit(
    played: list[tuple[State, list[Decision]]],
) -> None:
    names = {
        "control": "fixed:large",
        "treatment": "thompson",
        "a": "cheapest",
        "b": "greedy:0.3",
        None: "thompson",
    }
    seen = set()
    for _, decided in played:
        for own in decided:
            unit = own.context.unit or own.id
            assert (own.experiment, own.variant) == expected(unit, own.context.request_class)
            assert own.policy == names[own.variant]
            assert (own.marginal is None) == (own.experiment is None)
            seen.add(own.variant)
    assert seen == set(names)


def test_receipts_recompute(played: list[tuple[State, list[Decision]]]) -> None:
    """The pmf given the variant, its average over the variants, the draw: bit for bit from the receipt."""
    for _, decided in played:
        for own in decided:
            if own.experiment != "learned-vs-premium":
                continue
            mean = np.array([[c.utility for c in own.candidates]])
            sd = np.array([[c.sd for c in own.candidates]])
            learned = thompson_pmf(
                mean, sd, np.ones(mean.shape, np.bool_), own.parameters["treatment.floor"]
            )[0]
            control = np.array([float(c.model == "large") for c in own.candidates])
            pmf = control if own.variant == "control" else learned
            assert list(own.pmf) == pmf.tolist()
            assert own.draw == choosing.uniform(np.uint64(own.seed))
            place = int(choosing.draw(pmf, own.draw))
            assert own.candidates[place].model == own.model
            assert own.propensity == pmf[place]
            assert own.variant_share == SHARES[own.variant or ""]
            assert own.marginal == pytest.approx(0.4 * control[place] + 0.6 * learned[place], rel=1e-15)


def test_replayed_as_batches_every_decision_is_the_same(
    played: list[tuple[State, list[Decision]]],
) -> None:
    """1,000 requests, one by one live and a hundred at a time replayed: equal in every bit."""
    chooser = Chooser(TWO)
    for state, decided in played:
        drafts = [draft(own) for own in decided]
        assert chooser.decide(state, drafts) == decided


def draft(own: Decision) -> Draft:
    request = Request(
        own.id, own.at, own.seed, own.context, own.preferences, own.root_id, own.attempt, own.mode, own.params
    )
    return Draft(request, None, False, (), {})


def test_requests_that_wait_together_are_decided_as_if_alone() -> None:
    async def together() -> list[Decision]:
        async with AsyncRouter(TWO) as router:
            calls = (router.route(unit=f"user-{i}", request_class="code") for i in range(60))
            return list(await asyncio.gather(*calls))

    decided = asyncio.run(together())
    assert [(d.experiment, d.variant) for d in decided] == [expected(f"user-{i}", "code") for i in range(60)]
    assert len({d.experiment for d in decided}) == 3


def test_the_drawn_frequencies_are_those_that_are_logged() -> None:
    """2,000 units: each count is within four standard errors, or 1 in 8,000 fails by chance, fixed by the
    seed."""
    with reproducible(), Router(EVERYBODY) as router:
        decided = [router.route(unit=f"user-{i}", request_class="code") for i in range(2_000)]
    for model in ("small", "middle", "large"):
        own = {d.variant: c.propensity for d in decided for c in d.candidates if c.model == model}
        both = 0.4 * own["control"] + 0.6 * own["treatment"]
        drawn = np.mean([d.model == model for d in decided])
        assert drawn == pytest.approx(both, abs=4 * np.sqrt(both * (1 - both) / 2_000) + 1e-12)
        assert all(d.marginal == pytest.approx(both) for d in decided if d.model == model)


def test_a_named_policy_or_model_takes_no_part() -> None:
    with Router(EVERYBODY) as router:
        assert router.route(unit="u").experiment == "learned-vs-premium"
        named, forced = router.route(unit="u", policy="cheapest"), router.route(unit="u", model="small")
        assert (named.experiment, named.variant, named.policy) == (None, None, "cheapest")
        assert (forced.experiment, forced.variant, forced.kind) == (None, None, "caller")
        assert router.route(unit="u", dry_run=True).experiment == "learned-vs-premium"


@pytest.mark.parametrize("mode", ["shadow", "canary:0.5", "off"])
def test_experiments_wait_while_the_mode_is_not_live(mode: str) -> None:
    settings = replace(under(mode), experiments=EVERYBODY.experiments)
    with Router(settings) as router:
        assert {router.route(unit=f"user-{i}").experiment for i in range(20)} == {None}
    assert [one.status for one in standings(settings, MemoryControls(), 0.0)] == ["idle"]


def test_every_attempt_of_a_request_without_a_unit_stays_in_its_variant() -> None:
    with Router(EVERYBODY) as router:
        for _ in range(40):
            first = router.route(request_class="code")
            again = router.route(request_class="code", root_id=first.id, limits={"deny": ["middle"]})
            assert again.kind == "fallback"
            assert again.variant == first.variant


def test_a_guardrail_binds_every_variant_and_the_receipt_says_so() -> None:
    settings = replace(EVERYBODY, guardrails=(Guardrail("code", "middle", min_share=0.2),))
    with Router(settings) as router:
        for decision in [router.route(unit=f"user-{i}", request_class="code") for i in range(60)]:
            kept = next(c.propensity for c in decision.candidates if c.model == "middle")
            assert kept >= 0.2 - 1e-12
            assert decision.parameters["baseline_share"] == 0.2
            assert sum(decision.pmf) == pytest.approx(1.0)
            if decision.variant == "control":
                own = {c.model: c.propensity for c in decision.candidates}
                assert own == pytest.approx({"large": 0.8, "middle": 0.2, "small": 0.0})


def test_the_ramp_goes_by_the_time_of_the_decision() -> None:
    now = time.time()
    ramp = (RampStep(now - 60.0, 0.3), RampStep(now + 3_600.0, 1.0))
    experiment = replace(LEARNED, units=(0.0, 1.0), holdout=0.0, ramp=ramp)
    settings = replace(SETTINGS, experiments=(experiment,))
    with Router(settings) as router:
        for i in range(100):
            inside = router.route(unit=f"user-{i}").experiment is not None
            assert inside == (place_of(f"user-{i}") < 0.3)
    times = (now - 61.0, now, now + 3_600.0)
    assert [standings(settings, MemoryControls(), at)[0].entered for at in times] == [0.0, 0.3, 1.0]
    states = [standings(settings, MemoryControls(), at)[0].status for at in times]
    assert states == ["waiting", "running", "running"]


def test_a_simulation_plays_policies_not_experiments(tmp_path: Path) -> None:
    """What `split:` compares there is named; the configuration's experiments are for live traffic."""
    log = tmp_path / "log.csv"
    rows = (
        f"{i},code,{m},{0.1 * (i % 7)},{0.01 * k}"
        for i in range(40)
        for k, m in enumerate(("small", "large"))
    )
    log.write_text("request_id,request_class,model,quality,usd\n" + "\n".join(rows) + "\n")

    def played_under(settings: Settings) -> Sequence[object]:
        result = simulate(log, policies=["cheapest"], seeds=1, settings=settings)
        return list(result.to_dict()["policies"])

    assert played_under(EVERYBODY) == played_under(SETTINGS)


def test_without_experiments_nothing_is_asked() -> None:
    assert Chooser(SETTINGS).experiments is None
    request = Request("d", 0.0, 1, Context("code", unit="u"))
    live = Chooser(EVERYBODY).experiments
    assert live is not None
    assert live.of(request) is not None
