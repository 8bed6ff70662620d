"""A report on an experiment as a page that needs nothing else, and as a piece of one for notebooks."""

from __future__ import annotations

from html import escape

from banditroute.reports.ab.chart import course, legend_of
from banditroute.reports.ab.findings import ABReport, MetricEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.text import difference, footnote, rows_of, tables, title
from banditroute.reports.page import listed, page, section, table, tiles
from banditroute.reports.text import amount

_ASIDE = ("usd", "seconds", "error")
"""Drawn beside the primary metric."""


def ab_page(report: ABReport) -> str:
    """The report as a page."""
    parts = [_tiles(report), *_courses(report)]
    for found in tables(report):
        name, heads, _ = found
        under = footnote(found)
        told = f'<p class="legend">{escape(under)}</p>' if under else ""
        parts.append(section(name, table(_caption(report, name), heads, rows_of(found)), told))
    return page(title(report), report.verdict, [*parts, section("How to read this", listed(report.notes))])


def fragment(report: ABReport) -> str:
    """The verdict, the courses, the tables and the notes, for a notebook."""
    made = [f"<p><strong>{escape(report.verdict)}</strong></p>", *_courses(report)]
    for found in tables(report):
        name, heads, rows = found
        top = "".join(f"<th>{escape(head)}</th>" for head in heads)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        made.append(
            f"<table><caption>{escape(name)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
            f"<p>{escape(footnote(found))}</p>"
        )
    return "".join(made) + listed(report.notes)


def _caption(report: ABReport, name: str) -> str:
    if name == "Variants":
        return "Units that came, and that were due; requests by them"
    intervals = f"{1.0 - report.alpha:.0%} intervals that hold at every look"
    if name == "Savings":
        return f"USD that the treatment saves, with {intervals}"
    return f"Differences are treatment less control; quality and rates in points of 100; {intervals}"


def _tiles(report: ABReport) -> str:
    """The decision's figures, of the first treatment."""
    items = [("requests", f"{report.requests:,}", f"by {report.units:,} units")]
    for name in dict.fromkeys((report.metric, "usd")):
        effect = report.effect(name)
        if effect is not None and effect.difference is not None:
            figure, _, interval = difference(effect.difference, name).partition(" (")
            unit = METRICS[name].unit if name != "usd" else ""
            items.append((METRICS[name].title, f"{figure} {unit}".rstrip(), interval.rstrip(")")))
    for saving in report.savings[:1]:
        if saving.per_month is not None:
            figure, _, interval = amount(saving.per_month).partition(" (")
            items.append(("saved in a month", figure, interval.rstrip(")")))
    return tiles(items)


def _courses(report: ABReport) -> list[str]:
    """The charts of the metrics that matter most, for every treatment."""
    wanted = list(dict.fromkeys((report.metric, *_ASIDE)))
    chosen = sorted(
        (effect for effect in report.effects if effect.metric in wanted),
        key=lambda effect: wanted.index(effect.metric),
    )
    made = []
    for effect in chosen:
        margin = report.margin if effect.metric == report.metric else None
        drawn = course(effect, margin)
        if drawn:
            made.append(
                section(_heading(effect), drawn, f'<p class="legend">{escape(legend_of(effect, margin))}</p>')
            )
    return made


def _heading(effect: MetricEffect) -> str:
    metric = METRICS[effect.metric]
    unit = f", in {metric.unit}" if metric.unit == "points" else ""
    name = f"{metric.title[0].upper()}{metric.title[1:]}"
    return f"{name}: {effect.treatment} less {effect.control}{unit}"
