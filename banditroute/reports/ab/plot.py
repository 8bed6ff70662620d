"""The picture of an experiment: differences at every look, with intervals that hold at all of them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.simulation.plots import FAINT, INK, LEARNERS, MUTED, STYLE, save
from banditroute.reports.ab.chart import changes, known_points, shown_range
from banditroute.reports.ab.findings import ABReport, MetricEffect
from banditroute.reports.ab.metrics import METRICS
from banditroute.reports.ab.text import difference
from banditroute.reports.verdict import POINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = 3


def draw(report: ABReport, path: str | Path | None = None) -> Figure:
    """The figure of a report: the primary metric, USD and seconds; saved where `path` says (PNG, SVG, PDF by
    its extension). Raises LogError where nothing has an interval yet."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    names = [name for name in dict.fromkeys((report.metric, "usd", "seconds")) if _drawable(report, name)]
    if not names:
        raise LogError("There is no interval to draw yet; come back when more units have been seen.")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.0 + 4.2 * len(names), 3.9))
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(names), squeeze=False)[0]
        for axes, name in zip(panels, names, strict=True):
            _panel(axes, report, name)
        headline = textwrap.fill(report.verdict, 24 + 46 * len(names))
        figure.suptitle(headline, x=0.01, ha="left", fontsize=11, fontweight="bold")
        if path is not None:
            save(figure, path)
    return figure


def _drawable(report: ABReport, name: str) -> list[MetricEffect]:
    return [one for one in report.effects if one.metric == name and len(known_points(one)) > 1]


def _panel(axes: Axes, report: ABReport, name: str) -> None:
    """The courses of one metric, a colour for each treatment."""
    metric, effects = METRICS[name], _drawable(report, name)
    scale = POINTS if metric.unit == "points" else 1.0
    limit = -report.margin * metric.better if name == report.metric and report.margin else None
    ends = [shown_range(known_points(one), limit) for one in effects]
    for place, effect in enumerate(effects):
        colour = LEARNERS[place % len(LEARNERS)]
        units, value, low, high = (list(column) for column in zip(*known_points(effect), strict=True))
        axes.fill_between(
            units, [scale * one for one in low], [scale * one for one in high], color=colour, alpha=0.2, lw=0
        )
        told = difference(effect.difference, name)
        label = told if len(effects) == 1 else f"{effect.treatment}: {told}"
        axes.plot(units, [scale * one for one in value], color=colour, linewidth=1.8, label=label)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    if any(changes(one) for one in effects):
        axes.axvline(
            effects[0].first_look, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)),
            label="by betting before, asymptotic after",
        )  # fmt: skip
    if limit is not None:
        axes.axhline(scale * limit, color=MUTED, linewidth=1.0, linestyle=(0, (5, 3)), label="agreed margin")
    axes.set_ylim(scale * min(low for low, _ in ends), scale * max(high for _, high in ends))
    axes.set_xlim(left=0.0)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.grid(axis="y", color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    unit = metric.unit if metric.unit and metric.unit not in metric.title else ""
    axes.set_ylabel(f"difference of {metric.title}{f' ({unit})' if unit else ''}")
    axes.set_xlabel(f"units; bands are {1.0 - report.alpha:.0%} at every look")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize=8, borderaxespad=0.2)
