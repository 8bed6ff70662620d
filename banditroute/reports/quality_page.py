"""A quality report as a page that needs nothing else, and as a piece of one for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from banditroute.reports.bars import LABEL, VALUE, WIDTH
from banditroute.reports.page import legend, listed, page, section, table
from banditroute.reports.quality_findings import MeanQuality, ModelQuality, QualityReport
from banditroute.reports.quality_text import TITLE, tables
from banditroute.reports.quality_words import figure

KINDS = (("other", "people alone"), ("base", "judge alone"), ("mine", "both together"))
"""Class of the page's style and name of the three estimates, in the order of `estimates`."""

_LINE, _GAP = 20, 14


def estimates(row: ModelQuality) -> tuple[MeanQuality | None, MeanQuality | None, MeanQuality | None]:
    """By people alone, by the judge alone, by both."""
    return row.people, row.judge, row.powered


def quality_page(report: QualityReport) -> str:
    """The report as a page."""
    parts = [section("Mean quality with 95% intervals", _legend(report), chart(report.models))]
    for title, heads, rows in tables(report):
        parts.append(section(title, table(title, heads, [("", row) for row in rows])))
    return page(TITLE, report.verdict, [*parts, section("How to read this", listed(report.notes))])


def fragment(report: QualityReport) -> str:
    """The verdict, the tables and the notes, for a notebook."""
    made = [f"<p><strong>{escape(report.verdict)}</strong></p>"]
    for title, heads, rows in tables(report):
        top = "".join(f"<th>{escape(head)}</th>" for head in heads)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        made.append(
            f"<table><caption>{title}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
        )
    return "".join(made) + listed(report.notes)


def chart(rows: Sequence[ModelQuality]) -> str:
    """Dots with whiskers, one group per model, on one scale."""
    found = [one for row in rows for one in estimates(row) if one is not None]
    low = min((_ends(one)[0] for one in found), default=0.0)
    scale = (WIDTH - LABEL - VALUE) / max(max((_ends(one)[1] for one in found), default=1.0) - low, 0.01)
    drawn, heard, y = [], [], 12.0
    for row in rows:
        shown = [(kind, name, one) for (kind, name), one in zip(KINDS, estimates(row), strict=True) if one]
        middle = y + _LINE * max(len(shown) - 1, 0) / 2 + 4
        drawn.append(f'<text class="label" x="{LABEL - 10}" y="{middle:.1f}">{escape(row.model[:27])}</text>')
        for kind, name, one in shown:
            left, dot, right = (
                LABEL + scale * (value - low) for value in (_ends(one)[0], one.mean, _ends(one)[1])
            )
            drawn.append(
                f'<path class="whisker" d="M{left:.1f} {y}H{right:.1f}"/>'
                f'<circle class="{kind}" cx="{dot:.1f}" cy="{y}" r="5"/>'
                f'<text class="value" x="{right + 10:.1f}" y="{y + 4}">{escape(figure(one))}</text>'
            )
            heard.append(f"{row.model}, {name}: {figure(one)}")
            y += _LINE
        y += _GAP
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {y:.0f}" role="img" '
        f'aria-label="{escape("Mean quality. " + "; ".join(heard))}">{"".join(drawn)}</svg>'
    )


def _ends(one: MeanQuality) -> tuple[float, float]:
    return (one.mean if one.low is None else one.low), (one.mean if one.high is None else one.high)


def _legend(report: QualityReport) -> str:
    """The kinds of estimates that there are."""
    there = [any(estimates(row)[i] is not None for row in report.models) for i in range(len(KINDS))]
    return legend([kind for kind, known in zip(KINDS, there, strict=True) if known])
