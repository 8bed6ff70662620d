"""The picture of a check of fit: quantiles of the log against quantiles of the world, factor by factor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from banditroute.core.base import Floats
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.plots import (
    FAINT,
    MODELS,
    MUTED,
    STYLE,
    darker,
    model_colours,
    save,
    short_name,
)
from banditroute.offline.worlds.answers import COLUMNS, answers
from banditroute.offline.worlds.fitted import FittedWorld

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = 10_000
DRAW_SEED = 10**9 + 2
LEVELS = np.linspace(0.005, 0.995, 100)
NAMES = {"quality": "quality", "output_tokens": "output tokens", "usd": "USD", "seconds": "seconds"}


def draw_fit(world: FittedWorld, log: Log | DecisionLog, path: str | Path | None = None) -> Figure:
    """One panel per factor the log has: on the diagonal both have the same distribution. Points are 100
    quantiles of each model over all classes; models beyond the seventh share one grey."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    seen = answers(log)
    shares = np.bincount(seen.class_index, minlength=len(seen.classes)) / len(seen)
    drawn = answers(world.draw(DRAWN, DRAW_SEED, shares[None, :]))
    factors = [f for f in range(4) if not np.isnan(seen.values[f]).all()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2 * len(factors), 4.8))
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(factors), squeeze=False)[0]
        named = range(min(len(seen.models), len(MODELS)))
        colours = model_colours(seen.models, named) + [FAINT] * (len(seen.models) - len(named))
        for axes, f in zip(panels, factors, strict=True):
            _panel(axes, seen.values[f], seen.weight, drawn.values[f], f, colours)
        for a, name in enumerate(seen.models[: len(MODELS)]):
            panels[0].annotate(
                short_name(name, 26), (0.03, 0.97 - 0.055 * a), xycoords="axes fraction",
                color=darker(colours[a]), fontsize=8.5, va="top",
            )  # fmt: skip
        figure.suptitle(
            f"Quantiles of {len(seen):,} logged requests against the fitted world", x=0.01, ha="left",
            fontsize=12, fontweight="bold",
        )  # fmt: skip
        if path is not None:
            save(figure, path)
    return figure


def _panel(axes: Axes, logged: Floats, weight: Floats, drawn: Floats, f: int, colours: Sequence[str]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = np.inf, -np.inf
    for a in range(logged.shape[1]):
        known = ~np.isnan(logged[:, a])
        if not known.any():
            continue
        x = _quantiles(drawn[:, a], np.ones(len(drawn)))
        y = _quantiles(logged[known, a], weight[known, a])
        if f:  # amounts span decades
            x, y = np.maximum(x, 1e-12), np.maximum(y, 1e-12)
        axes.plot(x, y, ".", color=colours[a], markersize=4, alpha=0.8, clip_on=f > 0)
        positive = (x > 1e-12) & (y > 1e-12) if f else np.ones(len(x), bool)
        if positive.any():
            low = min(low, x[positive].min(), y[positive].min())
            high = max(high, x[positive].max(), y[positive].max())
    if not np.isfinite(low):
        low, high = 0.0, 1.0
    if f:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
            axis.set_minor_formatter(NullFormatter())
    axes.axline((low, low), (high, high), color=MUTED, linewidth=0.8, zorder=0)
    margin = 1.15 if f else 1.0
    axes.set_xlim(low / margin, high * margin)
    axes.set_ylim(low / margin, high * margin)
    axes.set_title(NAMES[COLUMNS[f]], loc="left", fontsize=9.5)
    axes.set_xlabel("world")
    axes.set_ylabel("log")


def _quantiles(values: Floats, weight: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    found: Floats = values[order][np.minimum(np.searchsorted(reached, LEVELS), len(values) - 1)]
    return found
