"""What may be asked of an experiment, wherever its requests come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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


AS_DECLARED = AskedAB()
