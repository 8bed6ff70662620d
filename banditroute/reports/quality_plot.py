"""The picture of a quality report: every model by people alone, by the judge alone, and by both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.simulation.plots import FAINT, INK, LEARNERS, MUTED, STYLE, save
from banditroute.reports.quality_findings import MeanQuality, QualityReport
from banditroute.reports.quality_page import KINDS, estimates
from banditroute.reports.quality_words import by_whom

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (MUTED, LEARNERS[1], LEARNERS[0])
"""Of people alone, the judge alone, and both."""

MARKS = ("o", "s", "D")
_APART = 0.24


def draw(
    report: QualityReport, path: str | Path | None = None, truth: Mapping[str, float] | None = None
) -> Figure:
    """The figure of a report, with the true means of some models where they are known; saved where `path`
    says (PNG, SVG, PDF by its extension)."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 1.9 + 0.62 * len(report.models)))
        FigureCanvasAgg(figure)
        _dots(figure.subplots(), report, truth or {})
        headline = f"Mean quality of {report.answers:,} answers, by {by_whom(report)}"
        figure.suptitle(headline, x=0.01, ha="left", fontsize=11, fontweight="bold")
        if path is not None:
            save(figure, path)
    return figure


def _dots(axes: Axes, report: QualityReport, truth: Mapping[str, float]) -> None:
    """A group per model, its estimates one under another."""
    for place, row in enumerate(report.models):
        for i, one in enumerate(estimates(row)):
            if one is not None:
                _dot(axes, one, place + _APART * (i - 1), i)
    for i, (_, name) in enumerate(KINDS):
        if any(estimates(row)[i] is not None for row in report.models):
            axes.plot([], [], MARKS[i], color=COLOURS[i], label=name)
    known = [(place, truth[row.model]) for place, row in enumerate(report.models) if row.model in truth]
    for place, value in known:
        axes.plot([value, value], [place - 0.4, place + 0.4], color=INK, linewidth=1.2, zorder=3)
    if known:
        axes.plot([], [], color=INK, linewidth=1.2, label="truth")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(KINDS) + 1, frameon=False, borderaxespad=0.0
    )
    axes.set_yticks(range(len(report.models)), [row.model for row in report.models], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(len(report.models) - 0.5, -0.5)
    axes.set_xlabel("mean quality, 95% intervals")


def _dot(axes: Axes, one: MeanQuality, y: float, i: int) -> None:
    if one.low is not None and one.high is not None:
        axes.plot(
            [one.low, one.high], [y, y], color=COLOURS[i], linewidth=2, alpha=0.75, solid_capstyle="butt"
        )
    axes.plot(one.mean, y, MARKS[i], color=COLOURS[i], markersize=5.5)
