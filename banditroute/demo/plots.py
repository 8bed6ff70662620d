"""The picture of a demo: what was gained along the way, and which models were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.demo.scores import Choices, Scoreboard
from banditroute.offline.simulation.plots import FAINT, LEARNERS, MODELS, MUTED, STYLE, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 200
"""How many points a curve is drawn with."""

WINDOW = 0.1
"""The share of the requests that the shares at a point are taken over: those just before it."""


def kinds() -> set[str]:
    """The endings that a picture's name may have."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    return set(FigureCanvasAgg.get_supported_filetypes())


def draw(board: Scoreboard, learned: Choices, others: Sequence[Choices], base: Choices, path: Path) -> None:
    """Left: what every policy gained over `base`; right: the models that were chosen. PNG, SVG or PDF."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "axes.titlelocation": "left"}):
        figure = Figure(figsize=(11, 4.2))
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        _gains(left, board, learned, others, base)
        _shares(right, board, learned)
        save(figure, path)


def _gains(axes: Axes, board: Scoreboard, learned: Choices, others: Sequence[Choices], base: Choices) -> None:
    """Sums of differences on the same requests: the traffic's own ups and downs cancel."""
    utility = board.outcomes.utility(board.weights)
    n = len(utility)
    rows, x = np.arange(n), _points(1, n)
    for choices in (*others, learned):
        gained = np.cumsum(utility[rows, choices.model] - utility[rows, base.model])[x - 1]
        if choices is learned:
            axes.plot(x, gained, color=LEARNERS[0], linewidth=2.2)
            _name_at_end(axes, n, gained[-1], f"{choices.policy}, learning", LEARNERS[0])
        elif choices.hindsight:
            axes.plot(x, gained, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
            _name_at_end(axes, n, gained[-1], f"{choices.policy} (hindsight)", MUTED)
        else:
            axes.plot(x, gained, color=MUTED if choices is base else FAINT, linewidth=1.2)
    _name_at_end(axes, n, 0.0, base.policy, MUTED)
    axes.set_title(
        f"Reward gained over the best static rule ({base.policy}); the others in grey", fontsize=9.5
    )
    axes.set_xlabel("requests")
    axes.set_ylabel("reward, summed")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlim(0, n)


def _shares(axes: Axes, board: Scoreboard, learned: Choices) -> None:
    n, k = len(learned.model), len(board.models)
    window = max(1, round(WINDOW * n))
    chosen = learned.model[:, None] == np.arange(k)
    x = _points(window, n)
    layers = [_trailing(chosen[:, a].astype(np.float64), window)[x - window] for a in range(k)]
    axes.stackplot(x, layers, colors=MODELS[:k], linewidth=0.6, edgecolor="white")
    top = 0.0
    for name, layer, colour in zip(board.models, layers, MODELS, strict=False):
        if layer[-1] > 0.04:  # thinner ones have no room for a name
            _name_at_end(axes, n, top + layer[-1] / 2, name, colour)
        top += layer[-1]
    axes.set_title(f"Models that {learned.policy} chose", fontsize=9.5)
    axes.set_xlabel("requests")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlim(window, n)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.spines["left"].set_color(FAINT)


def _points(first: int, last: int) -> Ints:
    """Whole numbers from first to last, no more than a picture can show."""
    return np.unique(np.linspace(first, last, POINTS).round().astype(np.int64))


def _trailing(values: Floats, window: int) -> Floats:
    """Means over `window` values, from the first full window on."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: Floats = (sums[window:] - sums[:-window]) / window
    return means


def _name_at_end(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    axes.annotate(
        name, (x, y), xytext=(6, 0), textcoords="offset points", va="center", color=colour, fontsize=8.5,
        annotation_clip=False,
    )  # fmt: skip
