"""The check of fit as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from banditroute.offline.logs.files import counted
from banditroute.offline.simulation.plots import short_name
from banditroute.offline.worlds.answers import COLUMNS
from banditroute.offline.worlds.check import LEVEL, QUANTILES, Cell, FitCheck

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

MOST_ROWS = 40
"""Flagged cells that are shown; of more, those that fit worst."""

FALSE_ALARMS = f"(Of true worlds about {LEVEL:.0%} have any comparison flagged.)"

FORMS = {"quality": ".3f", "output_tokens": ",.0f", "usd": ".3g", "seconds": ".2f"}


def terminal_tables(check: FitCheck) -> Group:
    """What was tested, what models have in common, and the cells that do not fit: `log / world` in each."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(verdict(check)), Text(), _summary(check)]
    if any(cell.flagged for cell in check.cells):
        parts += [Text(), _cells(check)]
    return Group(*parts)


def verdict(check: FitCheck) -> str:
    """One sentence: does it fit?"""
    tested = sum(not np.isnan(own.p) for own in check.compared)
    few = len(check.compared) - tested
    untold = f", and {few:,} more have too few answers to tell" if few else ""
    where = "other requests of the log" if check.held_out else "the log it was fitted to"
    fitted = counted(check.fitted, "request")
    start = f"Check of fit: fitted to {fitted}, compared with {check.checked:,}, {where}."
    if not check.flagged:
        return f"{start} None of {counted(tested, 'comparison')} is flagged{untold}. {FALSE_ALARMS}"
    names = sorted({own.factor if isinstance(own, Cell) else own.name for own in check.flagged})
    are = "is" if len(check.flagged) == 1 else "are"
    return (
        f"{start} {len(check.flagged)} of {tested} comparisons {are} flagged{untold}: {', '.join(names)}. "
        f"{FALSE_ALARMS} Do not trust figures that depend on what is flagged."
    )


def _summary(check: FitCheck) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable(box=None, pad_edge=False, header_style="bold")
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
    from banditroute.offline.verbatim import VerbatimTable

    flagged = sorted((cell for cell in check.cells if cell.flagged), key=lambda cell: -_excess(cell))
    shown = flagged[:MOST_ROWS]
    left = len(flagged) - len(shown)
    note = f"{counted(left, 'more')} flagged; --json has all cells." if left else "--json has all cells."
    table = VerbatimTable(box=None, pad_edge=False, header_style="bold", caption_justify="left", caption=(
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
            short_name(cell.model, 24), short_name(cell.request_class, 20), cell.factor,
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
