"""What a simulation found, as data: one row per policy. Tables and plots read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import stdtrit

from banditroute.offline.logs.reading import Floats
from banditroute.types import Weights

REGRET_AGAINST = "per_class_best"
COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Trace:
    """One policy under one seed: means per request, shares `(k,)`, and the path along the log.

    `regret` is cumulative, at the result's `checkpoints`; `chosen` `(bins, k)` counts the
    choices between one checkpoint and the next. `attempts` is how many models a request asked: 1,
    unless the policy is a cascade.
    """

    reward: float
    quality: float
    usd: float
    seconds: float
    share: Floats
    regret: Floats
    chosen: Floats
    attempts: float = 1.0


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """One policy over all seeds. Oracles are not `attainable`: they know the log beforehand.

    `remark` is what must be known to read its figures: what it was fitted on, what it assumes.
    """

    policy: str
    learns: bool
    attainable: bool
    traces: tuple[Trace, ...]
    remark: str | None = None

    def over_seeds(self, name: str) -> Floats:
        """A scalar of every trace, `(seeds,)`; of `regret` the last value."""
        return np.array([np.ravel(getattr(trace, name))[-1] for trace in self.traces])

    @property
    def share(self) -> Floats:
        """Share of requests each model got, `(k,)`, over all seeds."""
        mean: Floats = np.mean([trace.share for trace in self.traces], axis=0)
        return mean


@dataclass(frozen=True, slots=True)
class Findings:
    """Every policy on the same log: learners first, then static rules, then the oracles.

    `notes` are sentences about what had no part in it, and why.
    """

    log: Mapping[str, Any]
    models: tuple[str, ...]
    weights: Weights
    seeds: int
    policies: tuple[PolicyResult, ...]
    checkpoints: Floats
    notes: Sequence[str] = ()
    feedback: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; null where the log says nothing, or where one seed allows no spread."""
        return {
            "log": dict(self.log),
            "weights": {
                "quality": self.weights.quality,
                "usd": self.weights.usd,
                "second": self.weights.second,
            },
            "seeds": self.seeds,
            "policies": [self._row(policy) for policy in self.policies],
            "regret_against": REGRET_AGAINST,
            "feedback": dict(self.feedback),
            "notes": list(self.notes),
        }

    def _row(self, policy: PolicyResult) -> dict[str, Any]:
        return {
            "policy": policy.policy,
            "learns": policy.learns,
            "attainable": policy.attainable,
            "reward": interval(policy.over_seeds("reward")),
            "quality": _mean(policy.over_seeds("quality")),
            "usd": _mean(policy.over_seeds("usd")),
            "seconds": _mean(policy.over_seeds("seconds")),
            "regret": spread(policy.over_seeds("regret")),
            "share": {name: float(share) for name, share in zip(self.models, policy.share, strict=True)},
            "attempts": _mean(policy.over_seeds("attempts")),
            "remark": policy.remark,
        }


def interval(values: Floats) -> dict[str, float | None]:
    """Mean over seeds with its 95% t interval; it says how far luck of order and draw reaches."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return {"mean": mean, "low": None, "high": None}
    half = float(stdtrit(n - 1, (1 + COVERAGE) / 2) * values.std(ddof=1) / np.sqrt(n))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def spread(values: Floats) -> dict[str, float | None]:
    """Mean, standard deviation over seeds, and the standard error of the mean."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return {"mean": mean, "sd": None, "se": None}
    sd = float(values.std(ddof=1))
    return {"mean": mean, "sd": sd, "se": sd / float(np.sqrt(n))}


def _mean(values: Floats) -> dict[str, float] | None:
    return None if np.isnan(values).any() else {"mean": float(values.mean())}
