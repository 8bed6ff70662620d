"""An off-policy evaluation as a table: for the terminal, and for a notebook."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from banditroute.offline.evaluation.findings import AS_LOGGED, Evaluated, EvaluationFindings, Interval
from banditroute.offline.logs.files import counted
from banditroute.offline.options import reward_in_words

if TYPE_CHECKING:
    from rich.table import Table

    from banditroute.offline.estimators import PolicyValue

HOW = {"as_logged": "", "static": "", "frozen": " (frozen)", "rejection_replay": " (rejection replay)"}
NOT_IDENTIFIED = "not identified"
EXPLAINED = {
    "frozen": "Frozen: fitted on the first half of the log, then held still and scored on the second.",
    "rejection_replay": "Rejection replay: met the log cold, learned only from rows where it drew what was "
    "logged, and is scored on those: the figure is that of its first requests, learning included.",
}
CENTRED = (
    "Value is what the interval belongs to: {0}, or where it is a confidence sequence its centre, against "
    "which bets from both sides have won alike. {0} itself may lie outside, pulled by a few large weights; "
    f"that of what was {AS_LOGGED} is always its mean."
)


def columns(result: EvaluationFindings) -> list[str]:
    """Heads: the value with its interval, the difference to the log, the estimators, diagnostics.

    The value is that of the leading estimator, or where its interval is a sequence, the centre of it.
    """
    leads, *others = result.estimators
    return [
        "policy",
        *(["value"] if _centred(result) else [leads]),
        "95% interval",
        f"− {AS_LOGGED}",
        "95% interval",
        *([leads] if _centred(result) else []),
        *others,
        "ESS",
        "max weight",
        "rows",
    ]


def _centred(result: EvaluationFindings) -> bool:
    return any(policy.leading is not None and policy.leading.centre is not None for policy in result.policies)


def label(policy: Evaluated) -> str:
    """The policy with how it was scored, where that is not plain."""
    return policy.policy + HOW[policy.how]


def rows(result: EvaluationFindings) -> list[tuple[str, list[str]]]:
    """Each policy as (kind, cells): kind is how it was scored, or `refused`."""
    return [
        ("refused" if policy.refused else policy.how, _cells(policy, result)) for policy in result.policies
    ]


def _cells(policy: Evaluated, result: EvaluationFindings) -> list[str]:
    leading, refused = policy.leading, policy.refused is not None
    difference = policy.difference
    return [
        label(policy),
        "" if leading is None else f"{policy.shown:.4f}",
        NOT_IDENTIFIED if refused else _interval(leading),
        "" if difference is None or refused else f"{difference.shown:+.4f}",
        "" if difference is None or refused else _ends(difference.low, difference.high, "+.4f"),
        *(_value(policy.estimates.get(name)) for name in result.estimators[not _centred(result) :]),
        "" if leading is None else f"{leading.ess:,.0f}",
        "" if leading is None else f"{leading.max_weight:,.1f}",
        f"{policy.rows:,}" if policy.how != "rejection_replay" else f"{policy.rows:,} of {policy.of:,} used",
    ]


def caption(result: EvaluationFindings) -> str:
    """What the figures are, and what must be read with them."""
    log = result.log
    classes = counted(log["classes"], "class", "classes")
    size = f"{counted(log['requests'], 'decision')} among {log['models']} models, {classes}"
    intervals = {
        "normal": "normal intervals",
        "bernstein": "empirical-Bernstein intervals",
        "bootstrap": "bootstrap intervals",
        "sequence": "confidence sequences",
    }[result.interval]
    ways = {policy.how for policy in result.policies}
    lines = [
        f"{size}; taken for the log of a {log['logged_by']} policy, since {log['since']}: {intervals}. "
        f"Reward is {reward_in_words(result.weights)}, means per request; ESS is what the rows are worth to "
        "that policy, weight is its probability over the log's.",
        *(sentence for how, sentence in EXPLAINED.items() if how in ways),
        *([CENTRED.format(result.estimators[0])] if _centred(result) else []),
        *result.notes,
    ]
    weak = _weakest(result)
    if weak:
        lines.append(weak)
    lines += [f"{label(policy)}: {policy.refused}" for policy in result.policies if policy.refused]
    return "\n".join(lines)


def _weakest(result: EvaluationFindings) -> str | None:
    """The thinnest overlap of any policy that is identified."""
    found = [(policy, cell) for policy in result.policies if not policy.refused and (cell := policy.weakest)]
    if not found:
        return None
    policy, cell = min(found, key=lambda pair: pair[1].worth)
    return (
        f"Thinnest overlap: {label(policy)} wants {cell.model} for {cell.wanted:,.0f} requests of class "
        f"{cell.request_class}; the log chose it {cell.chosen:,} times, worth {cell.ess:,.0f}."
    )


STYLES = {"as_logged": "bold", "static": "", "frozen": "", "rejection_replay": "", "refused": "dim"}


def terminal_table(result: EvaluationFindings) -> Table:
    """A rich table: the log itself first; what it does not identify is dimmed."""
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable(
        caption=caption(result),
        caption_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
    )
    for position, name in enumerate(columns(result)):
        table.add_column(name, justify="right" if position else "left", no_wrap=position != 0)
    for kind, cells in rows(result):
        table.add_row(*cells, style=STYLES[kind])
    return table


def html_table(result: EvaluationFindings) -> str:
    """The same table for a notebook."""
    styles = {"as_logged": "font-weight:bold", "refused": "opacity:.5"}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns(result))
    body = "".join(
        f'<tr style="{styles.get(kind, "")}">'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for kind, cells in rows(result)
    )
    note = html.escape(caption(result)).replace("\n", "<br>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p><small>{note}</small></p>"


def _value(value: PolicyValue | None) -> str:
    return "" if value is None or not math.isfinite(value.value) else f"{value.value:.4f}"


def _interval(value: PolicyValue | Interval | None) -> str:
    return "" if value is None else _ends(value.low, value.high, ".4f")


def _ends(low: float, high: float, form: str) -> str:
    return f"{low:{form}} … {high:{form}}" if math.isfinite(low) and math.isfinite(high) else "none"
