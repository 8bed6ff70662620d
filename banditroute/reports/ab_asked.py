"""What may be asked of an experiment, wherever its requests come from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from banditroute.config.experiments import Experiment
from banditroute.errors import LogError
from banditroute.routing.wording import quoted, suggestion


class UnknownExperiment(LogError):
    """There is no experiment of that name; the message says which there are."""

    code = "unknown_experiment"
    status = 404

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no experiment {quoted(name)}; {suggestion(name, known)}")


@dataclass(frozen=True, slots=True)
class AskedAB:
    """How an experiment is reported on; None takes what it declares, else what `ab_report` takes."""

    control: str | None = None
    metric: str | None = None
    margin: float | None = None
    max_usd: float | None = None
    max_seconds: float | None = None
    requests_per_month: float | None = None

    def of(self, declared: Experiment) -> AskedAB:
        """The same, with what an experiment declares in place of what was left open."""
        return replace(
            self,
            control=self.control or declared.control or None,
            metric=self.metric or declared.metric,
            margin=self._margin(declared),
            max_usd=self.max_usd or declared.max_usd,
            max_seconds=self.max_seconds or declared.max_seconds,
        )

    def _margin(self, declared: Experiment) -> float | None:
        """What was asked for, else what was declared: of the same metric, as it is in its unit."""
        same = (self.metric or declared.metric) == declared.metric
        known = same and not math.isnan(declared.margin)
        return declared.margin if self.margin is None and known else self.margin

    def told(self) -> dict[str, Any]:
        """What was not left open, as arguments of `ab_report`."""
        return {name: value for name, value in asdict(self).items() if value is not None}


AS_DECLARED = AskedAB()
