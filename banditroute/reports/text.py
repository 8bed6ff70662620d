"""A savings report for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from banditroute.reports.findings import Bill, Range, SavingsReport, Slice
from banditroute.reports.verdict import POINTS, points, usd

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

COLUMNS = (
    "rule", "USD", "per 1,000", "the same, off-policy", "saved against it", "quality", "gained",
    "USD / month", "saved / month",
)  # fmt: skip


def amount(value: Range | None, scale: float = 1.0) -> str:
    """USD with its interval."""
    if value is None:
        return ""
    told = usd(value.mean * scale)
    if value.low is None or value.high is None:
        return told
    low, high = (usd(end * scale).replace("$", "") for end in (value.low, value.high))
    return f"{told} ({low}{' to ' if value.low < 0 else '–'}{high})"


def percent(share: float | None) -> str:
    """What was saved of a bill; where more than twice as much was paid, how many times."""
    if share is None:
        return ""
    return f"paid {1 - share:,.1f} ×" if share < -1 else f"{share:.0%}".replace("-", "−")


def quality(value: Range | None) -> str:
    """A mean quality in points of 100."""
    return "" if value is None else level(value.mean)


def level(quality: float) -> str:
    """A quality of 0 to 1 in points of 100."""
    return f"{POINTS * quality:.1f}"


def span(days: float) -> str:
    """A stretch of time in words: days, or hours or minutes where there are few."""
    for unit, length in (("day", 1.0), ("hour", 1 / 24)):
        if days >= 2.0 * length:
            return f"{days / length:,.0f} {unit}s"
    minutes = max(1, round(days * 1_440))
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def gain(value: Range | None) -> str:
    """A difference of quality in points with its interval."""
    if value is None:
        return ""
    if value.low is None or value.high is None:
        return points(value.mean)
    return f"{points(value.mean)} ({points(value.low)} to {points(value.high)})"


def cells(bill: Bill, *, own: bool = False) -> list[str]:
    """A bill as one row of COLUMNS; the `own` one is not compared with itself."""
    mark = "*" if bill.unseen else ""
    return [
        bill.rule + mark,
        amount(bill.usd),
        usd(1_000 * bill.usd_per_request.mean),
        "" if bill.check is None else amount(bill.check.usd_per_request, 1_000),
        "" if own else percent(bill.saving_share),
        quality(bill.quality),
        "" if own else gain(bill.quality_gain),
        amount(bill.monthly),
        "" if own else amount(bill.monthly_saving),
    ]


def notes(report: SavingsReport) -> list[str]:
    """What is to be read with the figures, in sentences."""
    told = projection(report)
    told += report.assumptions
    if any(bill.unseen for bill in report.rules):
        told.append("* a model of this rule answered nothing in the log.")
    told += _unidentified(report)
    told += [f"{refusal.rule} is left out: {refusal.reason}" for refusal in report.refused]
    return told


def _unidentified(report: SavingsReport) -> list[str]:
    """Which rules have no off-policy quality, and why the first of them has none."""
    missing = [
        (bill.rule, bill.check.quality_refused)
        for bill in report.rules
        if bill.check is not None and bill.check.quality_refused
    ]
    if not missing:
        return []
    names = ", ".join(rule for rule, _ in missing)
    return [f"No off-policy quality, so that of the class stands: {names}. {missing[0][0]}: {missing[0][1]}"]


def projection(report: SavingsReport) -> list[str]:
    """What the monthly figures rest on, and what their intervals do not know."""
    rests = report.projection
    if rests.requests_per_month is None:
        return [f"Nothing is projected: {rests.reason}"]
    source = "as given" if rests.source == "given" else "as in the log's whole days"
    left = "days, or runs of them," if rests.blocks == "days" else "groups of users"
    return [
        f"A month is {rests.requests_per_month:,.0f} requests ({source}), a year twelve of them. Intervals "
        f"are 95%, by leaving out {rests.count} {left} in turn: they know the chance in this traffic, "
        "not growth, seasons, new prices or other users."
    ]


def printed(report: SavingsReport) -> RenderableType:
    """The verdict, the rules, classes and models, and the notes."""
    from rich.console import Group
    from rich.text import Text

    rows = [cells(report.actual, own=True), *(cells(bill) for bill in report.rules)]
    shown = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows)]
    rules = _table("Every rule on the same requests, quality in points")
    for i in shown:
        rules.add_column(COLUMNS[i], justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        style = "bold" if row is rows[0] else "italic" if row[0].rstrip("*") == report.baseline else ""
        rules.add_row(*(row[i] for i in shown), style=style)
    against = next(bill for bill in report.rules if bill.rule == report.baseline)
    return Group(
        Text(report.verdict, style="bold"),
        Text(""),
        rules,
        Text(""),
        _split("By class", report.actual.by_class, against.by_class, against.rule),
        Text(""),
        _split("By model", report.actual.by_model, (), ""),
        Text(""),
        *(Text(note, style="dim") for note in notes(report)),
    )


def _split(title: str, actual: Sequence[Slice], against: Sequence[Slice], rule: str) -> Table:
    """Classes or models, each with what it cost, and what it would have under a rule."""
    table = _table(title)
    table.add_column(title.removeprefix("By "))
    names = ("requests", "USD", "quality", *((f"USD, {rule}", f"quality, {rule}") if rule else ()))
    for name in names:
        table.add_column(name, justify="right")
    other = {part.name: part for part in against}
    for part in actual:
        row = [f"{part.requests:,.0f}", *_figures(part)]
        if rule:
            row += _figures(other.get(part.name))
        table.add_row(part.name, *row)
    return table


def _figures(part: Slice | None) -> list[str]:
    if part is None:
        return ["", ""]
    return [
        "" if part.usd is None else usd(part.usd),
        "" if part.quality is None else level(part.quality),
    ]


def _table(title: str) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    return VerbatimTable(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
