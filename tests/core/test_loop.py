"""Law 1: the compiled replay loop and the live functions are one loop body, to the last bit."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core.base import Bools
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.core.posterior import reference_for
from banditroute.core.state import SECONDS, refitted
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.learning import play
from banditroute.offline.replay.traffic import Traffic, log_factors, log_traffic
from banditroute.policies import get_policy
from banditroute.types import Context, Model, Observation, Preferences, Weights

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
        features={"difficulty": rng.random(N)},
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
        for g, t, d in zip(cls, log.input_tokens, log.features["difficulty"], strict=True)
    ]
    return log, settings, contexts


def live(
    log: Log,
    traffic: Traffic,
    state: State,
    settings: Settings,
    contexts: list[Context],
    spec: str,
    refresh: int,
) -> tuple[list[int], State]:
    """The same requests through `decide` and `learn`, one at a time."""
    policy, frame = get_policy(spec, settings), state.frame
    factors = log_factors(log)
    chosen: list[int] = []
    told: list[list[Observation]] = [[] for _ in range(N + 1)]
    for t in range(N + 1):
        at = float(traffic.at[min(t, N - 1)])
        if t > 0:
            state = learn(state, told[t], seq=t, at=at, refit=t % refresh == 0)
        if t == N:
            break
        i = int(traffic.order[t])
        if traffic.prices is not None:
            priced = replace(frame, prices=traffic.prices[traffic.epoch[t]])
            state = replace(state, frame=priced)
        up = traffic.eligible[min(t, len(traffic.eligible) - 1)]
        down = frozenset(m for m, on in zip(log.models, up, strict=True) if not on)
        request = Request(str(i), at, int(traffic.seeds[i]), contexts[i], Preferences(weights=WEIGHTS))
        (decision,) = decide(state, [request], policy, settings, masked=down, horizon=float(N - t))
        a = log.models.index(decision.model)
        chosen.append(a)
        due = int(traffic.arrives[t, a % traffic.arrives.shape[1]]) if len(traffic.arrives) else t + 1
        for f in factors:
            value, position = float(getattr(log, f)[i, a]), due if f == "quality" else t + 1
            if not math.isnan(value) and 0 < position <= N:
                told[position].append(Observation(contexts[i], decision.model, f, value, at))
    return chosen, state


def agree(ended: State, state: State) -> None:
    """Every sum, every coefficient, to the last bit."""
    for one, other in zip((*ended.stats, *ended.posterior), (*state.stats, *state.posterior), strict=True):
        assert (one is None) == (other is None)
        for field in fields(one) if one is not None else ():
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    assert ended.class_shares.tolist() == state.class_shares.tolist()
    assert ended.references == state.references


def every(refresh: int) -> Bools:
    """At which positions a refit comes."""
    return np.equal(np.arange(N + 1) % refresh, 0)


@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize(("spec", "refresh"), [("thompson", 1), ("thompson", 10), ("greedy:0.1", 1)])
def test_a_thousand_requests_live_and_replayed_agree_bit_for_bit(
    spec: str, refresh: int, priced: bool
) -> None:
    log, settings, contexts = a_log(priced=priced)
    start = initial_state(settings, factors=log_factors(log))
    traffic = log_traffic(log, start.frame.layout, 3)
    replayed, ended = play(traffic, start, get_policy(spec, settings), WEIGHTS, refits=every(refresh))
    chosen, state = live(log, traffic, start, settings, contexts, spec, refresh)
    assert replayed.tolist() == chosen
    agree(ended, state)


HALF_LIVES = {"quality": 170.0, "seconds": 33.3}


@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize(("spec", "refresh"), [("thompson", 1), ("thompson", 7), ("greedy:0.2", 7)])
def test_they_agree_with_forgetting_late_feedback_outages_and_new_prices(
    spec: str, refresh: int, priced: bool
) -> None:
    """Half-lives of two factors, quality that comes late, in batches or never, depending on the model,
    models that are down, prices that change."""
    log, settings, contexts = a_log(priced=priced)
    rng = np.random.default_rng(5)
    at = 1.7e9 + np.cumsum(rng.exponential(1.0, N))
    start = initial_state(settings, factors=log_factors(log), at=float(at[0]))
    lives = tuple(HALF_LIVES.get(f, math.inf) for f in ("quality", "output_tokens", "usd", "seconds", "ttft"))
    references = tuple(reference_for(float(at[0]), life) for life in lives)
    start = replace(start, frame=replace(start.frame, half_lives=lives), references=references)
    eligible = rng.random((N, K)) < 0.7
    eligible[:, 4] = True
    late = np.arange(N)[:, None] + 1 + rng.integers(0, 60, (N, K))
    arrives = np.where(rng.random((N, K)) < 0.5, -(-late // 8) * 8, -1).astype(np.int32)
    prices = np.stack([start.frame.prices * by for by in (1.0, 3.0, 0.2)])
    traffic = replace(
        log_traffic(log, start.frame.layout, 3), at=at, eligible=eligible, arrives=arrives,
        prices=prices, epoch=np.repeat([0, 1, 2], [300, 300, 400]),
    )  # fmt: skip
    replayed, ended = play(traffic, start, get_policy(spec, settings), WEIGHTS, refits=every(refresh))
    chosen, state = live(log, traffic, start, settings, contexts, spec, refresh)
    assert replayed.tolist() == chosen
    assert eligible[np.arange(N), replayed].all()
    assert ended.references != start.references
    agree(ended, state)


@pytest.mark.parametrize("priced", [True, False])
@pytest.mark.parametrize("refresh", [1, 7])
def test_they_agree_with_history_and_so_does_a_state_built_anew(refresh: int, priced: bool) -> None:
    """Factors with history are judged together, and refitted together: here quality, which comes late, tokens
    or USD, and seconds, which are forgotten. The labels of the history are wrong, so that doubt moves."""
    log, settings, contexts = a_log(priced=priced)
    silent = np.random.default_rng(6).random(N) < 0.4  # so that at times forgetting alone moves the fit
    tokens, usd, seconds = (
        np.where(silent[:, None], np.nan, values) for values in (log.output_tokens, log.usd, log.seconds)
    )
    log = replace(log, output_tokens=tokens, usd=usd, seconds=seconds)
    prior = fit_prior(replace(log, models=tuple(np.roll(log.models, 1).tolist())), settings=settings)
    start = initial_state(replace(settings, prior=prior), factors=log_factors(log))
    assert sum(past is not None for past in start.frame.past) == 3
    lives = tuple(100.0 if f == SECONDS else math.inf for f in range(5))
    start = replace(start, frame=replace(start.frame, half_lives=lives))
    arrives = -(-np.arange(1, N + 1)[:, None] // 5) * 5
    traffic = replace(log_traffic(log, start.frame.layout, 3), arrives=arrives.astype(np.int32))
    policy = get_policy("thompson", settings)
    replayed, ended = play(traffic, start, policy, WEIGHTS, refits=every(refresh))
    chosen, state = live(log, traffic, start, settings, contexts, "thompson", refresh)
    assert replayed.tolist() == chosen
    agree(ended, state)
    state = learn(state, [], seq=N + 1, at=state.at)  # makes the fit, where the last outcomes only moved it
    agree(refitted(state.frame, state.stats, state.references, seq=N + 1, at=state.at), state)
