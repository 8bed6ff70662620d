"""The report on an experiment: what each treatment does to every metric, and what to make of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import structs

from banditroute.config.experiments import MARGINS, QUALITY_MARGIN
from banditroute.core.base import Floats
from banditroute.errors import LogError
from banditroute.reports.ab.answered import answered
from banditroute.reports.ab.effects import Measured, class_effects, measured, metric_effects
from banditroute.reports.ab.exposures import Exposures, Settled, settled
from banditroute.reports.ab.findings import (
    ABReport,
    ClassEffect,
    Comparison,
    Decision,
    MetricEffect,
    Saving,
    VariantCount,
)
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.mismatch import Mismatch, mismatch
from banditroute.reports.ab.notes import notes
from banditroute.reports.ab.scores import Past, past_of
from banditroute.reports.ab.sound import unlike
from banditroute.reports.ab.words import Evidence, verdict
from banditroute.reports.findings import Range

MOVED = 0.01
"""The part of all units in two variants from which on an experiment counts as broken."""

_BEST: tuple[Decision, ...] = (
    "broken", "better", "not_worse_and_cheaper", "not_worse", "undecided", "unlike_answers", "too_early",
    "worse", "no_data",
)  # fmt: skip
"""Of several treatments, the report's decision is the first of these that one of them has."""

_DAY, _MONTH, _ENOUGH_DAYS = 86_400.0, 365.25 / 12.0, 7.0


def ab_report(
    exposures: Exposures,
    *,
    experiment: str = "",
    control: str | None = None,
    metric: str = "quality",
    margin: float | None = None,
    alpha: float = 0.05,
    max_usd: float | None = None,
    max_seconds: float | None = None,
    requests_per_month: float | None = None,
    metrics: Sequence[str] | None = None,
) -> ABReport:
    """Reports on an experiment; it may be read at any time and as often as one likes.

    `control` names the variant to compare with (the first by default), `metric` the primary one, in whose
    unit `margin` is the loss that was agreed on (.01 for quality, and to be given for any other); `alpha` is
    the error of all treatments' intervals together. `max_usd` and `max_seconds` are caps declared before the
    experiment: values beyond count as these.
    `requests_per_month` projects the savings; by default the experiment's own rate does, after a week.
    `metrics` are those to report beside the primary one and USD, by default all that are known. Raises
    LogError for a metric, a control or a number that makes no sense.
    """
    for name in (metric, *(metrics or ())):
        _check_metric(exposures, name)
    margin = _margin(metric, margin)
    _check(alpha, max_usd, max_seconds, requests_per_month)
    if control is not None:
        exposures = exposures.with_control(control)
    seen = settled(exposures)
    own = seen.exposures
    split = _split(seen)
    caps = {"usd": max_usd, "seconds": max_seconds}
    each = alpha / max(1, len(own.variants) - 1)
    wanted = METRICS if metrics is None else {metric, "usd", *metrics}
    names = [name for name in METRICS if name in wanted and _known(own, name)]
    names = names if len(own.variants) > 1 else []
    past = past_of(own) if names else None
    ready = {name: measured(own, name, past, caps.get(name)) for name in names if past is not None}
    effects = [] if past is None else _effects(ready, past, each, metric, margin)
    comparisons = _comparisons(seen, effects, metric, margin, _broken(seen, split))
    made = ABReport(
        experiment=experiment,
        decision=min((one.decision for one in comparisons), key=_BEST.index, default="no_data"),
        verdict=" ".join(one.verdict for one in comparisons) or _alone(own),
        metric=metric,
        margin=margin,
        alpha=alpha,
        control=own.variants[0],
        requests=len(own),
        units=seen.units,
        first_at=float(own.at[0]) if len(own) else None,
        last_at=float(own.at[-1]) if len(own) else None,
        mismatch_p=split.p,
        moved=seen.moved,
        variants=_counts(own, split),
        comparisons=comparisons,
        effects=effects,
        classes=_by_class(ready, metric, alpha),
        savings=_savings(own, effects, requests_per_month),
        notes=(),
    )
    return structs.replace(made, notes=notes(made))


def _check_metric(exposures: Exposures, metric: str) -> None:
    if metric not in METRICS:
        raise LogError(f"There is no metric {metric}; there are {', '.join(METRICS)}.")
    if metric == "powered" and exposures.judged is None:
        raise LogError("Quality by judge and people needs a judge's scores, which these exposures lack.")


def _margin(metric: str, margin: float | None) -> float:
    """The margin that was agreed on; quality alone has one that goes without saying."""
    if margin is None and metric in ("quality", "powered"):
        return QUALITY_MARGIN
    if margin is None:
        raise LogError(
            f"There is no usual margin for {METRICS[metric].title}: say how much worse still counts as not "
            f"worse, in its unit, as in margin {MARGINS[metric]:g} (--margin {MARGINS[metric]:g})."
        )
    if not 0.0 <= margin < math.inf:
        raise LogError(f"The margin is the loss that was agreed on: a number, 0 or more, not {margin:g}.")
    return margin


