"""`/experiments` and `/experiments/NAME`: what is compared, how it stands, and what may be concluded."""

from __future__ import annotations

import time
from collections.abc import Mapping

from banditroute.errors import RequestError
from banditroute.reports.ab import ABReport
from banditroute.reports.ab.findings import MetricEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.findings import Range
from banditroute.routing.experiments import Standing, standings
from banditroute.routing.wording import quoted, suggestion
from banditroute.service.pages.course import course
from banditroute.service.pages.desk import Desk, Query, View
from banditroute.service.pages.formats import NOTHING, gain, money, number, seconds

STATUS = {
    "running": ("running", "good"),
    "stopped": ("stopped", ""),
    "waiting": ("not begun", ""),
    "over": ("over", ""),
    "idle": ("idle: the mode is not live", "warn"),
}
"""How an experiment stands, in words and the colour of their badge."""

DECISION = {
    "no_data": ("no data yet", ""),
    "broken": ("broken", "bad"),
    "too_early": ("too early to tell", ""),
    "unlike_answers": ("known of one more than of the other", "warn"),
    "undecided": ("undecided", ""),
    "worse": ("worse", "bad"),
    "not_worse": ("not worse", "good"),
    "not_worse_and_cheaper": ("not worse, and cheaper", "good"),
    "better": ("better", "good"),
}
"""What an experiment says, likewise."""

COLUMNS = ("quality", "usd", "seconds", "reward", "error", "fallback")


def experiments_page(desk: Desk, _: Query) -> View:
    """Every configured experiment in a few lines."""
    found = [
        (own, *desk.verdicts.get(own.experiment.name))
        for own in standings(desk.settings, desk.controls, time.time())
    ]
    return View(
        "Experiments", "experiments.html", {"found": found, "statuses": STATUS, "decisions": DECISION}
    )


def experiment_page(desk: Desk, name: str) -> View:
    """One experiment in full."""
    known = standings(desk.settings, desk.controls, time.time())
    own = next((one for one in known if one.experiment.name == name), None)
    if own is None:
        names = [one.experiment.name for one in known]
        error = RequestError(f"There is no experiment {quoted(name)}; {suggestion(name, names)}")
        error.status = 404
        raise error
    report, says = desk.verdicts.get(own.experiment.name)
    values: dict[str, object] = {
        "own": own,
        "report": report,
        "says": says,
        "statuses": STATUS,
        "decisions": DECISION,
        "plan": _plan(own),
    }
    if report is not None:
        values |= {
            "columns": [
                (key, METRICS[key].title) for key in COLUMNS if any(key in v.means for v in report.variants)
            ],
            "written": written,
            "treatments": [(one, _effects(report, one.treatment)) for one in report.comparisons],
            "charts": [course(report, one.treatment) for one in report.comparisons],
            "classes": _classes(report),
            "metric": METRICS[report.metric].title,
            "class_scale": _class_scale(report),
        }
    return View(f"Experiment {name}", "experiment.html", values)


def written(metric: str, value: float | None) -> str:
    """A mean or a difference of a metric, for people."""
    if value is None:
        return NOTHING
    if metric in ("quality", "powered", "error", "fallback"):
        return f"{value:.3f}" if metric in ("quality", "powered") else f"{value:.1%}"
    return money(value) if metric == "usd" else seconds(value) if metric == "seconds" else number(value)


def difference(metric: str, found: Range | None) -> str:
    """A difference with its interval: in points where it lies in [0, 1]."""
    if found is None:
        return NOTHING
    tell = gain if METRICS[metric].unit == "points" else (lambda value: _signed(metric, value))
    if found.low is None or found.high is None:
        return f"{tell(found.mean)} (no interval yet)"
    return f"{tell(found.mean)} ({tell(found.low)} to {tell(found.high)})"


def _signed(metric: str, value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{'−' if value < 0 else '+'}{written(metric, abs(value))}"


def _plan(own: Standing) -> list[tuple[str, str]]:
    """How it was set up, in words."""
    made = own.experiment
    low, high = made.units
    told = [
        (
            "Question",
            f"is it not worse than {made.control} by more than {_margin(made.metric, made.margin)}?",
        ),
        ("Units", f"{high - low:.0%} of all, {own.entered:.0%} of these take part now"),
    ]
    if made.holdout:
        told.append(("Held out", f"{made.holdout:.0%} of its units never enter"))
    if made.classes:
        told.append(("Classes", ", ".join(made.classes)))
    return told


def _margin(metric: str, margin: float) -> str:
    if METRICS[metric].unit == "points":
        size = 100 * margin
        return f"{size:g} point{'s' * (size != 1)} of {METRICS[metric].title}"
    return f"{written(metric, margin)} ({METRICS[metric].title})"


def _effects(report: ABReport, treatment: str) -> list[Mapping[str, object]]:
    """Every metric of a treatment, ready to be shown."""
    return [_effect(own) for own in report.effects if own.treatment == treatment]


def _effect(own: MetricEffect) -> Mapping[str, object]:
    ratio, better = own.ratio, METRICS[own.metric].better
    clear = _leaves_out_zero(own.difference)
    good = clear and own.difference is not None and (own.difference.mean > 0) == (better > 0)
    return {
        "title": METRICS[own.metric].title,
        "control": written(own.metric, own.control_mean),
        "treatment": written(own.metric, own.treatment_mean),
        "difference": difference(own.metric, own.difference),
        "ratio": "" if ratio is None else _percent(ratio),
        "colour": ("good" if good else "bad") if clear else "",
        "known": own.known,
        "units": own.units,
        "gain": own.gain,
        "more": own.more_units,
        "stage": own.stage,
        "first_look": own.first_look,
    }


def _leaves_out_zero(found: Range | None) -> bool:
    """Whether the interval that is shown is on one side of 0."""
    if found is None or found.low is None or found.high is None:
        return False
    return found.low > 0 or found.high < 0


def _percent(ratio: Range) -> str:
    def told(value: float) -> str:
        return f"{'−' if value < 1 else '+'}{abs(value - 1):.0%}"

    if ratio.low is None or ratio.high is None:
        return told(ratio.mean)
    return f"{told(ratio.mean)} ({told(ratio.low)} to {told(ratio.high)})"


def _classes(report: ABReport) -> list[Mapping[str, object]]:
    """A row for every class and treatment: the primary metric, and what it costs."""
    cost = {(own.request_class, own.treatment): own for own in report.classes if own.metric == "usd"}
    rows: list[Mapping[str, object]] = []
    for own in report.classes:
        if own.metric == report.metric:
            usd = cost.get((own.request_class, own.treatment))
            rows.append(
                {
                    "name": own.request_class,
                    "treatment": own.treatment,
                    "requests": own.requests,
                    "told": difference(own.metric, own.difference),
                    "range": own.difference,
                    "sure": own.clear and _leaves_out_zero(own.difference),
                    "usd": NOTHING if usd is None else difference("usd", usd.difference),
                }
            )
    return rows


def _class_scale(report: ABReport) -> float:
    """Half the width of the scale that classes are drawn on."""
    ends = [
        abs(end)
        for own in report.classes
        if own.metric == report.metric and own.difference is not None
        for end in (own.difference.low, own.difference.high)
        if end is not None
    ]
    return max([report.margin, *ends, 1e-9])
