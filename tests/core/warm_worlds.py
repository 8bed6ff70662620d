"""Small worlds with a history: logs of them, priors under wrong labels, and what a learner loses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from banditroute.config.priorfile import sealed
from banditroute.config.priors import Prior
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.base import Floats
from banditroute.core.state import refitted
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.learning import cold_state, play
from banditroute.offline.replay.order import request_order
from banditroute.offline.replay.traffic import log_traffic
from banditroute.policies import get_policy
from banditroute.types import Context, Model, Observation, Weights

K, C = 4, 3
WEIGHTS = Weights(quality=1.0, usd=0.0)
MODELS = tuple(f"m{a}" for a in range(K))
SETTINGS = Settings(
    models=tuple(Model(name) for name in MODELS), classes=tuple(RequestClass(f"c{g}") for g in range(C))
)


def world(seed: int) -> Floats:
    """True mean qualities `(c, k)`."""
    rng = np.random.default_rng(seed)
    return np.clip(0.8 + 0.08 * rng.normal(size=K) + 0.03 * rng.normal(size=(C, K)), 0.05, 0.95)


def a_log(mean: Floats, n: int, seed: int, *, billed: bool = False) -> Log:
    """Requests of a world, with a score and a wait for every model, and a feature that matters little; on
    request with a cost, each model's twice that of the one before."""
    rng = np.random.default_rng([seed, n])
    cls, hard = rng.integers(0, C, n), rng.random(n)
    quality = mean[cls] - 0.05 * (hard - 0.5)[:, None] + 0.12 * rng.normal(size=(n, K))
    nothing = np.full((n, K), np.nan)
    usd = 0.001 * np.exp(np.random.default_rng([seed, n, 1]).normal(size=(n, K)) * 0.5) * 2.0 ** np.arange(K)
    return Log(
        kind="full_information", request_ids=np.arange(n).astype(str), models=MODELS,
        classes=tuple(f"c{g}" for g in range(C)), class_index=cls, quality=np.clip(quality, 0.0, 1.0),
        usd=usd if billed else nothing, seconds=np.exp(0.4 * rng.normal(size=(n, K)) + 0.2 * np.arange(K)),
        output_tokens=nothing, input_tokens=rng.integers(20, 3_000, n).astype(float),
    )  # fmt: skip


def regret(log: Log, mean: Floats, seed: int, prior: Prior | None, *, plainly: bool = False) -> float:
    """What Thompson sampling loses; `plainly` takes history for outcomes of today."""
    settings = replace(SETTINGS, prior=prior)
    state = cold_state(log, settings)
    if plainly:
        frame = replace(state.frame, past=(None,) * 5)
        state = refitted(frame, state.frame.past, state.references, seq=0, at=0.0)
    traffic = log_traffic(log, state.frame.layout, seed)
    actions, _ = play(traffic, state, get_policy("thompson", settings), WEIGHTS)
    cls = log.class_index[request_order(log, seed)]
    return float((mean.max(axis=1)[cls] - mean[cls, actions]).sum())


def under_other_labels(prior: Prior, shift: int = 1) -> Prior:
    return sealed(
        replace(
            prior,
            factors={
                name: replace(
                    factor, models={MODELS[(a + shift) % K]: factor.models[MODELS[a]] for a in range(K)}
                )
                for name, factor in prior.factors.items()
            },
        )
    )


def observed(log: Log, seed: int = 0) -> list[Observation]:
    """One outcome of quality and wait per request, of a model drawn at random."""
    chosen = np.random.default_rng(seed).integers(0, K, len(log))
    return [
        Observation(context(log, i), MODELS[a], factor, float(getattr(log, factor)[i, a]), float(i))
        for i, a in enumerate(chosen)
        for factor in ("quality", "seconds")
    ]


def context(log: Log, i: int) -> Context:
    return Context(log.classes[log.class_index[i]], input_tokens=int(log.input_tokens[i]))
