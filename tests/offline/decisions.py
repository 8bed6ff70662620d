"""Logs of decisions with a known truth: a small world, logged by a policy that holds still or that learns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from banditroute.config.settings import PolicySettings, RequestClass, Settings
from banditroute.core.base import Floats, Ints
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.offline.evaluation.findings import Evaluated
from banditroute.offline.evaluation.run import evaluate
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.policies import get_policy
from banditroute.types import Context, Model, Observation, Preferences, Weights

MODELS, CLASSES = ("large", "medium", "small"), ("chat", "code")
QUALITY = np.array([[0.75, 0.72, 0.7], [0.9, 0.75, 0.5]])
"""Mean quality by class and model."""

SHARE = np.array([0.6, 0.4])
"""Of each class among the requests."""

TRUTH = SHARE @ QUALITY
"""What each model alone earns, quality alone counted."""


@dataclass(frozen=True)
class World:
    """n requests and what every model would make of each: quality `(n, k)`."""

    cls: Ints
    quality: Floats

    def logged(self, pmf: Floats, seed: int) -> DecisionLog:
        """The log of a policy with the probabilities `(n, k)`."""
        rng = np.random.default_rng([seed, 1])
        n = len(self.cls)
        action = (rng.random(n)[:, None] > pmf.cumsum(axis=1)).sum(axis=1).clip(max=2)
        return log_of(self.cls, action, self.quality[np.arange(n), action], pmf)


def world(n: int, seed: int) -> World:
    """Two-point qualities, 0 or 1, so that means are all there is to know."""
    rng = np.random.default_rng([seed, 0])
    cls = rng.choice(2, size=n, p=SHARE)
    return World(cls, (rng.random((n, 3)) < QUALITY[cls]).astype(np.float64))


def log_of(cls: Ints, action: Ints, quality: Floats, pmf: Floats) -> DecisionLog:
    n = len(cls)
    nan = np.full(n, np.nan)
    return DecisionLog(
        kind="logged",
        request_ids=np.array([f"r{i:06d}" for i in range(n)]),
        models=MODELS,
        classes=CLASSES,
        class_index=cls,
        action=action,
        quality=quality,
        usd=nan,
        seconds=nan,
        output_tokens=nan,
        input_tokens=nan,
        propensity=pmf[np.arange(n), action],
        at=np.arange(n, dtype=np.float64),
        pmf=pmf,
    )


def fixed_log(n: int, seed: int, floor: float = 0.3) -> DecisionLog:
    """Logged by a policy that prefers the large model for code and the small one for chat."""
    pmf = np.full((2, 3), floor / 3)
    pmf[0, 2] += 1.0 - floor
    pmf[1, 0] += 1.0 - floor
    made = world(n, seed)
    return made.logged(pmf[made.cls], seed)


def learner_settings(floor: float) -> Settings:
    return Settings(
        models=tuple(Model(name) for name in MODELS),
        classes=tuple(RequestClass(name) for name in CLASSES),
        policy=PolicySettings(floor=floor, horizon=2000),
    )


def learner_log(n: int, seed: int, floor: float, batch: int = 20) -> DecisionLog:
    """Logged by the router's own learner, fed with the quality of every answer, `batch` at a time."""
    settings = learner_settings(floor)
    policy = get_policy("thompson", settings)
    made = world(n, seed)
    seeds = np.random.default_rng([seed, 2]).integers(0, 2**63, size=n, dtype=np.uint64)
    state = initial_state(settings, factors=("quality",))
    pmf, action = np.zeros((n, 3)), np.empty(n, np.int64)
    preferences = Preferences(weights=Weights(usd=0.0))
    contexts = [Context(request_class=name) for name in CLASSES]
    for start in range(0, n, batch):
        rows = range(start, min(start + batch, n))
        requests = [
            Request(f"r{i:06d}", float(i), int(seeds[i]), contexts[made.cls[i]], preferences) for i in rows
        ]
        seen = []
        for i, decision in zip(rows, decide(state, requests, policy, settings), strict=True):
            for candidate in decision.candidates:
                pmf[i, MODELS.index(candidate.model)] = candidate.propensity
            action[i] = MODELS.index(decision.model)
            quality = float(made.quality[i, action[i]])
            seen.append(Observation(decision.context, decision.model, "quality", quality, float(i)))
        state = learn(state, seen, seq=rows.stop, at=float(rows.stop))
    log = log_of(made.cls, action, made.quality[np.arange(n), action], pmf)
    return replace(log, policy=["thompson"] * n)


ALONE = {"quality": 1, "usd": 0}


def run(log: DecisionLog, *policies: str, **options: object) -> dict[tuple[str, str], Evaluated]:
    result = evaluate(log, policies, weights=ALONE, **options)  # type: ignore[arg-type]
    return {(found.policy, found.how): found for found in result.policies}


def truth_of(found: Evaluated) -> float:
    """What the policy truly earns on the contexts it was scored on, from what it wants in each class."""
    wanted = sum(
        cell.wanted * QUALITY[CLASSES.index(cell.request_class), MODELS.index(cell.model)]
        for cell in found.overlap
    )
    return float(wanted) / found.rows


def covers(found: Evaluated, truth: float) -> bool:
    assert found.leading is not None
    return found.leading.low <= truth <= found.leading.high
