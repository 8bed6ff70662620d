"""A scenario as tables: overall, and before and after each event; for the terminal and for a notebook."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from banditroute.offline.logs.files import counted
from banditroute.offline.simulation.plots import short_name
from banditroute.offline.worlds.findings import SETTLED, WINDOW, Phase, Played, ScenarioFindings

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

BEFORE_AND_AFTER = {
    "reward": ("Reward per request", 1.0, 4),
    "quality": ("Quality per request", 1.0, 4),
    "usd": ("USD per 1,000 requests", 1000.0, 4),
    "seconds": ("Seconds per request", 1.0, 2),
}
"""Columns that may be shown by phase: heading, scale and digits."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as text: rows are (kind, cells); kind is `learns`, `static` or `knows`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    caption: str = ""


def sheets(result: ScenarioFindings) -> list[Sheet]:
    """Overall; and by phase, where something happens."""
    found = [_overall(result)]
    if len(result.phases) > 1:
        found.append(_regrets(result))
        found += [_by_phase(result, name) for name in result.scenario.show if name in BEFORE_AND_AFTER]
        if result.watched is not None:
            found.append(_shares(result))
    if "belief" in result.scenario.show:
        found.append(_beliefs(result))
    return found


def _overall(result: ScenarioFindings) -> Sheet:
    rows = []
    for own in result.played:
        row = result.to_row(own)
        seconds = row["seconds"]
        cells = (
            _named(own),
            f"{row['reward']['mean']:.4f}",
            f"{row['quality']['mean']:.4f}",
            "" if row["usd"] is None else f"{1000 * row['usd']['mean']:.4f}",
            "" if seconds is None else f"{seconds['mean']:.2f}",
            f"{row['regret']['mean']:,.1f}",
            "" if row["regret"]["se"] is None else f"{row['regret']['se']:,.1f}",
            _mostly(row["share"]),
        )
        rows.append((_kind(own), cells))
    columns = ("policy", "reward", "quality", "USD / 1,000", "seconds", "regret", "± se", "mostly")
    scenario = result.scenario
    caption = (
        f"{counted(scenario.requests, 'request')} at {scenario.per_day:,.0f} a day, "
        f"{counted(len(result.models), 'model')}, {counted(len(result.classes), 'class', 'classes')}, "
        f"{counted(scenario.seeds, 'seed')}. Means per "
        "request; regret is the sum of what the best model of each class, by the truth of the moment, "
        "earned more on the same requests; it can be negative, since learners see more of a request than its "
        "class. Rows marked 'knows' see the truth: not attainable in advance."
    )
    return Sheet(scenario.title, columns, tuple(rows), "\n".join([caption, *result.notes]))


def _regrets(result: ScenarioFindings) -> Sheet:
    """Regret per 1,000 requests in each phase."""
    rows = []
    for own in result.played:
        means = [own.over_seeds("regret", phase.first, phase.last).mean() for phase in result.phases]
        rows.append((_kind(own), (_named(own), *(f"{1000 * mean:,.1f}" for mean in means))))
    columns = ("policy", *(_stretch(phase) for phase in result.phases))
    return Sheet("Regret per 1,000 requests, before and after", columns, tuple(rows))


def _by_phase(result: ScenarioFindings, name: str) -> Sheet:
    """Means of one column in each phase."""
    title, scale, digits = BEFORE_AND_AFTER[name]
    rows = []
    for own in result.played:
        means = [scale * own.over_seeds(name, phase.first, phase.last).mean() for phase in result.phases]
        rows.append((_kind(own), (_named(own), *(f"{mean:,.{digits}f}" for mean in means))))
    columns = ("policy", *(_stretch(phase) for phase in result.phases))
    return Sheet(f"{title}, before and after", columns, tuple(rows))


