"""What is to be read with the figures of an experiment, in sentences."""

from __future__ import annotations

from banditroute.reports.ab.findings import ABReport, MetricEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.sound import FEW_ALIKE, known_shares, unlike
from banditroute.reports.verdict import usd

_THIN = 0.1  # a share of units below which normal theory needs more of them


def notes(report: ABReport) -> list[str]:
    """The notes, those that concern this experiment alone first."""
    told = [
        *_caps(report),
        *_answered(report),
        *_stages(report),
        *_before(report),
        *_split(report),
        *_heavy(report),
        *_powered(report),
        *_months(report),
    ]
    if report.effects:
        told += _always(report)
    return told


def _caps(report: ABReport) -> list[str]:
    told, seen = [], set()
    for effect in report.effects:
        cap = effect.cap
        if (
            cap is None
            or effect.metric in seen
            or cap.high is None
            or (not cap.declared and not cap.requests)
        ):
            continue
        seen.add(effect.metric)
        source = "as declared" if cap.declared else "by the units before the first look; better declare one"
        share = "nothing" if cap.requests == 0.0 else f"{cap.requests:.2%} of values, {cap.amount:.1%} of all"
        title = METRICS[effect.metric].title.removesuffix(" per request")
        told.append(f"{title[0].upper()}{title[1:]} is cut at {_at(effect, cap.high)} ({source}): {share}.")
    return told


def _at(effect: MetricEffect, value: float) -> str:
    return usd(value) if effect.metric == "usd" else f"{value:,.3g} {METRICS[effect.metric].unit}".rstrip()


def _answered(report: ABReport) -> list[str]:
    """Metrics that are known of one variant more often than of the other."""
    powered = report.effect("powered") is not None
    told = []
    for one in report.effects:
        if not unlike(one):
            continue
        shares = known_shares(one)
        out = ""
        if one.metric == "quality":
            out = " take quality by judge and people (powered)," if powered else ""
            out = f":{out} score both alike, at random, or have a judge score all and people a random sample"
        told.append(
            f"{shares[0].upper()}{shares[1:]}: for sure not alike, and those that are missing may be other "
            f"ones in each, so no mean of them compares the two{out}."
        )
    return told


def _stages(report: ABReport) -> list[str]:
    """Which metrics have no sequence yet."""
    told = []
    for stage, text in (
        ("too_early", "No interval yet for {}: it takes {} units."),
        ("early", "The interval of {} is by betting, exact and wide, until there are {} units."),
    ):
        found = [one for one in report.effects if one.stage == stage]
        for first in sorted({one.first_look for one in found}):
            names = dict.fromkeys(METRICS[one.metric].title for one in found if one.first_look == first)
            told.append(text.format(", ".join(names), f"{first:,}"))
    return told


def _before(report: ABReport) -> list[str]:
    gains = [(one, one.gain) for one in report.effects if one.gain is not None and one.stage == "sure"]
    return [
        f"What units were like before takes {gain:.0%} of the variance of {METRICS[one.metric].title} away."
        for one, gain in gains
        if gain >= 0.01
    ]


def _split(report: ABReport) -> list[str]:
    told = []
    if report.moved:
        told.append(
            f"{report.moved:,} units were seen in more than one variant; they count in that of their first "
            "request alone."
        )
    total = sum(one.due for one in report.variants)
    thin = [one.name for one in report.variants if total and one.due < (_THIN - 1e-9) * total]
    if thin:
        told.append(
            f"Under a tenth of the units go to {', '.join(thin)}: intervals may be too narrow before there "
            "are many thousands."
        )
    return told


def _heavy(report: ABReport) -> list[str]:
    """Whether a few units make most of the requests."""
    own = report.effect()
    if own is None or own.stage != "sure" or own.alike >= FEW_ALIKE:
        return []
    return [
        f"A few units make most of the requests: these {own.units:,} tell as much as {own.alike:,.0f} that "
        "come equally often, so intervals may be too narrow; below {FEW_ALIKE:.0f} nothing is decided."
    ]


def _powered(report: ABReport) -> list[str]:
    if report.effect("powered") is None:
        return []
    return [
        "Quality by judge and people takes the answers that people scored for a random sample of those that "
        "the judge scored: ask for scores at random. Volunteers are no such sample."
    ]


def _months(report: ABReport) -> list[str]:
    rates = {one.requests_per_month for one in report.savings if one.requests_per_month is not None}
    return [
        f"A month is {rate:,.0f} requests, as were given or as this experiment had at its rate; what is "
        "saved of values beyond the cap is not counted."
        for rate in rates
    ]


def _always(report: ABReport) -> list[str]:
    several = len(report.comparisons) > 1
    each = f", divided among {len(report.comparisons)} treatments" if several else ""
    return [
        f"Intervals of {1.0 - report.alpha:.0%}{each} hold at every look at once, however often one looks "
        "and whenever one stops, and where assignment follows outcomes (asymptotic confidence sequences; "
        "increments are units, not requests). Those of single metrics do not hold for all metrics together: "
        f"the one that was chosen beforehand is {METRICS[report.metric].title}.",
        "Classes are told apart with the error divided among all of them: intervals by Bonferroni, and a "
        "class is clear (*) where its interval leaves out 0; p-values by Holm, which may be below "
        f"{report.alpha:g} a little earlier.",
        "Means of control and treatment are those of one mix of classes, and may differ a little from the "
        "means of all requests as logged.",
    ]
