"""The answer of an estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IntervalKind = Literal["normal", "bernstein", "bootstrap", "sequence"]


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """What a target policy is worth, by one estimator.

    `value` is the mean reward per row; `low` and `high` are the ends of its interval, nan where `refusal`
    says why there is none. `ess` is the effective number of rows `(Σw)²/Σw²` and `max_weight` the largest
    weight, w = π/p before anything is done to it: they describe log and target, and are the same for every
    estimator. `max_weight_share` is the largest weight's part of the sum. `se` is the standard error (of
    cluster sums where clusters were given). `parameter` is the threshold or shrinkage used, chosen by the
    data where none was asked for (`se` is then that of DR). `unbiased` is said of IPS and DR alone.

    `centre` is that of a `sequence`, which it is read with: `value` may lie outside where a few weights are
    large. None where the interval is of another kind, or none holds. `tail` is the part of the variance in
    what a few extreme rewards have beyond all others (`tails`).
    """

    estimator: str
    value: float
    low: float
    high: float
    n: int
    ess: float
    max_weight: float
    se: float
    interval: IntervalKind
    max_weight_share: float
    unbiased: bool
    parameter: float | None = None
    refusal: str | None = None
    centre: float | None = None
    tail: float = 0.0

    @property
    def clip(self) -> float | None:
        """The clip that its weights have; such an interval covers what was taken away too (`clipping`)."""
        return self.parameter if self.estimator in ("ips", "snips", "dr", "sndr") else None

    @property
    def bounded(self) -> bool:
        """Whether there is an interval that rests on the range of the reward."""
        clips = self.clip is not None and self.clip < self.max_weight
        return self.refusal is None and (self.interval in ("sequence", "bernstein") or clips)
