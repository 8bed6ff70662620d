"""A report on an experiment for the terminal: its tables, in words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from banditroute.reports.ab.findings import ABReport, ClassEffect, MetricEffect, Saving, VariantCount
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.words import change
from banditroute.reports.findings import Range
from banditroute.reports.text import amount
from banditroute.reports.verdict import POINTS, usd
from banditroute.routing.wording import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

MARK = " *"
"""Beside a difference in a class that is clear."""

WIDTH = 120
"""Of the text, in characters."""

Table = tuple[str, list[str], list[list[str]]]
"""Title, heads, and rows; the first column names a row."""


def title(report: ABReport) -> str:
    """Of the whole report."""
    return f"Experiment {report.experiment}" if report.experiment else "Experiment"


def tables(report: ABReport) -> list[Table]:
    """Every table of the report; columns that nobody fills are left out."""
    several, shown = len(report.comparisons) > 1, tuple(dict.fromkeys((report.metric, "usd")))
    means = [f"plain mean of {METRICS[one].title}" for one in shown]
    made = [
        _table(
            "Variants",
            ["variant", "units", "due", "requests", *means],
            [_variant(one, shown) for one in report.variants],
        ),
        _table(
            f"Treatment less control ({report.control})",
            ["metric", "treatment", "control", "with it", "difference", "ratio", "p", "values", "units"],
            [_effect(one, several) for one in report.effects],
        ),
        _table(
            "By class, for all classes together",
            ["class", "metric", "treatment", "difference", "p (Holm)", "requests", "units"],
            [_class(one, several) for one in report.classes],
        ),
        _table(
            "Savings",
            ["treatment", "per 1,000 requests", "per month"],
            [_saving(one) for one in report.savings],
        ),
    ]
    return [table for table in made if table[2]]


def _table(name: str, heads: list[str], rows: list[list[str]]) -> Table:
    kept = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    return name, [heads[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _variant(one: VariantCount, shown: Sequence[str]) -> list[str]:
    plain = (level(one.means.get(metric), metric) for metric in shown)
    return [one.name, f"{one.units:,}", f"{one.due:,.0f}", f"{one.requests:,}", *plain]


def _effect(one: MetricEffect, several: bool) -> list[str]:
    return [
        METRICS[one.metric].title,
        one.treatment if several else "",
        level(one.control_mean, one.metric),
        level(one.treatment_mean, one.metric),
        difference(one.difference, one.metric) + ("" if one.stage != "early" else " early"),
        _ratio(one.ratio),
        _p(one.p),
        f"{one.known:,}",
        f"{one.units:,}",
    ]


def _class(one: ClassEffect, several: bool) -> list[str]:
    return [
        one.request_class,
        METRICS[one.metric].title,
        one.treatment if several else "",
        difference(one.difference, one.metric) + (MARK if one.clear else ""),
        _p(one.p),
        f"{one.requests:,}",
        f"{one.units:,}",
    ]


def _saving(one: Saving) -> list[str]:
    return [one.treatment, amount(one.per_request, 1_000), amount(one.per_month)]


def level(value: float | None, metric: str) -> str:
    """A mean of a metric."""
    if value is None:
        return ""
    if metric == "usd":
        return usd(value)
    unit = METRICS[metric].unit
    if unit == "points":
        return f"{POINTS * value:.1f}"
    return f"{value:,.0f}" if unit == "tokens" else f"{value:.3f}" if not unit else f"{value:.2f} {unit}"


def difference(value: Range | None, metric: str) -> str:
    """A difference of a metric with its interval, if it has one yet."""
    if value is None:
        return ""
    return change(value, metric) if value.low is not None else f"{change(value, metric)} (no interval yet)"


def _ratio(value: Range | None) -> str:
    if value is None:
        return ""
    if value.low is None or value.high is None:
        return f"{value.mean:.2f}"
    return f"{value.mean:.2f} ({value.low:.2f}–{value.high:.2f})"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def printed(report: ABReport) -> RenderableType:
    """The verdict, the tables, and the notes."""
    from rich.console import Group
    from rich.text import Text

    from banditroute.offline.verbatim import VerbatimTable

    parts: list[RenderableType] = [Text(printable(report.verdict), style="bold"), Text("")]
    for found in tables(report):
        name, heads, rows = found
        grid = VerbatimTable(
            title=printable(name),
            title_justify="left",
            title_style="bold",
            header_style="bold",
            box=None,
            pad_edge=False,
        )
        for head in heads:
            grid.add_column(head, justify="left" if head in _WORDS else "right")
        for row in rows:
            grid.add_row(*(printable(cell) for cell in row))
        told = footnote(found)
        parts += [grid, *([Text(told, style="dim")] if told else []), Text("")]
    return Group(*parts, *(Text(printable(note), style="dim") for note in report.notes))


_WORDS = ("variant", "metric", "treatment", "class")


def plain(report: ABReport) -> str:
    """The same as text."""
    from rich.text import Text

    from banditroute.offline.verbatim import verbatim_console

    page = io.StringIO()
    console = verbatim_console(page, width=WIDTH, plain=True)
    console.print(Text(printable(title(report))), "", printed(report), sep="\n")
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


def footnote(table: Table) -> str:
    """What a mark in a table means; empty where there is none."""
    marked = any(cell.endswith(MARK) for row in table[2] for cell in row)
    return "* clear: the interval, which holds for all classes together, leaves out 0." if marked else ""


def rows_of(table: Table) -> Sequence[tuple[str, Sequence[str]]]:
    """Rows as a page's table takes them."""
    return [("", row) for row in table[2]]
