"""The three paths of a replay are one: what is fast chooses what the live loop body chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from banditroute.config.feedback import Guardrail
from banditroute.config.settings import Settings
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.catalogue import contexts, log_settings
from banditroute.offline.replay.feedback import parse_feedback
from banditroute.offline.replay.learning import replay_learning
from banditroute.offline.replay.order import request_order, request_seeds
from banditroute.offline.replay.reference import replay_reference
from banditroute.offline.replay.run import replay
from banditroute.policies import get_policy
from banditroute.types import Model, Weights

WEIGHTS = Weights(usd=10.0)


def settings_of(log: Log) -> Settings:
    return log_settings(log, Settings(), WEIGHTS)


@pytest.mark.parametrize("name", ["thompson", "greedy", "greedy:0.1"])
@pytest.mark.parametrize("timed", [True, False])
def test_the_compiled_loop_chooses_as_the_live_one(name: str, timed: bool, rich_log: Log) -> None:
    """The same 1,000 choices. Choices are a coarse witness: a posterior that is a little off may pass."""
    log = rich_log if timed else replace(rich_log, at=None)
    weights = Weights(usd=50.0, second=0.02)
    settings = log_settings(log, Settings(), weights)
    policy = get_policy(name, settings)
    known = contexts(log, settings, text=False)
    fast = replay(log, policy, settings, weights, 3, known)
    live, _ = replay_reference(log, policy, settings, weights, 3, known)
    np.testing.assert_array_equal(fast.actions, live)
    assert len(set(fast.actions.tolist())) > 1


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "budget",
        "budget:{quality: 0.75, usd_per_day: 0.3}",  # runs out at two thirds of the longer day
        "budget:{quality: 0.99, usd_per_day: 0.002}",  # at once; no model is good enough before
    ],
)
def test_a_compiled_budget_spends_as_the_live_one(name: str, timed: bool, rich_log: Log) -> None:
    """The same 1,000 choices over two days, some bills never sent; and the same fit at the end."""
    billed = np.where(np.random.default_rng(8).random(rich_log.usd.shape) < 0.9, rich_log.usd, np.nan)
    log = replace(rich_log, usd=billed, at=rich_log.at if timed else None)
    settings = log_settings(log, Settings(), WEIGHTS)
    policy = get_policy(name, settings)
    told: dict[str, Any] = {"feedback": parse_feedback(log, 0.5, 30, 0, 1.0)}
    known = contexts(log, settings, text=False)
    fast, ended = replay_learning(log, policy, settings, WEIGHTS, 3, **told)
    live, state = replay_reference(log, policy, settings, WEIGHTS, 3, known, **told)
    np.testing.assert_array_equal(fast, live)
    np.testing.assert_array_equal(replay(log, policy, settings, WEIGHTS, 3, known, **told).actions, live)
    assert len(set(live.tolist())) > 1
    for one, other in zip(ended.stats, state.stats, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one.xy, other.xy)


def test_a_budget_with_a_guardrail_is_played_live(rich_log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled loop knows no bounds, which a budget in service would be held to."""
    guard = Guardrail(request_class="x", baseline="d", margin=0.01)
    settings = replace(settings_of(rich_log), guardrails=(guard,))
    played = []
    monkeypatch.setattr(
        "banditroute.offline.replay.run.replay_reference",
        lambda *_, **__: played.append("live") or (np.zeros(len(rich_log), np.int64), None),
    )
    replay(rich_log, get_policy("budget", settings), settings, WEIGHTS, 0)
    replay(rich_log, get_policy("budget", settings_of(rich_log)), settings_of(rich_log), WEIGHTS, 0)
    assert played == ["live"]


