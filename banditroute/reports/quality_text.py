"""A quality report for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from banditroute.reports.quality_findings import MeanQuality, ModelQuality, QualityReport
from banditroute.reports.quality_words import BLANK, figure, signed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

COLUMNS = (
    "model", "class", "answers", "people alone", "n", "judge alone", "n ", "both together", "moved", "router",
    "odds 1.5", "odds 2",
)  # fmt: skip
"""Of a row. A space at the end tells the numbers of people's and of the judge's scores apart."""

TITLE = "Quality by people and a judge"


def cells(row: ModelQuality) -> list[str]:
    """A row of COLUMNS."""
    half, double = row.off or (None, None)
    return [
        row.model,
        row.request_class or "",
        f"{row.answers:,}",
        figure(row.people),
        _number(row.people),
        figure(row.judge),
        _number(row.judge),
        figure(row.powered),
        _signed(row.moved),
        _signed(row.router_shift),
        _either_way(half),
        _either_way(double),
    ]


def tables(report: QualityReport) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, heads and rows of every table; columns that nobody fills are left out, and a cell
    that only others fill has a mark, which the notes explain."""
    found = []
    for title, rows in (("By model", report.models), ("By class", report.classes)):
        if rows:
            told = [cells(row) for row in rows]
            kept = [i for i in range(len(COLUMNS)) if any(line[i] for line in told)]
            heads = [COLUMNS[i].rstrip() for i in kept]
            found.append((title, heads, [[line[i] or BLANK for i in kept] for line in told]))
    return found


def printed(report: QualityReport) -> RenderableType:
    """The verdict, the models, the classes, and the notes."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(report.verdict, style="bold"), Text("")]
    for title, heads, rows in tables(report):
        parts += [_table(title, heads, rows), Text("")]
    return Group(*parts, *(Text(note, style="dim") for note in report.notes))


def markdown(report: QualityReport) -> str:
    """The same as Markdown."""
    lines = [f"# {TITLE}", "", _escaped(report.verdict), ""]
    for title, heads, rows in tables(report):
        lines += [f"## {title}", "", _line(heads), _line(["---"] + ["---:"] * (len(heads) - 1))]
        lines += [*(_line([_escaped(cell) for cell in row]) for row in rows), ""]
    return "\n".join(
        [*lines, "## How to read this", "", *(f"- {_escaped(note)}" for note in report.notes), ""]
    )


def _line(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def _escaped(text: str) -> str:
    """What a model or a class may be called must not end a cell, nor make one of its own."""
    for mark in ("\\", "|", "*", "_", "`", "<", "[", "]"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for head in heads:
        left = head in ("model", "class")
        table.add_column(head, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _number(value: MeanQuality | None) -> str:
    return "" if value is None else f"{value.n:,}"


def _signed(value: float | None) -> str:
    return "" if value is None else signed(value)


def _either_way(value: float | None) -> str:
    return "" if value is None else f"± {value:.3f}"