def _shares(result: ScenarioFindings) -> Sheet:
    """The watched model: its share in each phase, and how soon it moved."""
    assert result.watched is not None
    columns = ["policy"]
    for phase in result.phases:
        if phase.moves_watched:
            columns += [f"in {WINDOW} up to\n{min(phase.last, phase.first + SETTLED):,}", "moved\nafter"]
        columns.append(_stretch(phase))
    rows = []
    for own in result.played:
        cells = [_named(own)]
        for phase in result.phases:
            if phase.moves_watched:
                cells += [f"{result.settled(own, phase):.0%}", _moved(result.recovery(own, phase))]
            cells.append(f"{result.ended(own, phase):.0%}")
        rows.append((_kind(own), tuple(cells)))
    caption = f"Of each phase, the share in its last {SETTLED} requests."
    if any(phase.moves_watched for phase in result.phases):
        caption += (
            f" Moved after: requests until the share over {WINDOW} went half-way to where the truth's best "
            "has it (– where it need not move)."
        )
    return Sheet(f"Share of {result.models[result.watched]}", tuple(columns), tuple(rows), caption)


def _beliefs(result: ScenarioFindings) -> Sheet:
    """What learners believe of the answers they chose, less what those were."""
    rows = []
    for own in result.played:
        if own.learns:
            off = ("" if np.isnan(value) else f"{value:+.3f}" for value in result.belief(own))
            rows.append((_kind(own), (_named(own), *off)))
    columns = ("policy", *(short_name(model, 14) for model in result.models), "all")
    caption = (
        "Of the answers each chose of a model; empty where those are less than a hundredth of its answers."
    )
    return Sheet("Quality believed at the end, less the true one", columns, tuple(rows), caption)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each on one line, for whoever breaks lines where they end."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def terminal_tables(result: ScenarioFindings) -> Group:
    """Rich tables, one below the other."""
    from rich.console import Group
    from rich.text import Text

    parts = [part for sheet in sheets(result) for part in (_terminal(sheet), Text())]
    said = [line for paragraph in paragraphs(result.scenario.says) for line in (Text(paragraph), Text())]
    return Group(*said, *parts[:-1])


def _terminal(sheet: Sheet) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable(
        title=sheet.title, title_justify="left", title_style="bold", caption=sheet.caption,
        caption_justify="left", header_style="bold", box=None, pad_edge=False,
    )  # fmt: skip
    texts = (0, sheet.columns.index("mostly") if "mostly" in sheet.columns else 0)
    for place, name in enumerate(sheet.columns):
        table.add_column(name, justify="left" if place in texts else "right", no_wrap=place != 0)
    styles = {"learns": "bold", "static": "", "knows": "dim italic"}
    before = None
    for kind, cells in sheet.rows:
        if before not in (None, kind):
            table.add_row()
        table.add_row(*cells, style=styles[kind])
        before = kind
    return table


def html_tables(result: ScenarioFindings) -> str:
    """The same for a notebook."""
    styles = {"learns": "font-weight:bold", "static": "", "knows": "opacity:.6;font-style:italic"}
    parts = [f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs(result.scenario.says)]
    for sheet in sheets(result):
        head = "".join(f"<th>{html.escape(name)}</th>" for name in sheet.columns)
        body = "".join(
            f'<tr style="{styles[kind]}">' + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"
            for kind, cells in sheet.rows
        )
        note = html.escape(sheet.caption).replace("\n", "<br>")
        parts.append(
            f"<h4>{html.escape(sheet.title)}</h4><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><p><small>{note}</small></p>"
        )
    return "".join(parts)


def _kind(own: Played) -> str:
    return "learns" if own.learns else "static" if own.attainable else "knows"


def _named(own: Played) -> str:
    return own.policy + ("" if own.attainable else " (knows)")


def _stretch(phase: Phase) -> str:
    """Heading of a phase."""
    return f"{phase.first:,}–{phase.last - 1:,}\n{phase.label}"


def _moved(requests: float | None) -> str:
    if requests is None:
        return "–"
    return "never" if np.isinf(requests) else f"{requests:,.0f}"


def _mostly(share: dict[str, float]) -> str:
    name, most = max(share.items(), key=lambda item: item[1])
    return f"{most:.0%} {short_name(name, 28)}"
