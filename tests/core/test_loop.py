"""Law 1: the compiled replay loop and the live functions are one loop body, to the last bit."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.offline.learning import replay_learning
from banditroute.offline.logs import Log
from banditroute.offline.order import request_order, request_seeds
from banditroute.policies import get_policy
from banditroute.types import FACTORS, Context, Model, Observation, Preferences, Weights

N, K, C = 1_000, 9, 4
WEIGHTS = Weights(quality=1.0, usd=20.0, second=0.02)


def a_log(*, priced: bool) -> tuple[Log, Settings, list[Context]]:
    rng = np.random.default_rng(1)
    cls = rng.integers(0, C, N)
    base = 0.5 + 0.05 * np.arange(K) - 0.1 * cls[:, None]
    usd = np.exp(rng.normal(size=(N, K)) * 0.3 - 8.0 + 0.4 * np.arange(K))
    usd[rng.random((N, K)) < 0.02] = 0.0
    missing = rng.random((N, K)) < 0.2
    log = Log(
        kind="full_information",
        request_ids=np.arange(N).astype(str),
        models=tuple(f"m{i}" for i in range(K)),
        classes=tuple(f"c{i}" for i in range(C)),
        class_index=cls,
        quality=np.where(missing, np.nan, np.clip(base + 0.2 * rng.normal(size=(N, K)), 0.0, 1.0)),
        usd=np.full((N, K), np.nan) if priced else usd,
        seconds=np.exp(rng.normal(size=(N, K)) * 0.5 + 0.1 * np.arange(K)),
        output_tokens=np.exp(rng.normal(size=(N, K)) + 5.0) if priced else np.full((N, K), np.nan),
        input_tokens=rng.integers(5, 4_000, N).astype(float),
    )
    price = (1e-6, 4e-6) if priced else (None, None)
    models = tuple(
        Model(
            m, usd_per_input_token=price[0], usd_per_output_token=price[1], group="twins" if i < 2 else None
        )
        for i, m in enumerate(log.models)
    )
    settings = Settings(
        models=models,
        classes=tuple(RequestClass(c) for c in log.classes),
        features=FeatureSettings({"difficulty": (0.5, 0.3)}),
    )
    contexts = [
        Context(log.classes[g], input_tokens=int(t), features={"difficulty": float(d)})
        for g, t, d in zip(cls, log.input_tokens, rng.random(N), strict=True)
    ]
    return log, settings, contexts


def live(
    log: Log, settings: Settings, contexts: list[Context], spec: str, refresh: int
) -> tuple[list[int], State]:
    """The same requests through `decide` and `learn`, one at a time."""
    order, policy = request_order(log, 3), get_policy(spec, settings)
    seeds = request_seeds(log, 3)
    factors = tuple(f for f in FACTORS if f != "ttft_seconds" and not np.isnan(getattr(log, f)).all())
    state = initial_state(settings, factors=factors)
    chosen = []
    for t, i in enumerate(order.tolist()):
        request = Request(str(i), 0.0, int(seeds[i]), contexts[i], Preferences(weights=WEIGHTS))
        (decision,) = decide(state, [request], policy, settings, horizon=float(N - t))
        a = log.models.index(decision.model)
        chosen.append(a)
        paid = [
            Observation(contexts[i], decision.model, f, float(getattr(log, f)[i, a]), 0.0)
            for f in factors
            if not math.isnan(getattr(log, f)[i, a])
        ]
        state = learn(state, paid, seq=t + 1, at=0.0, refit=(t + 1) % refresh == 0)
    return chosen, state


@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize(("spec", "refresh"), [("thompson", 1), ("thompson", 10), ("greedy:0.1", 1)])
def test_a_thousand_requests_live_and_replayed_agree_bit_for_bit(
    spec: str, refresh: int, priced: bool
) -> None:
    log, settings, contexts = a_log(priced=priced)
    policy = get_policy(spec, settings)
    replayed, ended = replay_learning(
        log, policy, settings, WEIGHTS, request_order(log, 3), 3, contexts, refresh
    )
    chosen, state = live(log, settings, contexts, spec, refresh)
    assert replayed.tolist() == chosen
    for one, other in zip((*ended.stats, *ended.posterior), (*state.stats, *state.posterior), strict=True):
        assert (one is None) == (other is None)
        for field in fields(one) if one is not None else ():
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    assert ended.class_shares.tolist() == state.class_shares.tolist()
