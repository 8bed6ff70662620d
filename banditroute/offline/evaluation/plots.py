"""The picture of an off-policy evaluation: every policy with its interval, against what was logged."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.evaluation.findings import Evaluated, EvaluationFindings
from banditroute.offline.evaluation.tables import label
from banditroute.offline.logs.files import counted
from banditroute.offline.simulation.plots import FAINT, INK, LEARNERS, MUTED, STYLE, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RULE, LEARNER = MUTED, LEARNERS[0]


def draw(result: EvaluationFindings, path: str | Path | None = None) -> Figure:
    """The figure of an evaluation; saved where `path` says (PNG, SVG, PDF by its extension)."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    shown = _ordered(result)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.5, 1.7 + 0.34 * len(shown)))
        FigureCanvasAgg(figure)
        _forest(figure.subplots(), result, shown)
        figure.suptitle(_headline(result), x=0.01, ha="left", fontsize=11, fontweight="bold")
        if path is not None:
            save(figure, path)
    return figure


def _ordered(result: EvaluationFindings) -> list[Evaluated]:
    """The log itself first, then what it identifies, best first, then what it does not."""
    logged, *others = result.policies
    found = [policy for policy in others if policy.leading is not None]
    return [logged, *sorted(found, key=lambda p: (p.refused is not None, -_value(p)))]


def _forest(axes: Axes, result: EvaluationFindings, shown: list[Evaluated]) -> None:
    """One line per policy; what is not identified is a hollow mark without an interval."""
    yardstick = result.policies[0].leading
    if yardstick is not None:
        axes.axvline(yardstick.value, color=FAINT, linewidth=1.2, zorder=0)
    for place, policy in enumerate(shown):
        leading = policy.leading
        if leading is None:
            continue
        colour = INK if policy.how == "as_logged" else RULE if policy.how == "static" else LEARNER
        if policy.refused is not None:
            axes.plot(policy.shown, place, "o", color=FAINT, markerfacecolor="white", markersize=5)
            continue
        if math.isfinite(leading.low) and math.isfinite(leading.high):
            axes.plot([leading.low, leading.high], [place, place], color=colour, linewidth=2, alpha=0.75,
                      solid_capstyle="butt")  # fmt: skip
        if leading.centre is not None and not leading.low <= leading.value <= leading.high:
            axes.plot(leading.value, place, "|", color=colour, markersize=9)
            axes.annotate(leading.estimator, (leading.value, place), xytext=(0, 7), ha="center", fontsize=7,
                          textcoords="offset points", color=MUTED)  # fmt: skip
        axes.plot(policy.shown, place, "o", color=colour, markersize=6)
    axes.set_yticks(range(len(shown)), [label(policy) for policy in shown])
    for tick, policy in zip(axes.get_yticklabels(), shown, strict=True):
        tick.set_color(FAINT if policy.refused is not None else INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.margins(x=0.04)
    right = axes.get_xlim()[1]
    for place, policy in enumerate(shown):
        axes.annotate(_aside(policy), (right, place), xytext=(8, 0), textcoords="offset points", va="center",
                      fontsize=8, color=FAINT if policy.refused is not None else MUTED,
                      annotation_clip=False)  # fmt: skip
    axes.set_xlabel("reward per request")
    axes.set_title(_subtitle(result), loc="left", fontsize=9, color=MUTED)


def _aside(policy: Evaluated) -> str:
    """What stands beside the line: how much the estimate rests on."""
    if policy.refused is not None:
        return "not identified"
    if policy.how == "as_logged":
        return counted(policy.rows, "row")
    if policy.how == "rejection_replay":
        return f"{policy.rows:,} of {policy.of:,} rows used"
    return "" if policy.leading is None else f"ESS {policy.leading.ess:,.0f} of {policy.rows:,}"


def _headline(result: EvaluationFindings) -> str:
    return f"What each policy would have earned on {counted(result.log['requests'], 'logged decision')}"


def _subtitle(result: EvaluationFindings) -> str:
    by = result.estimators[0]
    sort = {
        "normal": f"95% normal intervals by {by}",
        "sequence": f"95% confidence sequences by {by}, with their centres",
    }
    interval = sort.get(result.interval, f"95% {result.interval} intervals by {by}")
    return f"{interval}; the vertical line is what was logged"


def _value(policy: Evaluated) -> float:
    return -math.inf if policy.leading is None else policy.shown
