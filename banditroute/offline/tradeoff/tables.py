"""A frontier as a table and in sentences: for the terminal, and for a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Floats
from banditroute.offline.simulation.findings import interval
from banditroute.offline.simulation.fitted_rules import FITTED
from banditroute.offline.tradeoff.findings import FrontierFindings, Keep, Point

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "policy",
    "usd weight",
    "quality",
    "± se",
    "USD / 1,000",
    "± se",
    "of the quality",
    "saving",
    "mostly",
)


WORTH_SAYING = 0.001
"""A rule that saves less than this is no answer."""

ENOUGH_SEEDS = 10
"""Seeds whose interval is seldom much wider than it has to be."""


def rows(result: FrontierFindings) -> list[tuple[str, list[str]]]:
    """Every point as (style, cells); style is `answer`, `hull` or ``."""
    hull = {id(result.points[i]) for i in result.hull}
    answers = {id(result.answer(policy)) for policy in result.policies}
    found = []
    for point in result.points:
        style = "answer" if id(point) in answers and point.usd_weight is not None else ""
        found.append((style or ("hull" if id(point) in hull else ""), _cells(result, point)))
    return found


def _cells(result: FrontierFindings, point: Point) -> list[str]:
    keep, (most, model) = result.keep, max(zip(point.share.tolist(), result.models, strict=True))
    remark = f" ({point.remark})" if point.remark else ""
    return [
        point.policy + remark,
        "" if point.usd_weight is None else f"{point.usd_weight:g}",
        f"{point.quality.mean():.4f}",
        _se(point.quality, ".4f"),
        f"{1_000 * point.usd.mean():,.4f}",
        _se(1_000 * point.usd, ",.4f"),
        "" if keep is None else f"{point.quality.mean() / keep.quality:.1%}",
        "" if keep is None else f"{keep.saving(point).mean():.1%}",
        f"{most:.0%} {model.rpartition('/')[2][:28]}",
    ]


def _se(values: Floats, form: str) -> str:
    """Standard error over seeds; empty where there is one seed, or nothing was left to chance."""
    if len(values) < 2 or np.ptp(values) == 0.0:
        return ""
    return format(float(values.std(ddof=1)) / len(values) ** 0.5, form)


def sentences(result: FrontierFindings) -> list[str]:
    """The answers to what was asked, one per policy that moves with the weights, then the cheapest rule."""
    keep = result.keep
    if keep is None:
        return []
    curves = [policy for policy in result.policies if result.curve(policy)[0].usd_weight is not None]
    said = [_answer(result, keep, policy) for policy in curves]
    rules = [
        (float(point.usd.mean()), point)
        for policy in result.policies
        if policy not in curves
        and (point := result.answer(policy)) is not None
        and float(keep.saving(point).mean()) >= WORTH_SAYING
    ]
    if rules:
        point = min(rules, key=lambda rule: rule[0])[1]
        said.append(
            f"Of the rules that need no weights, {point.policy} keeps it for the least: "
            f"{_saved(keep, point)}. That is known in hindsight only."
        )
    return said


def _answer(result: FrontierFindings, keep: Keep, policy: str) -> str:
    point, what = result.answer(policy), f"{100 * keep.share:.4g}% of {keep.model}'s quality"
    if point is None:
        best = max(result.curve(policy), key=lambda p: float(p.quality.mean()))
        return (
            f"{policy} does not surely keep {what} ({keep.target:.4f}) at any weight: its best is "
            f"{best.quality.mean():.4f}, with usd={best.usd_weight:g}{_unsure(keep, best)}."
        )
    if policy in FITTED and float(keep.saving(point).mean()) < WORTH_SAYING:
        return f"{policy} saves nothing where it keeps {what}."
    held = "" if not result.weights.second else f", second={result.weights.second:g}"
    return (
        f"{policy} keeps {what} ({point.quality.mean():.4f} of {keep.quality:.4f}) with the weights "
        f"quality={result.weights.quality:g}, usd={point.usd_weight:g}{held}: {_saved(keep, point)}."
    )


def _unsure(keep: Keep, best: Point) -> str:
    """Why a mean that reaches the target is not enough, and what helps; empty where it does not."""
    low, seeds = interval(best.quality)["low"], len(best.quality)
    if low is None or best.quality.mean() < keep.target:
        return ""
    more = max(ENOUGH_SEEDS, 2 * seeds)
    return (
        f", but {seeds} seeds leave a 95% interval that begins at {low:.4f}; more seeds (--seeds {more}) "
        "make it narrower"
    )


def _saved(keep: Keep, point: Point) -> str:
    found = interval(keep.saving(point))
    mean = found["mean"] or 0.0
    change = f"{mean:.1%} less USD" if mean >= 0.0 else f"{-mean:.1%} more USD"
    if found["low"] is None or found["high"] is None or found["high"] - found["low"] < 5e-4:
        return change
    return f"{change} (95% over seeds: {found['low']:.1%} to {found['high']:.1%})"


def caption(result: FrontierFindings) -> str:
    """What the figures are, the answers, and what they rest on."""
    order = "in time order" if result.log["order"] == "time" else "shuffled by each seed"
    seeds = counted(result.seeds, "seed")
    size = f"{counted(result.log['requests'], 'request')} × {counted(len(result.models), 'model')}"
    line = (
        f"{size}, {order}; {seeds}. Means per request; ± se is over seeds: luck of order and draw, not of "
        "which requests came. Points that no mixture of others beats are bold."
    )
    return "\n".join([line, *result.notes, "", *sentences(result)]).rstrip()


def terminal_table(result: FrontierFindings) -> Table:
    """A rich table; the chosen weights stand out."""
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable(
        caption=caption(result), caption_justify="left", header_style="bold", box=None, pad_edge=False
    )
    for position, name in enumerate(COLUMNS):
        left = position in (0, len(COLUMNS) - 1)
        table.add_column(name, justify="left" if left else "right", no_wrap=position != 0)
    styles, before = {"answer": "bold reverse", "hull": "bold", "": ""}, None
    for (style, cells), point in zip(rows(result), result.points, strict=True):
        curve = point.policy if point.usd_weight is not None else ""
        if before not in (None, curve):
            table.add_row()
        table.add_row(*cells, style=styles[style])
        before = curve
    return table


def html_table(result: FrontierFindings) -> str:
    """The same table for a notebook."""
    styles = {"answer": "font-weight:bold;background:#e8f1fa", "hull": "font-weight:bold", "": ""}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in COLUMNS)
    body = "".join(
        f'<tr style="{styles[style]}">' + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
        for style, cells in rows(result)
    )
    note = html.escape(caption(result)).replace("\n", "<br>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p><small>{note}</small></p>"
