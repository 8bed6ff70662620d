"""The calculator's answer for the terminal and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from banditroute.reports.bars import Bar, chart
from banditroute.reports.calculator import Calculation, Plan
from banditroute.reports.page import listed, page, section, table, tiles
from banditroute.reports.text import percent
from banditroute.reports.verdict import usd

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS = ("plan", "USD / month", "USD / year", "saved", "quality", "floor held")
CLASSES = ("class", "requests / month", "now", "USD / month", "per class", "USD / month ")


def cells(plan: Plan) -> list[str]:
    """A plan as one row of COLUMNS."""
    return [
        plan.name,
        usd(plan.monthly),
        usd(plan.yearly),
        percent(plan.saving_share),
        "" if plan.quality is None else f"{plan.quality:.3f}",
        {True: "yes", False: "no", None: ""}[plan.holds],
    ]


def class_rows(result: Calculation) -> list[list[str]]:
    """A row of CLASSES for every class: who answers now, and who would by the rule per class."""
    held = next((plan for plan in result.plans if plan.name == "per_class"), None)
    rows = []
    for place, choice in enumerate(result.now.choices):
        other = ["", ""]
        if held is not None:
            other = [", ".join(held.choices[place].models), usd(held.choices[place].usd)]
        today = [", ".join(choice.models), usd(choice.usd)]
        rows.append([choice.request_class, f"{choice.requests:,.0f}", *today, *other])
    return rows


def notes(result: Calculation) -> list[str]:
    """What is to be read with the figures, in sentences."""
    floor = f"The floor of every class: {result.floor}."
    return [floor, *result.assumptions, *(f"{one.rule} is left out: {one.reason}" for one in result.refused)]


def printed(result: Calculation) -> RenderableType:
    """The verdict, every plan, every class, and the notes."""
    from rich.console import Group
    from rich.text import Text

    plans = _table("Every plan", COLUMNS, [cells(result.now), *(cells(plan) for plan in result.plans)])
    classes = _table("By class", CLASSES, class_rows(result))
    told = (Text(note, style="dim") for note in notes(result))
    return Group(Text(result.verdict, style="bold"), Text(""), plans, Text(""), classes, Text(""), *told)


def calculator_page(result: Calculation) -> str:
    """The answer as one HTML file."""
    plans = [result.now, *result.plans]
    bars = [Bar(plan.name, plan.monthly, usd(plan.monthly), _kind(plan)) for plan in plans]
    items = [("now, a month", usd(result.now.monthly), f"{result.requests_per_month:,.0f} requests")]
    if result.routing is not None:
        span = f"{usd(result.routing.low)} – {usd(result.routing.high)}"
        told = f"{span}, a range"
        bars.insert(1, Bar("learned routing", None, told, "mine", result.routing.low, result.routing.high))
        items.append(("learned routing, a month", span, "from the cheapest that is good enough to no change"))
    rows = [(_kind(plan), cells(plan)) for plan in plans]
    return page(
        "What routing would cost",
        result.verdict,
        [
            tiles(items),
            section("Every plan, USD a month", chart("USD a month by plan", bars)),
            table("Plans at today's list prices", COLUMNS, rows),
            section("By class", table("Who answers", CLASSES, [("", row) for row in class_rows(result)])),
            section("How to read this", listed(notes(result))),
        ],
    )


def _kind(plan: Plan) -> str:
    return "base" if plan.name == "now" else "other"


def _table(title: str, columns: tuple[str, ...], rows: list[list[str]]) -> RenderableType:
    from banditroute.offline.verbatim import VerbatimTable

    made = VerbatimTable(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    shown = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    for i in shown:
        figures = columns[i] not in ("plan", "class", "now", "per class", "floor held")
        made.add_column(columns[i], justify="right" if figures else "left")
    for row in rows:
        made.add_row(*(row[i] for i in shown), style="bold" if row[0] == "now" else "")
    return made
