"""A simulation as a table: for the terminal, and for a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from banditroute.offline.logs.files import counted
from banditroute.offline.options import reward_in_words
from banditroute.offline.simulation.findings import Findings

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("policy", "reward", "± se", "quality", "USD / 1,000", "seconds", "regret", "± se", "mostly")


def rows(result: Findings) -> list[tuple[str, list[str]]]:
    """Each policy as (kind, cells): kind is `learns`, `static` or `hindsight`."""
    found = []
    for row, policy in zip(result.to_dict()["policies"], result.policies, strict=True):
        kind = "learns" if policy.learns else "static" if policy.attainable else "hindsight"
        reward = policy.over_seeds("reward")
        se = reward.std(ddof=1) / len(reward) ** 0.5 if len(reward) > 1 else None
        regret = row["regret"]
        cells = [
            row["policy"] + _remark("hindsight" if kind == "hindsight" else row["remark"]),
            f"{row['reward']['mean']:.4f}",
            _number(se, ".4f"),
            _mean(row["quality"], ".4f"),
            _mean(row["usd"], ".4f", 1_000),
            _mean(row["seconds"], ".2f"),
            f"{regret['mean']:,.1f}",
            _number(regret["se"], ",.1f"),
            _mostly(row["share"]),
        ]
        found.append((kind, cells))
    return found


def caption(result: Findings) -> str:
    """What the figures are, in one line, and what was left out."""
    order = "in time order" if result.log["order"] == "time" else "shuffled by each seed"
    seeds = counted(result.seeds, "seed")
    size = (
        f"{counted(result.log['requests'], 'request')} × {counted(len(result.models), 'model')}, "
        f"{counted(result.log['classes'], 'class', 'classes')}"
    )
    line = (
        f"{size}, {order}; {seeds}. Reward is {reward_in_words(result.weights)}, means per request; regret "
        "is the sum over the log against the best model per class in hindsight; ± se is over seeds. "
        "Hindsight rows know the log beforehand: not attainable."
    )
    return "\n".join([line, *result.notes])


def terminal_table(result: Findings) -> Table:
    """A rich table: learners first, static rules, oracles dimmed."""
    from banditroute.offline.verbatim import VerbatimTable

    shown = [position for position in range(len(COLUMNS)) if _used(result, position)]
    table = VerbatimTable(
        caption=caption(result), caption_justify="left", header_style="bold", box=None, pad_edge=False
    )
    for position in shown:
        left = position in (0, len(COLUMNS) - 1)
        table.add_column(COLUMNS[position], justify="left" if left else "right", no_wrap=position != 0)
    styles = {"learns": "bold", "static": "", "hindsight": "dim italic"}
    before = None
    for kind, cells in rows(result):
        if before not in (None, kind):
            table.add_section()
            table.add_row()
        table.add_row(*(cells[position] for position in shown), style=styles[kind])
        before = kind
    return table


def html_table(result: Findings) -> str:
    """The same table for a notebook."""
    shown = [position for position in range(len(COLUMNS)) if _used(result, position)]
    head = "".join(f"<th>{html.escape(COLUMNS[position])}</th>" for position in shown)
    styles = {"learns": "font-weight:bold", "static": "", "hindsight": "opacity:.6;font-style:italic"}
    body = "".join(
        f'<tr style="{styles[kind]}">'
        + "".join(f"<td>{html.escape(cells[position])}</td>" for position in shown)
        + "</tr>"
        for kind, cells in rows(result)
    )
    note = html.escape(caption(result)).replace("\n", "<br>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p><small>{note}</small></p>"


def _remark(remark: str | None) -> str:
    return f" ({remark})" if remark else ""


def _used(result: Findings, position: int) -> bool:
    """Whether a column says anything: factors that the log lacks are not shown."""
    return any(cells[position] for _, cells in rows(result))


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _mean(value: Mapping[str, Any] | None, form: str, scale: float = 1.0) -> str:
    return "" if value is None else format(scale * value["mean"], form)


def _mostly(share: Mapping[str, float]) -> str:
    """The model with the largest share."""
    name, most = max(share.items(), key=lambda item: item[1])
    return f"{most:.0%} {name.rpartition('/')[2][:28]}"
