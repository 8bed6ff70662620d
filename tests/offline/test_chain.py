"""Cascades and budgets in a replay: every step is paid for, and the day's money holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.core.base import Floats
from banditroute.errors import LogError
from banditroute.offline import evaluate
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.catalogue import log_settings
from banditroute.offline.replay.chain import Chain, play_chain
from banditroute.offline.replay.run import replay
from banditroute.offline.simulation.assumptions import require_one_step
from banditroute.offline.simulation.run import simulate
from banditroute.policies import get_policy
from banditroute.policies.budget import limited
from banditroute.policies.cascade import Cascade
from banditroute.types import Model, Weights

from .decisions import world

QUALITY = np.array([[0.9, 0.8, 0.7], [0.5, 0.8, 0.7], [0.5, 0.6, 0.4], [0.7, 0.1, 0.1]])
USD = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0], [3.0, 30.0, 300.0], [4.0, 40.0, 400.0]])
PERFECT = "cascade:{models: a > b > c, threshold: 0.7, verify: {error: 0, usd: 0.5, seconds: 2}}"


def log_of(quality: Floats, usd: Floats, **more: object) -> Log:
    n, k = quality.shape
    unknown = np.full((n, k), np.nan)
    log = Log(
        kind="full_information",
        request_ids=np.array([f"r{i:06d}" for i in range(n)]),
        models=("a", "b", "c", "d")[:k],
        classes=("x",),
        class_index=np.zeros(n, np.int64),
        quality=quality,
        usd=usd,
        seconds=unknown,
        output_tokens=unknown,
        input_tokens=np.full(n, np.nan),
    )
    return replace(log, **more)  # type: ignore[arg-type]


SMALL = log_of(QUALITY, USD, seconds=np.full((4, 3), 1.0))


def cascade(spec: str, log: Log = SMALL) -> Cascade:
    policy = get_policy(spec, Settings(models=tuple(Model(name) for name in log.models)))
    assert isinstance(policy, Cascade)
    return policy


def test_by_hand() -> None:
    """Request 0 is accepted at once, 1 at the second step, 2 goes to the end, 3 is just good enough."""
    chain = play_chain(SMALL, cascade(PERFECT), 0)
    assert chain.actions.tolist() == [0, 1, 2, 0]
    assert chain.attempts.tolist() == [1, 2, 3, 1]
    # before the answer that counts: its predecessors, and a check of every answer but the last model's
    assert chain.extra_usd.tolist() == [0.5, 2.0 + 2 * 0.5, 3.0 + 30.0 + 2 * 0.5, 0.5]
    assert chain.extra_seconds.tolist() == [2.0, 1.0 + 4.0, 2.0 + 4.0, 2.0]


def test_the_table_adds_it_up() -> None:
    weights = {"usd": 0.001, "second": 0.01}
    result = simulate(SMALL, [PERFECT, "fixed:a"], weights=weights, seeds=2, jobs=1)
    row = result.to_dict()["policies"][0]
    paid = np.array([1.5, 23.0, 334.0, 4.5])
    waited = np.array([3.0, 6.0, 7.0, 3.0])
    quality = np.array([0.9, 0.8, 0.4, 0.7])
    assert row["usd"]["mean"] == pytest.approx(paid.mean())
    assert row["seconds"]["mean"] == pytest.approx(waited.mean())
    assert row["quality"]["mean"] == pytest.approx(quality.mean())
    assert row["reward"]["mean"] == pytest.approx((quality - 0.001 * paid - 0.01 * waited).mean())
    assert row["attempts"] == {"mean": 1.75}
    assert row["remark"] == "optimistic: perfect verifier"
    assert row["share"] == {"a": 0.5, "b": 0.25, "c": 0.25}
    assert result.to_dict()["policies"][1]["attempts"] == {"mean": 1.0}
    note = next(note for note in result.notes if note.startswith(PERFECT))
    assert "which no verifier does: optimistic" in note
    assert "each check costs 0.5 USD and 2 s" in note


def test_a_log_without_waits_leaves_them_unknown() -> None:
    row = simulate(log_of(QUALITY, USD), [PERFECT], weights={"usd": 0.001}, seeds=1).to_dict()["policies"][0]
    assert row["seconds"] is None
    assert row["reward"]["mean"] == pytest.approx(0.7 - 0.001 * 90.75)


def test_thresholds_at_the_ends() -> None:
    never, always = (cascade(f"cascade:{{models: a > c, threshold: {t}}}") for t in (0, 1))
    assert play_chain(SMALL, never, 0).actions.tolist() == [0] * 4
    full = log_of(np.ones((4, 3)), USD)
    assert (
        play_chain(full, replace(always, verify=replace(always.verify, error=0.0)), 0).attempts.tolist()
        == [1] * 4
    )
    assert play_chain(SMALL, always, 0).attempts.mean() > 1


def test_an_erring_verifier_errs_as_stated() -> None:
    """Of answers of quality 0.7, 1 − Φ((0.8 − 0.7)/0.1) = 15.9% are accepted at 0.8. False alarm: 1e-6."""
    n = 20_000
    log = log_of(np.tile([0.7, 0.9], (n, 1)), np.ones((n, 2)))
    chain = play_chain(log, cascade("cascade:{models: a > b, threshold: 0.8}", log), 5)
    share = 0.15865525393145707
    assert abs((chain.attempts == 1).mean() - share) < 4.9 * np.sqrt(share * (1 - share) / n)


def test_luck_goes_by_seed_request_and_model() -> None:
    rng = np.random.default_rng(0)
    log = log_of(rng.random((200, 3)), rng.random((200, 3)))
    policy = cascade("cascade:{models: a > b, threshold: 0.5}", log)

    def same(one: Chain, other: Chain) -> bool:
        return bool((one.actions == other.actions).all())

    assert same(play_chain(log, policy, 1), play_chain(log, policy, 1))
    assert not same(play_chain(log, policy, 1), play_chain(log, policy, 2))
    longer = cascade("cascade:{models: a > c, threshold: 0.5}", log)
    assert ((play_chain(log, policy, 1).actions == 0) == (play_chain(log, longer, 1).actions == 0)).all()


def test_a_cascade_within_another_policy_is_not_replayed() -> None:
    with pytest.raises(LogError, match="may ask several models before it answers"):
        simulate(SMALL, [f"split:{{x: {PERFECT} 0.5, y: cheapest 0.5}}"], seeds=1)


def test_what_goes_beyond_one_decision_is_found_and_refused() -> None:
    models = Settings(models=tuple(Model(name) for name in "abc"))
    inside = "split:{{x: {} 0.5, y: cheapest 0.5}}"
    for spec in (PERFECT, inside.format(PERFECT)):
        with pytest.raises(LogError, match=r"may ask several models .* and one step is all there is"):
            require_one_step(get_policy(spec, models), "one step is all there is")
    require_one_step(get_policy(inside.format("thompson"), models), "")
    assert limited(get_policy(inside.format("budget:{usd_per_day: 1}"), models))
    assert not limited(get_policy(inside.format("budget"), models))


def test_a_limited_budget_is_not_evaluated_on_other_decisions() -> None:
    log = world(600, 1).logged(np.full((600, 3), 1 / 3), 1)
    prices = {"small": 0.001, "medium": 0.002, "large": 0.005}
    priced = Settings(models=tuple(Model(name, usd_per_request=usd) for name, usd in prices.items()))
    names = ["budget", "budget:{usd_per_day: 1}"]
    found = evaluate(log, names, weights={"quality": 1.0, "usd": 0.0}, settings=priced)
    refused = {row.policy: row.refused for row in found.policies}
    assert refused["budget"] is None
    assert "depends on what it has spent itself" in str(refused["budget:{usd_per_day: 1}"])


@pytest.fixture(scope="module")
def days() -> Log:
    """Three days of 60 requests: the dear model is the good one."""
    rng = np.random.default_rng(1)
    quality = np.clip(rng.normal([0.4, 0.9], 0.05, (180, 2)), 0, 1)
    return log_of(quality, np.tile([0.001, 0.01], (180, 1)), at=np.arange(180.0) * 86_400 / 60)


def test_a_budget_holds_every_day(days: Log) -> None:
    """0.2 USD: once the models are known, about twenty good answers a day, then the cheap ones."""
    policy, settings = _budget("budget:{quality: 0.8, usd_per_day: 0.2}", days)
    actions = replay(days, policy, settings, Weights(), 0).actions
    paid = days.usd[np.arange(180), actions].reshape(3, 60)
    good = actions.reshape(3, 60) == 1
    assert good[1:].sum(axis=1).min() >= 17
    spent = np.cumsum(paid, axis=1) - paid
    assert (spent[good] + 0.01 <= 0.2 + 0.01).all()  # what it takes is there, up to the error of a forecast
    assert not good[:, 30:].any()
    unlimited, settings = _budget("budget:{quality: 0.8}", days)
    assert (replay(days, unlimited, settings, Weights(), 0).actions == 1).mean() > 0.95


def _budget(spec: str, log: Log) -> tuple[object, Settings]:
    settings = log_settings(log, Settings(), Weights())
    return get_policy(spec, settings), settings


def test_a_budget_needs_to_know_what_things_cost(days: Log) -> None:
    blind = replace(days, usd=np.full_like(days.usd, np.nan))
    with pytest.raises(LogError, match="the log does not give the USD of every row"):
        simulate(blind, ["budget"], seeds=1)
    untimed = simulate(replace(days, at=None), ["budget:{usd_per_day: 1}"], weights={"usd": 1.0}, seeds=1)
    assert any("a day is taken to be 86,400 requests" in note for note in untimed.notes)
