"""The check of fit as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from banditroute.offline.simulation.plots import short_name
from banditroute.offline.worlds.answers import COLUMNS
from banditroute.offline.worlds.check import LEVEL, QUANTILES, Cell, FitCheck

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

MOST_ROWS = 40
"""Cells that are shown, quality first; of more, those that fit worst."""

FALSE_ALARMS = f"(Of true worlds about {LEVEL:.0%} have any comparison flagged.)"

FORMS = {"quality": ".3f", "output_tokens": ",.0f", "usd": ".3g", "seconds": ".2f"}


def terminal_tables(check: FitCheck) -> Group:
    """What was tested, what models have in common, and the cells: `log / world` in each."""
    from rich.console import Group
    from rich.text import Text

    return Group(Text(verdict(check)), Text(), _summary(check), Text(), _cells(check))


def verdict(check: FitCheck) -> str:
    """One sentence: does it fit?"""
    tested = sum(not np.isnan(own.p) for own in check.compared)
    where = "other requests of the log" if check.held_out else "the log it was fitted to"
    start = f"Check of fit: fitted to {check.fitted:,} requests, compared with {check.checked:,}, {where}."
    if not check.flagged:
        return f"{start} None of {tested} comparisons is flagged. {FALSE_ALARMS}"
    names = sorted({own.factor if isinstance(own, Cell) else own.name for own in check.flagged})
    are = "is" if len(check.flagged) == 1 else "are"
    return (
        f"{start} {len(check.flagged)} of {tested} comparisons {are} flagged: {', '.join(names)}. "
        f"{FALSE_ALARMS} Do not trust figures that depend on what is flagged."
    )


def _summary(check: FitCheck) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(("", "tested", "flagged", "log", "world", "D / expected")):
        table.add_column(name, justify="right" if place else "left")
    for factor in COLUMNS:
        own = [cell for cell in check.cells if cell.factor == factor]
        tested = [cell for cell in own if not np.isnan(cell.p)]
        if own:
            means = [
                np.average([cell.mean[i] for cell in own], weights=[cell.answers for cell in own])
                for i in (0, 1)
            ]
            ratio = f"{np.median([c.distance / c.expected for c in tested]):.2f}" if tested else ""
            form = FORMS[factor]
            table.add_row(f"{factor}: cells", str(len(tested)), str(sum(c.flagged for c in own)),
                          format(means[0], form), format(means[1], form), ratio)  # fmt: skip
    for common in check.common:
        figures = (f"{common.log:.3f}", f"{common.world:.3f}", f"± {common.error:.3f}")
        table.add_row(common.name, "1", "1" if common.flagged else "0", *figures)
    return table


def _cells(check: FitCheck) -> Table:
    from rich.markup import escape
    from rich.table import Table

    quality = [cell for cell in check.cells if cell.factor == "quality"]
    others = [cell for cell in check.cells if cell.flagged and cell.factor != "quality"]
    shown = sorted([*quality, *others], key=lambda cell: (not cell.flagged, -_excess(cell)))
    if len(shown) > MOST_ROWS:
        left = len(shown) - MOST_ROWS
        note = f"{left} cells that fit better are not shown; --json has all."
        shown = shown[:MOST_ROWS]
    else:
        note = "Cells of other factors are shown when flagged; --json has all."
    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left", caption=(
        "Each pair: log / world. D: largest gap between the distribution functions; expected: its median if "
        f"the world were true. {note}"
    ))  # fmt: skip
    names = (
        "model",
        "class",
        "factor",
        "answers",
        "mean",
        "sd",
        *(f"{q:.0%}" for q in QUANTILES),
        "zeros",
        "ones",
    )
    for place, name in enumerate((*names, "D", "expected", "")):
        table.add_column(name, justify="left" if place < 3 else "right", no_wrap=True)
    for cell in shown:
        form = FORMS[cell.factor]
        pairs = [cell.mean, cell.sd, *cell.quantiles]
        table.add_row(
            escape(short_name(cell.model, 24)), escape(short_name(cell.request_class, 20)), cell.factor,
            f"{cell.answers:,.0f}", *(_pair(pair, form) for pair in pairs),
            _pair(cell.zeros, ".0%"), _pair(cell.ones, ".0%") if cell.factor == "quality" else "",
            f"{cell.distance:.3f}", "too few" if np.isnan(cell.p) else f"{cell.expected:.3f}",
            "flagged" if cell.flagged else "", style="bold" if cell.flagged else "",
        )  # fmt: skip
    return table


def _excess(cell: Cell) -> float:
    return 0.0 if np.isnan(cell.p) else cell.distance / cell.expected


def _pair(pair: tuple[float, float], form: str) -> str:
    return f"{pair[0]:{form}} / {pair[1]:{form}}"
