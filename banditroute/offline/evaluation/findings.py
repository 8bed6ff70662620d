"""What an off-policy evaluation found, as data: one row per policy. Tables and plots read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from banditroute.offline.evaluation.overlap import Cell, weakest
from banditroute.types import Weights

if TYPE_CHECKING:
    from banditroute.offline.estimators import PolicyValue

How = Literal["as_logged", "static", "frozen", "rejection_replay"]
"""What was scored: the log itself, a rule, a learner held still, or a learner fed by rejection replay."""

AS_LOGGED = "as logged"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its interval, nan where there is none that holds; `centre` where that is a sequence."""

    value: float
    low: float
    high: float
    centre: float | None = None

    @property
    def shown(self) -> float:
        """What the interval belongs to."""
        return self.value if self.centre is None else self.centre

    def to_dict(self) -> dict[str, float | None]:
        return {
            "value": _plain(self.value),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "centre": _plain(self.centre),
        }


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One policy on the rows that it was scored on, `rows` of the log's `of`.

    `estimates` are by estimator, the one that leads first; none where nothing could be computed.
    `refused` says why the log does not identify the answer, and what would: the figures are then
    shown, and not to be trusted. `difference` is to the log's own mean on the same rows, `yardstick`.
    `share` is what each model would get, `(k,)` by name.
    """

    policy: str
    how: How
    rows: int
    of: int
    estimates: Mapping[str, PolicyValue] = field(default_factory=dict)
    yardstick: float = math.nan
    difference: Interval | None = None
    share: Mapping[str, float] = field(default_factory=dict)
    overlap: Sequence[Cell] = ()
    refused: str | None = None

    @property
    def leading(self) -> PolicyValue | None:
        """The estimate that the table shows with its interval."""
        return next(iter(self.estimates.values()), None)

    @property
    def shown(self) -> float:
        """The worth that the interval belongs to: the leading estimate, or the centre of its sequence."""
        leading = self.leading
        if leading is None:
            return math.nan
        return leading.value if leading.centre is None else leading.centre

    @property
    def weakest(self) -> Cell | None:
        return weakest(self.overlap, self.rows)

    def to_dict(self) -> dict[str, Any]:
        weak = self.weakest
        return {
            "policy": self.policy,
            "how": self.how,
            "rows": self.rows,
            "of": self.of,
            "identified": self.refused is None,
            "reason": self.refused,
            "estimates": [_estimate(value) for value in self.estimates.values()],
            "as_logged_on_these_rows": _plain(self.yardstick),
            "difference": None if self.difference is None else self.difference.to_dict(),
            "share": dict(self.share),
            "weakest_overlap": None if weak is None else weak.to_dict(),
            "overlap": [cell.to_dict() for cell in self.overlap],
        }


@dataclass(frozen=True, slots=True)
class EvaluationFindings:
    """Every policy on one log, `as logged` first.

    `log` describes it, with what was left out; `estimators` and `interval` are what was asked for;
    `notes` are sentences to be read with the figures.
    """

    log: Mapping[str, Any]
    weights: Weights
    estimators: tuple[str, ...]
    interval: str
    policies: tuple[Evaluated, ...]
    overlap: Sequence[Cell] = ()
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data; null where there is no figure, or no interval that holds."""
        weights = self.weights
        return {
            "log": dict(self.log),
            "weights": {"quality": weights.quality, "usd": weights.usd, "second": weights.second},
            "estimators": list(self.estimators),
            "interval": self.interval,
            "policies": [policy.to_dict() for policy in self.policies],
            "overlap": [cell.to_dict() for cell in self.overlap],
            "notes": list(self.notes),
        }


def _estimate(value: PolicyValue) -> dict[str, Any]:
    return {
        "estimator": value.estimator,
        "value": _plain(value.value),
        "low": _plain(value.low),
        "high": _plain(value.high),
        "centre": _plain(value.centre),
        "se": _plain(value.se),
        "n": value.n,
        "ess": _plain(value.ess),
        "max_weight": _plain(value.max_weight),
    }


def _plain(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)