@pytest.mark.parametrize(("timed", "delay", "batch"), [(True, "20min", "3h"), (False, 25, 10)])
def test_they_agree_when_feedback_is_late_scarce_and_forgotten(
    timed: bool, delay: str | int, batch: str | int, rich_log: Log
) -> None:
    log = rich_log if timed else replace(rich_log, at=None)
    weights = Weights(usd=50.0, second=0.02)
    settings = log_settings(log, Settings(), weights)
    policy = get_policy("thompson", settings)
    told: dict[str, Any] = {
        "feedback": parse_feedback(log, rate=0.4, delay=delay, batch=batch, odds=3.0),
        "half_lives": {"quality": 40_000.0 if timed else 300.0, "usd": 5_000.0 if timed else 90.0},
    }
    fast, ended = replay_learning(log, policy, settings, weights, 3, **told)
    live, state = replay_reference(
        log, policy, settings, weights, 3, contexts(log, settings, text=False), **told
    )
    np.testing.assert_array_equal(fast, live)
    assert ended.stats[0] is not None
    assert state.stats[0] is not None
    np.testing.assert_array_equal(ended.stats[0].xx, state.stats[0].xx)
    assert 0.0 < ended.stats[0].cells[:, :, 2].sum() < 800.0  # of 1,000, what was told and is remembered


@pytest.mark.parametrize(
    "name",
    ["random", "round_robin", "cheapest", "best_prior", "fixed:medium", "per_class:{code: large, *: small}"],
)
def test_choosing_at_once_is_choosing_one_by_one(name: str, short_log: Log) -> None:
    settings = settings_of(short_log)
    policy = get_policy(name, settings)
    known = contexts(short_log, settings, text=False)
    at_once = replay(short_log, policy, settings, WEIGHTS, 1, known)
    live, _ = replay_reference(short_log, policy, settings, WEIGHTS, 1, known)
    np.testing.assert_array_equal(at_once.actions, live)


def test_each_seed_shuffles_and_time_does_not(log: Log) -> None:
    first, again, other = request_order(log, 0), request_order(log, 0), request_order(log, 1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert sorted(first.tolist()) == list(range(len(log)))
    timed = replace(log, at=np.arange(float(len(log))))
    assert request_order(timed, 0).tolist() == list(range(len(log)))
    assert (request_seeds(timed, 0) != request_seeds(timed, 1)).all()


def test_learners_do_not_see_the_list_prices_of_the_log(log: Log) -> None:
    settings = settings_of(log)
    assert all(model.usd_per_request is not None for model in settings.models)
    blind = replace(
        settings, models=tuple(replace(m, usd_per_request=None, tier="") for m in settings.models)
    )
    policy = get_policy("thompson", settings)
    np.testing.assert_array_equal(
        replay(log, policy, settings, WEIGHTS, 0).actions, replay(log, policy, blind, WEIGHTS, 0).actions
    )


def test_static_rules_go_by_the_log_s_prices(log: Log) -> None:
    settings = settings_of(log)
    assert {m.id: m.tier for m in settings.models} == {
        "small": "budget",
        "medium": "standard",
        "large": "premium",
    }
    chosen = {
        name: {log.models[a] for a in replay(log, get_policy(name, settings), settings, WEIGHTS, 0).actions}
        for name in ("cheapest", "best_prior")
    }
    assert chosen == {"cheapest": {"small"}, "best_prior": {"large"}}


def test_complexity_reads_the_prompts(log: Log) -> None:
    hard = (
        "Prove that the sequence converges uniformly, and derive a bound on the remainder term of the series."
    )
    prompts = [hard if i % 2 else "hi" for i in range(len(log))]
    asked = replace(log, prompts=prompts)
    settings = settings_of(asked)
    run = replay(asked, get_policy("complexity", settings), settings, WEIGHTS, 0)
    easy = {log.models[a] for a, i in zip(run.actions, run.order, strict=True) if prompts[i] == "hi"}
    rest = {log.models[a] for a, i in zip(run.actions, run.order, strict=True) if prompts[i] == hard}
    assert easy == {"small"}
    assert rest
    assert "small" not in rest


def test_a_declared_model_keeps_its_prior_but_not_its_token_prices(log: Log) -> None:
    declared = Model(
        id="large", tier="mine", prior_quality=0.3, usd_per_input_token=1.0, usd_per_output_token=1.0
    )
    settings = log_settings(log, Settings(models=(declared, Model(id="absent"))), WEIGHTS)
    large = {m.id: m for m in settings.models}["large"]
    assert (large.tier, large.prior_quality) == ("mine", 0.3)
    assert large.usd_per_output_token is None
    assert large.usd_per_request == pytest.approx(log.usd[:, log.models.index("large")].mean())
    assert len(settings.models) == 3
