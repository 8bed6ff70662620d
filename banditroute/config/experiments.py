"""What a configuration says about experiments: who takes part, which policies they meet, what is asked."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

Metric = Literal["quality", "usd", "seconds", "reward", "error", "fallback", "output_tokens"]
"""What an experiment can be about."""

QUALITY_MARGIN = 0.01
"""How much worse quality may be and still count as not worse, unless somebody says."""

MARGINS = {
    "usd": 0.0005, "seconds": 0.2, "reward": 0.01, "error": 0.01, "fallback": 0.01, "output_tokens": 20.0,
}  # fmt: skip
"""Examples of a margin for metrics without a usual one: USD, seconds, utility, shares and tokens."""


@dataclass(frozen=True, slots=True)
class ExperimentVariant:
    """One policy that is compared, as a configuration writes it, and its share of the units."""

    name: str
    policy: str
    share: float


@dataclass(frozen=True, slots=True)
class RampStep:
    """From `at` on (seconds since the epoch), `share` of an experiment's units have entered."""

    at: float
    share: float


@dataclass(frozen=True, slots=True)
class Experiment:
    """Policies side by side, each unit with one of them.

    Every unit has a place on one line [0, 1) that all experiments share. Those of the range `units` may
    enter: from its beginning as far as the `ramp` has come, all at once without one, and never the last
    `holdout` of it. Only requests of `classes` (every one, where none is named) between `start` and `stop`
    (seconds since the epoch) take part. Which variant a unit gets is a hash under the `salt`, the name
    unless given, and independent of its place on the line.

    `running` is how it begins; what an operator says later stands (`routing.experiments`). The verdict
    compares the others with `control` (the first variant unless named) by `metric` with `margin` to spare, in
    the metric's own unit; quality has one unless given (0 to 1), for others it is nan until somebody says.
    `max_usd` and `max_seconds` are what one request counts for at most.
    """

    name: str
    variants: tuple[ExperimentVariant, ...]
    salt: str = ""
    units: tuple[float, float] = (0.0, 1.0)
    holdout: float = 0.0
    classes: tuple[str, ...] = ()
    start: float | None = None
    stop: float | None = None
    ramp: tuple[RampStep, ...] = ()
    running: bool = True
    control: str = ""
    metric: Metric = "quality"
    margin: float = math.nan
    max_usd: float | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.salt:
            object.__setattr__(self, "salt", self.name)
        if not self.control and self.variants:
            object.__setattr__(self, "control", self.variants[0].name)
        if math.isnan(self.margin) and self.metric == "quality":
            object.__setattr__(self, "margin", QUALITY_MARGIN)

    @property
    def begins(self) -> float:
        """When the first unit may enter; −∞ where it always could."""
        start = -math.inf if self.start is None else self.start
        return max(start, self.ramp[0].at) if self.ramp else start

    @property
    def ends(self) -> float:
        """When it is over; ∞ where nobody has said."""
        return math.inf if self.stop is None else self.stop

    def entered(self, at: float) -> float:
        """The share of its range of units that has entered at a time, holdout counted out; 0 outside its
        time."""
        if not self.begins <= at < self.ends:
            return 0.0
        step = bisect_right(self.ramp, at, key=lambda step: step.at) - 1
        return (1.0 - self.holdout) * (self.ramp[step].share if self.ramp else 1.0)

    def holds(self, place: float, at: float) -> bool:
        """Whether the unit at a place on the line takes part at a time. As more enter, nobody leaves."""
        low, high = self.units
        return low <= place < min(high, low + (high - low) * self.entered(at))
