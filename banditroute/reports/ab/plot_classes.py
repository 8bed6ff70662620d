"""The picture of an experiment class by class: where a difference comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.simulation.plots import FAINT, INK, LEARNERS, MUTED, STYLE, save
from banditroute.reports.ab.findings import ABReport, ClassEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.verdict import POINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_APART = 0.22


def draw(report: ABReport, path: str | Path | None = None) -> Figure:
    """The primary metric in every class, with intervals that hold for all of them together; saved where
    `path` says (PNG, SVG, PDF by its extension). Raises LogError where no class has an interval yet."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    effects = [
        one
        for one in report.classes
        if one.metric == report.metric and one.difference is not None and one.difference.low is not None
    ]
    if not effects:
        raise LogError("No class has an interval to draw yet; come back when more units have been seen.")
    names = list(dict.fromkeys(one.request_class for one in effects))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 1.6 + 0.42 * len(names)))
        FigureCanvasAgg(figure)
        _dots(figure.subplots(), report, effects, names)
        title = METRICS[report.metric].title
        figure.suptitle(
            f"Difference of {title} to {report.control}, class by class",
            x=0.01, ha="left", fontsize=11, fontweight="bold",
        )  # fmt: skip
        if path is not None:
            save(figure, path)
    return figure


def _dots(axes: Axes, report: ABReport, effects: list[ClassEffect], names: list[str]) -> None:
    """A row per class, a colour per treatment; filled where the difference is clear."""
    metric, treatments = METRICS[report.metric], [one.treatment for one in report.comparisons]
    scale = POINTS if metric.unit == "points" else 1.0
    for one in effects:
        found = one.difference
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        place = treatments.index(one.treatment)
        colour = LEARNERS[place % len(LEARNERS)]
        y = names.index(one.request_class) + _APART * (place - (len(treatments) - 1) / 2)
        axes.plot([scale * found.low, scale * found.high], [y, y], color=colour, linewidth=2.0, alpha=0.75)
        face = colour if one.clear else "white"
        axes.plot(scale * found.mean, y, "o", color=colour, markerfacecolor=face, markersize=6)
    for place, treatment in enumerate(treatments):
        axes.plot([], [], "o-", color=LEARNERS[place % len(LEARNERS)], label=f"{treatment}, clear difference")
    axes.plot([], [], "o", color=INK, markerfacecolor="white", label="not clear")
    axes.axvline(0.0, color=INK, linewidth=0.8)
    if report.margin:
        axes.axvline(
            -scale * report.margin * metric.better,
            color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), label="agreed margin",
        )  # fmt: skip
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, borderaxespad=0.0)
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    unit = f", {metric.unit}" if metric.unit else ""
    axes.set_xlabel(
        f"difference{unit}; {1.0 - report.alpha:.0%} intervals for all classes together, at every look"
    )