def _check(
    alpha: float, max_usd: float | None, max_seconds: float | None, requests_per_month: float | None
) -> None:
    if not 0.0 < alpha < 1.0:
        raise LogError(f"alpha is the error of an interval, between 0 and 1; {alpha:g} is not.")
    for name, value in (
        ("max_usd", max_usd), ("max_seconds", max_seconds), ("requests_per_month", requests_per_month),
    ):  # fmt: skip
        if value is not None and not 0.0 < value < math.inf:
            raise LogError(f"{name} is a number above 0, not {value:g}; leave it out where there is none.")


def _known(exposures: Exposures, name: str) -> bool:
    """Whether anything is known of a metric."""
    if name != "powered":
        values = exposures.metrics.get(name)
        return values is not None and not np.isnan(values).all()
    people = exposures.metrics.get("quality") if exposures.people is None else exposures.people
    if exposures.judged is None or people is None:
        return False
    return bool((~np.isnan(exposures.judged) & ~np.isnan(people)).any())


def _effects(
    ready: Mapping[str, Measured], past: Past, alpha: float, metric: str, margin: float
) -> list[MetricEffect]:
    """The effects on every metric, with how often each is known of both variants."""
    made = []
    for name, data in ready.items():
        found = metric_effects(data, alpha=alpha, margin=margin if name == metric else None)
        known = answered(data.exposures, name, past)
        made += [structs.replace(one, answered=own) for one, own in zip(found, known, strict=True)]
    return made


def _split(seen: Settled) -> Mismatch:
    """How units went to the variants."""
    own = seen.exposures
    _, first = np.unique(own.unit, return_index=True)
    return mismatch(own.variant[first], own.share[first], own.shares)


def _broken(seen: Settled, split: Mismatch) -> str | None:
    """Why an experiment is not to be trusted."""
    if split.broken:
        names = seen.exposures.variants
        came = ", ".join(f"{n:,} to {name}" for n, name in zip(split.came.tolist(), names, strict=True))
        due = ", ".join(f"{n:,.0f}" for n in split.due.tolist())
        return (
            f"units went {came}, where {due} were due (p < 0.001); find out where the others were lost "
            "before reading anything else"
        )
    if seen.moved > MOVED * seen.units:
        return (
            f"{seen.moved:,} of {seen.units:,} units were seen in more than one variant: the salt, the "
            "shares or the names of units changed while it ran"
        )
    return None


def _comparisons(
    seen: Settled, effects: Sequence[MetricEffect], metric: str, margin: float, broken: str | None
) -> list[Comparison]:
    own = seen.exposures
    requests = np.bincount(own.variant, minlength=len(own.variants)).tolist()

    def of(name: str, treatment: str) -> MetricEffect | None:
        return next((one for one in effects if (one.metric, one.treatment) == (name, treatment)), None)

    return [
        verdict(
            Evidence(
                treatment=name,
                control=own.variants[0],
                treatment_requests=requests[place],
                control_requests=requests[0],
                metric=metric,
                margin=margin,
                primary=of(metric, name),
                cost=of("usd", name),
                broken=broken,
            )
        )
        for place, name in enumerate(own.variants)
        if place
    ]


def _alone(exposures: Exposures) -> str:
    return f"Nothing to compare: {exposures.variants[0]} is the only variant."


def _counts(exposures: Exposures, split: Mismatch) -> list[VariantCount]:
    made = []
    for place, name in enumerate(exposures.variants):
        own = exposures.variant == place
        means = {metric: _mean(values[own]) for metric, values in exposures.metrics.items()}
        made.append(
            VariantCount(
                name=name,
                units=int(split.came[place]),
                due=float(split.due[place]),
                requests=int(own.sum()),
                means={metric: mean for metric, mean in means.items() if mean is not None},
            )
        )
    return made


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _by_class(ready: dict[str, Measured], metric: str, alpha: float) -> list[ClassEffect]:
    names = dict.fromkeys((metric, "usd"))
    return [one for name in names if name in ready for one in class_effects(ready[name], alpha)]


def _savings(
    exposures: Exposures, effects: Sequence[MetricEffect], requests_per_month: float | None
) -> list[Saving]:
    """USD saved by every treatment whose cost has an interval."""
    rate = requests_per_month
    if rate is None and len(exposures):
        days = float(exposures.at[-1] - exposures.at[0]) / _DAY
        rate = len(exposures) / days * _MONTH if days >= _ENOUGH_DAYS else None
    made = []
    for effect in effects:
        found = effect.difference
        if effect.metric != "usd" or unlike(effect):
            continue
        if found is None or found.low is None or found.high is None:
            continue
        each = Range(-found.mean, -found.high, -found.low)
        month = (
            None if rate is None else Range(*(rate * end for end in (-found.mean, -found.high, -found.low)))
        )
        made.append(
            Saving(treatment=effect.treatment, per_request=each, per_month=month, requests_per_month=rate)
        )
    return made
