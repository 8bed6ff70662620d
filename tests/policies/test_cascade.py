"""`cascade`: one step is a decision; escalating is asking again, with what was tried denied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from banditroute.config.settings import Settings
from banditroute.core.decide import Request, decide, initial_state
from banditroute.errors import ConfigError, RequestError
from banditroute.policies import get_policy
from banditroute.policies.cascade import Cascade, Verifier, chained
from banditroute.router import Router
from banditroute.types import Context, Limits, Model, Preferences
from tests.router.setting import SETTINGS as LIVE

MODELS = (
    Model("mid", usd_per_request=0.01, prior_quality=0.8),
    Model("small", usd_per_request=0.001, prior_quality=0.7),
    Model("large", usd_per_request=0.1, prior_quality=0.9),
    Model("other", usd_per_request=0.05, prior_quality=0.85),
)
SETTINGS = Settings(models=MODELS)
CHAIN = "cascade:{models: small > mid > large, threshold: 0.6}"


def step(spec: str, *deny: str) -> tuple[str, str | None]:
    request = Request("d", 0.0, 1, Context(), Preferences(limits=Limits(deny=deny)))
    (decision,) = decide(initial_state(SETTINGS), [request], get_policy(spec, SETTINGS), SETTINGS)
    assert decision.propensity == 1.0
    assert decision.parameters["threshold"] == get_policy(spec, SETTINGS).threshold  # type: ignore[attr-defined]
    return decision.model, decision.rule


def test_the_first_of_the_chain_that_is_eligible() -> None:
    assert step(CHAIN) == ("small", "cascade: step 1 of 3, accepted from a score of 0.6")
    assert step(CHAIN, "small") == ("mid", "cascade: step 2 of 3, accepted from a score of 0.6")
    assert step(CHAIN, "small", "mid") == ("large", "cascade: step 3 of 3, accepted from a score of 0.6")
    assert step(CHAIN, "mid")[0] == "small"
    model, reason = step(CHAIN, "small", "mid", "large")
    assert (model, "none of its models is eligible" in str(reason)) == ("other", True)


def test_by_default_from_the_cheapest_to_the_best_by_reputation() -> None:
    assert step("cascade")[0] == "small"
    assert step("cascade", "small")[0] == "large"
    alone = get_policy("cascade", Settings(models=MODELS[:1]))
    assert isinstance(alone, Cascade)
    assert alone.models == ("mid",)


def test_how_it_is_written() -> None:
    spec = "cascade:{models: small > large, verify: {error: 0.2, usd: 0.001, seconds: 0.5}}"
    policy = get_policy(spec, SETTINGS)
    assert isinstance(policy, Cascade)
    assert (policy.name, policy.threshold, policy.verify) == (spec, 0.7, Verifier(0.2, 0.001, 0.5))
    perfect = get_policy("cascade:{models: small > large, verify: perfect}", SETTINGS)
    assert isinstance(perfect, Cascade)
    assert perfect.verify.error == 0.0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cascade:{models: small}", "name at least two, each once"),
        ("cascade:{models: small > small}", "name at least two, each once"),
        ("cascade:{models: small > smal}", 'There is no model "smal"'),
        ("cascade:{threshold: 2}", "the threshold of 'cascade' must be a number from 0 to 1"),
        ("cascade:{chain: small > mid}", "knows models, threshold and verify, not 'chain'"),
        ("cascade:{verify: {noise: 0.1}}", "knows error, usd and seconds, not 'noise'"),
        ("cascade:{verify: {error: -1}}", "the verifier's error must be a number from 0 to 1"),
        ("cascade:small > mid", "is not understood; write cascade:"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        get_policy(spec, SETTINGS)


def test_a_cascade_is_found_wherever_it_hides() -> None:
    inside = f"split:{{a: {CHAIN} 0.5, b: split_free 0.5}}".replace("split_free", "cheapest")
    assert chained(get_policy(CHAIN, SETTINGS))
    assert chained(get_policy(inside, SETTINGS))
    assert not chained(get_policy("split:{a: thompson 0.5, b: cheapest 0.5}", SETTINGS))
    assert not chained(get_policy("rules", SETTINGS))


def test_live_a_later_attempt_is_a_decision_of_its_own_linked_to_the_first() -> None:
    settings = replace(LIVE, policy=replace(LIVE.policy, name="cascade:{models: small > large}"), rules=())
    with Router(settings) as router:
        first = router.route(request_class="code", input_tokens=100)
        again = router.route(
            request_class="code",
            input_tokens=100,
            root_id=first.id,
            attempt=2,
            limits={"deny": [first.model]},
        )
        stored = router.decision(again.id).decision
        assert (first.model, first.kind, first.root_id, first.attempt) == ("small", "drawn", None, 1)
        assert (stored.model, stored.kind, stored.root_id, stored.attempt) == (
            "large",
            "fallback",
            first.id,
            2,
        )
        assert router.route(root_id=first.id).attempt == 2
        for fields in ({"attempt": 2}, {"attempt": 1, "root_id": first.id}):
            with pytest.raises(RequestError, match="root_id and attempt go together"):
                router.route(**fields)
