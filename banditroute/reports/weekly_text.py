"""A weekly report for the terminal: its tables, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from banditroute.reports.ab.words import change as difference
from banditroute.reports.ab.words import size
from banditroute.reports.text import COLUMNS, amount, cells
from banditroute.reports.verdict import usd
from banditroute.reports.weekly_findings import Part, WeeklyReport
from banditroute.reports.weekly_words import level, monthly

if TYPE_CHECKING:
    from rich.console import RenderableType

Table = tuple[str, list[str], list[list[str]]]
"""Title, heads, and rows; the first column names a row."""

_HEADS = [
    "", "requests", "before", "USD", "before", "per 1,000", "before", "quality, points", "before", "change",
]  # fmt: skip


def title(report: WeeklyReport) -> str:
    """Of the whole report: the first and the last day."""
    return f"The week from {day(report.since)} to {day(report.until - 1.0)} (UTC)"


def day(at: float) -> str:
    """A date."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def when(at: float) -> str:
    """A time."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def tables(report: WeeklyReport) -> list[Table]:
    """Every table of the report that has a row."""
    made: list[Table] = [
        _parts("By class, beside the week before", "class", [*report.classes, report.total]),
        _parts("By model, beside the week before", "model", report.models),
        _rules(report),
        ("A month and a year like this week", ["", "month", "year"], [list(row) for row in monthly(report)]),
        (
            "Experiments",
            ["experiment", "state", "verdict"],
            [[one.name, one.status, one.verdict] for one in report.experiments],
        ),
        (
            "Guardrails",
            ["class", "baseline", "margin", "state"],
            [
                [one.request_class, one.baseline, size(one.margin, "quality"), _state(one.broken_since)]
                for one in report.guardrails
            ],
        ),
        (
            "Alarms",
            ["raised", "what", "acknowledged"],
            [[when(one.at), one.message, "yes" if one.acknowledged else "no"] for one in report.alarms],
        ),
    ]
    return [table for table in made if table[2]]


def _parts(name: str, of: str, parts: Sequence[Part]) -> Table:
    return name, [of, *_HEADS[1:]], [_row(part) for part in parts]


def _row(part: Part) -> list[str]:
    now, before = part.now, part.before
    return [
        part.name,
        f"{now.requests:,}",
        f"{before.requests:,}",
        usd(now.usd) if now.metered else "",
        usd(before.usd) if before.metered else "",
        amount(now.usd_per_request, 1_000),
        amount(before.usd_per_request, 1_000),
        level(now.quality),
        level(before.quality),
        "" if part.quality_change is None else difference(part.quality_change, "quality"),
    ]


def _rules(report: WeeklyReport) -> Table:
    """The week's bill under every static rule, without its projection, which is told apart."""
    if report.savings is None:
        return "", [], []
    rows = [cells(report.savings.actual, own=True), *(cells(bill) for bill in report.savings.rules)]
    kept = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows) and "month" not in COLUMNS[i]]
    return (
        "What static rules would have cost in the week",
        [COLUMNS[i].replace("quality", "quality, points") for i in kept],
        [[row[i] for i in kept] for row in rows],
    )


def _state(broken_since: float | None) -> str:
    return "holds" if broken_since is None else f"broken since {when(broken_since)}"


def printed(report: WeeklyReport) -> RenderableType:
    """The verdict, the tables, and the notes."""
    from rich.console import Group
    from rich.text import Text

    from banditroute.offline.verbatim import VerbatimTable

    parts: list[RenderableType] = [Text(title(report)), Text(report.verdict, style="bold"), Text("")]
    for name, heads, rows in tables(report):
        grid = VerbatimTable(
            title=name,
            title_justify="left",
            title_style="bold",
            header_style="bold",
            box=None,
            pad_edge=False,
        )
        words = [any(len(row[i]) > LONG for row in rows) for i in range(len(heads))]
        for i, head in enumerate(heads):
            left = i == 0 or words[i]
            grid.add_column(head, justify="left" if left else "right", max_width=WIDE if left else None)
        for row in rows:
            grid.add_row(*row)
        parts += [grid, Text("")]
    return Group(*parts, *(Text(note, style="dim") for note in report.notes))


LONG, WIDE = 40, 80
"""Characters from which on a cell is a sentence, and those of a line of it."""
