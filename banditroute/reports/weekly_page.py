"""A weekly report as a page that needs nothing else, to be read in a mail client too."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from banditroute.reports.ab.words import change as difference
from banditroute.reports.bars import Bar, chart
from banditroute.reports.page import legend, listed, page, section, table, tiles
from banditroute.reports.text import amount
from banditroute.reports.verdict import usd
from banditroute.reports.weekly_findings import Part, WeeklyReport
from banditroute.reports.weekly_text import tables, title
from banditroute.reports.weekly_words import level, monthly, moved

WRAPPED = (
    "<style>tr.words td,table:has(tr.words) th{text-align:left}tr.words td{white-space:normal}"
    "th,td{padding:.35rem .4rem}</style>"
)
"""Verdicts and alarms are sentences: their cells break. Two weeks side by side are wide."""

WORDS = ("Experiments", "Guardrails", "Alarms")
"""Tables of words rather than figures."""

PARTS = (
    "USD in sum and per 1,000 requests, quality in points of 100, each beside the week before; 95% intervals"
)

CAPTIONS = {
    "By class, beside the week before": PARTS,
    "By model, beside the week before": PARTS,
    "What static rules would have cost in the week": "USD with 95% intervals; quality in points of 100",
    "A month and a year like this week": "In USD with 95% intervals",
    "Experiments": "Those that run, or ended in the week",
    "Guardrails": "What was promised for a class",
    "Alarms": "Those of the week, and those that nobody acknowledged yet",
}


def weekly_page(report: WeeklyReport) -> str:
    """The report as a page."""
    parts = [WRAPPED, _tiles(report), _spend("USD by class", report.classes)]
    for name, heads, rows in tables(report):
        kind = "words" if name in WORDS else ""
        parts.append(section(name, table(CAPTIONS[name], heads, [(kind, row) for row in rows])))
    return page(title(report), report.verdict, [*parts, section("How to read this", listed(report.notes))])


def fragment(report: WeeklyReport) -> str:
    """The verdict, the tables and the notes, for a notebook."""
    made = [f"<p><strong>{escape(report.verdict)}</strong></p>"]
    for name, heads, rows in tables(report):
        top = "".join(f"<th>{escape(head)}</th>" for head in heads)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        made.append(
            f"<table><caption>{escape(name)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
        )
    return "".join(made) + listed(report.notes)


def _tiles(report: WeeklyReport) -> str:
    now, before = report.total.now, report.total.before
    items = [("requests", f"{now.requests:,}", moved(now.requests, before.requests))]
    if now.metered:
        items.append(("spent", usd(now.usd), moved(now.usd, before.usd) if before.metered else ""))
    if report.savings is not None:
        against = next(bill for bill in report.savings.rules if bill.rule == report.savings.baseline)
        items.append((f"by {against.rule}", *_apart(amount(against.usd))))
    if now.quality is not None:
        change = report.total.quality_change
        told = "" if change is None else f"{difference(change, 'quality')} on the week before"
        figure, interval = _apart(level(now.quality))
        items.append(("quality, in points", figure, ", ".join(filter(None, (interval, told)))))
    items += [(f"{name}, in a month", *_apart(month)) for name, month, _ in monthly(report)[-1:]]
    return tiles(items)


def _apart(told: str) -> tuple[str, str]:
    """A figure, and its interval."""
    figure, _, interval = told.partition(" (")
    return figure, interval.rstrip(")")


def _spend(heading: str, parts: Sequence[Part]) -> str:
    """Two bars for every class: the week, and the week before, where that has anything to show."""
    bars, kinds = [], [("mine", "the week")]
    if any(part.before.metered for part in parts):
        kinds.append(("other", "the week before"))
    for part in parts:
        bars.append(Bar(part.name, part.now.usd, usd(part.now.usd), "mine"))
        if len(kinds) > 1:
            bars.append(Bar("", part.before.usd, usd(part.before.usd), "other"))
    drawn = chart(f"{heading}: {', then '.join(name for _, name in kinds)}", bars)
    return section(heading, legend(kinds), drawn)
