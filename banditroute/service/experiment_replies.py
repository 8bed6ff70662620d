"""Experiments as the service lists them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from banditroute.reports.ab import ABReport
from banditroute.routing.experiments import Standing, Status


class VariantReply(Struct, frozen=True):
    """A variant: the policy that serves it, its share of the units, and the units and requests it has had."""

    name: str
    policy: str
    share: float
    units: int
    requests: int


class RampReply(Struct, frozen=True):
    """From `at` on, `share` of the units that may enter have entered."""

    at: float
    share: float


class ExperimentReply(Struct, frozen=True, kw_only=True):
    """A configured experiment.

    `status` says why one that is not `running` does not run; `changed_at` is when an operator last started
    or stopped it. `start` and `stop` are its window, `range` its part of the line of units, the last
    `holdout` of which never enters, `entered` the share of it that takes part now. `decision` and `verdict`
    are those of its report; where there is none, `decision` is null and `verdict` says why.
    """

    name: str
    running: bool
    status: Status
    changed_at: float | None
    variants: Sequence[VariantReply]
    control: str
    metric: str
    margin: float
    classes: Sequence[str]
    start: float | None
    stop: float | None
    ramp: Sequence[RampReply]
    range: tuple[float, float]
    holdout: float
    entered: float
    units: int
    requests: int
    decision: str | None
    verdict: str


class ExperimentsReply(Struct, frozen=True):
    """The answer to `GET /v1/experiments`."""

    data: Sequence[ExperimentReply]


def experiment_reply(one: Standing, report: ABReport | None, verdict: str) -> ExperimentReply:
    """An experiment as it stands, with what its report says."""
    own = one.experiment
    seen = {} if report is None else {variant.name: variant for variant in report.variants}
    counts = {name: (variant.units, variant.requests) for name, variant in seen.items()}
    return ExperimentReply(
        name=own.name,
        running=one.status == "running",
        status=one.status,
        changed_at=one.since,
        variants=[
            VariantReply(each.name, each.policy, each.share, *counts.get(each.name, (0, 0)))
            for each in own.variants
        ],
        control=own.control,
        metric=own.metric,
        margin=own.margin,
        classes=own.classes,
        start=own.start,
        stop=own.stop,
        ramp=[RampReply(step.at, step.share) for step in own.ramp],
        range=own.units,
        holdout=own.holdout,
        entered=one.entered,
        units=0 if report is None else report.units,
        requests=0 if report is None else report.requests,
        decision=None if report is None else report.decision,
        verdict=verdict,
    )
