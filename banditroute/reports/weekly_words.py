"""A weekly report in words: its verdict, and what is to be read with its figures."""

from __future__ import annotations

from banditroute.reports.ab.words import change as difference
from banditroute.reports.findings import Range
from banditroute.reports.text import amount
from banditroute.reports.verdict import POINTS, usd
from banditroute.reports.weekly_findings import WeeklyReport

_SAME = 0.005  # a change by less than that is none that anybody speaks of


def verdict(report: WeeklyReport) -> str:
    """What was spent, beside the rule that it is compared with and the week before; what quality did; and
    whether anything asks to be looked at."""
    now, before = report.total.now, report.total.before
    if not now.requests:
        return f"No request in the week; {before.requests:,} in the week before. {_attention(report)}"
    told = [report.savings.verdict if report.savings is not None else _spent(report)]
    if before.metered and now.metered:
        told.append(f"Spend {moved(now.usd, before.usd)}, requests {moved(now.requests, before.requests)}.")
    if report.total.quality_change is not None:
        told.append(f"Quality {quality_moved(report.total.quality_change)}.")
    return " ".join([*told, _attention(report)])


def _spent(report: WeeklyReport) -> str:
    now = report.total.now
    cost = f"cost {usd(now.usd)}" if now.metered else "cost nobody knows what"
    return f"{now.requests:,} request{'' if now.requests == 1 else 's'} {cost}."


def moved(now: float, before: float) -> str:
    """How far a sum moved against that of the week before."""
    if not before:
        return "from nothing the week before" if now else "as the week before: none"
    share = now / before - 1.0
    if abs(share) < _SAME:
        return "as the week before"
    if share >= 1.0:
        return f"{now / before:,.1f} times that of the week before"
    return f"{'up' if share > 0 else 'down'} {abs(share):.0%} on the week before"


def quality_moved(change: Range) -> str:
    """How far mean quality moved; nothing is claimed that the interval does not bear out."""
    figure, interval, rest = difference(change, "quality").partition(" (")
    told = f"{figure} points{interval}{rest}"
    if change.low is None or change.high is None:
        return f"{told} on the week before (too few users for an interval)"
    if change.low <= 0.0 <= change.high:
        return f"about as the week before: {told}"
    return f"{'higher' if change.mean > 0 else 'lower'} than the week before: {told}"


def _attention(report: WeeklyReport) -> str:
    broken = [one.request_class for one in report.guardrails if one.broken_since is not None]
    if broken:
        return f"The guardrail of {', '.join(broken)} is broken: look at it first."
    waiting = sum(not one.acknowledged for one in report.alarms)
    if waiting:
        return f"{waiting} alarm{'' if waiting == 1 else 's'} to look at."
    return "No alarm."


def level(value: Range | None) -> str:
    """A mean quality in points of 100 with its interval."""
    if value is None:
        return ""
    told = f"{POINTS * value.mean:.1f}"
    if value.low is None or value.high is None:
        return told
    return f"{told} ({POINTS * value.low:.1f}–{POINTS * value.high:.1f})"


def monthly(report: WeeklyReport) -> list[tuple[str, str, str]]:
    """A month and a year like this week: what is spent, what by the rule it is compared with, what is
    saved. Empty where nothing is projected."""
    if report.savings is None or report.savings.actual.monthly is None:
        return []
    actual = report.savings.actual
    against = next(bill for bill in report.savings.rules if bill.rule == report.savings.baseline)
    made = [(actual.rule, amount(actual.monthly), amount(actual.yearly))]
    made.append((against.rule, amount(against.monthly), amount(against.yearly)))
    if (saved := against.monthly_saving) is not None:
        made.append(("saved", amount(saved), amount(times(saved, 12.0))))
    return made


def times(value: Range, factor: float) -> Range:
    """A figure so many times."""
    low, high = (None if end is None else factor * end for end in (value.low, value.high))
    return Range(factor * value.mean, low, high)


def notes(report: WeeklyReport, days: int) -> list[str]:
    """What is to be read with the figures, of a log that has some of these `days`."""
    told = [
        "Weeks are seven days in UTC. Sums are exact; intervals of means are 95%, by leaving out one group "
        "of users after the other, and those of changes know that the same users come in both weeks.",
    ]
    if days < 7:
        told.insert(0, f"The log holds {days} of the seven days: nothing is projected to a month from them.")
    elif report.savings is not None and report.savings.projection.requests_per_month is not None:
        rate = report.savings.projection.requests_per_month
        told.append(
            f"A month like this week is {rate:,.0f} requests, a year twelve of them: the intervals know the "
            "chance in this traffic, not growth, seasons or new prices."
        )
    total = report.total.now
    if total.metered < total.requests:
        told.append(f"{total.requests - total.metered:,} of the requests have no known cost.")
    if total.scored < total.requests:
        told.append(
            f"Quality is that of the {total.scored:,} requests ({total.scored / max(total.requests, 1):.0%}) "
            "that anybody scored, as they were scored; `banditroute report quality` says how far who scores "
            "moves it."
        )
    if report.savings is not None:
        told += report.savings.assumptions
    elif report.savings_refused:
        told.append(f"No comparison with static rules: {report.savings_refused}")
    return told
