"""The picture of a frontier: quality against USD on a logarithmic axis, labelled where things lie."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from banditroute.errors import LogError
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Floats
from banditroute.offline.simulation.findings import interval
from banditroute.offline.simulation.plots import FAINT, INK, LEARNERS, MUTED, STYLE, save, short_name
from banditroute.offline.tradeoff.findings import FrontierFindings, Point
from banditroute.offline.tradeoff.tables import sentences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

MARKS = ("o", "s", "^", "v", "P", "X")
"""One per curve, so that nobody has to tell them by colour."""

PLACES = tuple(
    (side * reach * across, reach * down, "left" if side > 0 else "right" if side < 0 else "center")
    for reach in (10, 17, 28, 42)
    for across, down, side in (
        (1.0, 0.0, 1), (1.0, 0.0, -1), (0.0, 1.0, 0), (0.0, -1.0, 0),
        (0.7, 0.8, 1), (0.7, 0.8, -1), (0.7, -0.8, 1), (0.7, -0.8, -1),
    )
)  # fmt: skip
"""Where a label may go, in points from its mark, best first."""


def draw(result: FrontierFindings, path: str | Path | None = None) -> Figure:
    """The figure of a frontier; saved where `path` says (PNG, SVG, PDF by its extension)."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 6.4))
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        _scale(axes, result)
        _hull(axes, result)
        labels = [*_curves(axes, result), *_rules(axes, result)]
        _target(axes, result)
        axes.set_title(_legend(result), loc="left", fontsize=9, color=MUTED)
        figure.suptitle(_headline(result), x=0.01, ha="left", fontsize=12, fontweight="bold")
        said = "\n".join(textwrap.fill(sentence, 150) for sentence in sentences(result))
        figure.supxlabel(said, x=0.01, ha="left", fontsize=8.5, color=INK)
        figure.draw_without_rendering()  # places are known only now
        _place(axes, labels)
        if path is not None:
            save(figure, path)
    return figure


Label = tuple[float, float, str, str]
"""USD per 1,000, quality, text, colour."""


def _headline(result: FrontierFindings) -> str:
    size = f"{counted(result.log['requests'], 'request')}, {counted(len(result.models), 'model')}"
    return f"What quality costs: {size}, {counted(result.seeds, 'seed')}"


def _legend(result: FrontierFindings) -> str:
    """What the marks mean that have no label."""
    parts = ["grey band: mixtures of policies"]
    wide = " (left out: those wider than the points are apart)" if _too_wide(result) else ""
    parts += [f"whiskers: 95% over seeds{wide}"] * (result.seeds > 1)
    parts += ["ring: cheapest weights that keep the quality"] * (result.keep is not None)
    return "; ".join(parts)


def _usd(points: Sequence[Point]) -> Floats:
    """USD per 1,000 requests."""
    return np.array([1_000 * float(point.usd.mean()) for point in points])


def _quality(points: Sequence[Point]) -> Floats:
    return np.array([float(point.quality.mean()) for point in points])


def _scale(axes: Axes, result: FrontierFindings) -> None:
    """A logarithmic axis of USD, unless something is free; room for the labels at its ends."""
    from matplotlib.ticker import LogLocator, NullFormatter

    usd, quality = _usd(result.points), _quality(result.points)
    free = bool((usd <= 0.0).any())
    axes.set_xscale("linear" if free else "log")
    if not free:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(usd.min() / 1.8, usd.max() * 2.6)
    low, high = float(quality.min()), float(quality.max())
    room = max(high - low, 1e-3)
    axes.set_ylim(low - 0.12 * room, high + 0.12 * room)
    axes.set_xlabel("USD per 1,000 requests" + ("" if free else " (logarithmic)"))
    axes.set_ylabel("mean quality")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.grid(axis="y", color=FAINT, linewidth=0.5, alpha=0.5)
    axes.set_axisbelow(True)


def _hull(axes: Axes, result: FrontierFindings) -> None:
    """The hull. A mixture is linear in USD, so on a logarithmic axis its line is bent."""
    points = [result.points[i] for i in result.hull]
    usd, quality = _usd(points), _quality(points)
    if len(points) < 2:
        return
    steps = np.concatenate([_steps(a, b) for a, b in itertools.pairwise(usd)])
    axes.plot(steps, np.interp(steps, usd, quality), color=FAINT, linewidth=6, alpha=0.55, zorder=1,
              solid_capstyle="round")  # fmt: skip


def _steps(low: float, high: float) -> Floats:
    """Points from one to the other, even as the axis shows them."""
    steps: Floats = np.geomspace(low, high, 40) if low > 0.0 else np.linspace(low, high, 40)
    return steps


def _curves(axes: Axes, result: FrontierFindings) -> list[Label]:
    """Policies that move with the weights: a mark per weight, whiskers of 95% over seeds both ways."""
    labels: list[Label] = []
    spans = _spans(result)
    curves = [policy for policy in result.policies if result.curve(policy)[0].usd_weight is not None]
    looks = zip(itertools.cycle(LEARNERS), itertools.cycle(MARKS), strict=False)
    for policy, (colour, mark) in zip(curves, looks, strict=False):
        points = result.curve(policy)
        usd, quality = _usd(points), _quality(points)
        axes.plot(usd, quality, color=colour, linewidth=1.1, alpha=0.6, zorder=2.5)
        axes.errorbar(
            usd, quality,
            xerr=_whiskers([1_000 * p.usd for p in points], spans[0]),
            yerr=_whiskers([p.quality for p in points], spans[1], 1.0),
            color=colour, marker=mark, markersize=5, linestyle="none", elinewidth=0.9, capsize=2, zorder=3,
        )  # fmt: skip
        middle = int(np.argmin(np.abs(quality - (quality.min() + quality.max()) / 2)))
        remark = f" ({points[0].remark})" if points[0].remark else ""
        labels.append((usd[middle], quality[middle], policy + remark, colour))
        labels += [
            (usd[i], quality[i], f"usd={points[i].usd_weight:g}", colour)
            for i in {0, len(points) - 1} - {middle}
        ]
        answer = result.answer(policy)
        if answer is not None:
            place = float(1_000 * answer.usd.mean()), float(answer.quality.mean())
            axes.plot(*place, marker="o", markersize=13, color=colour, fillstyle="none", markeredgewidth=1.8,
                      zorder=4)  # fmt: skip
            labels.insert(0, (*place, f"usd={answer.usd_weight:g}", colour))
    return labels


def _spans(result: FrontierFindings) -> tuple[float, float]:
    """How far apart the points are, in USD per 1,000 and in quality."""
    return float(np.ptp(_usd(result.points))), float(np.ptp(_quality(result.points)))


def _too_wide(result: FrontierFindings) -> bool:
    """Whether some interval is left out."""
    spans = _spans(result)
    usd = _whiskers([1_000 * p.usd for p in result.points], spans[0])
    quality = _whiskers([p.quality for p in result.points], spans[1], 1.0)
    return any(bool(np.isnan(parts).any()) for parts in (usd, quality) if parts is not None)


def _whiskers(values: Sequence[Floats], span: float, most: float = np.inf) -> Floats | None:
    """Lower and upper parts of the intervals over seeds, `(2, points)`, within 0 and `most`, where all means
    lie; nan where an interval is wider than `span`, which few seeds make of little luck, and says nothing but
    hides the others. None where one seed allows none."""
    found = [interval(one) for one in values]
    if any(one["low"] is None for one in found):
        return None
    mean = np.array([one["mean"] or 0.0 for one in found])
    half = np.array([one["high"] or 0.0 for one in found]) - mean
    half = np.where(2.0 * half > span, np.nan, half)
    return np.stack([np.minimum(half, mean), np.minimum(half, most - mean)]).clip(0.0)


def _rules(axes: Axes, result: FrontierFindings) -> list[Label]:
    """Policies that do not move with the weights: one mark each."""
    points = [point for point in result.points if point.usd_weight is None]
    if not points:
        return []
    spans = _spans(result)
    axes.errorbar(
        _usd(points), _quality(points),
        xerr=_whiskers([1_000 * p.usd for p in points], spans[0]),
        yerr=_whiskers([p.quality for p in points], spans[1], 1.0),
        linestyle="none", marker="D", markersize=6, color="white", markeredgecolor=INK, markeredgewidth=1.2,
        ecolor=MUTED, elinewidth=0.9, zorder=3.5,
    )  # fmt: skip
    return [
        (x, y, short_name(point.policy) + (f" ({point.remark})" if point.remark else ""), MUTED)
        for x, y, point in zip(_usd(points), _quality(points), points, strict=True)
    ]


def _target(axes: Axes, result: FrontierFindings) -> None:
    keep = result.keep
    if keep is None:
        return
    axes.axhline(keep.target, color=INK, linewidth=0.9, linestyle=(0, (2, 3)), zorder=2)
    axes.annotate(
        f"{100 * keep.share:.4g}% of {short_name(keep.model)}: {keep.target:.4f}", (0.005, keep.target),
        xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points", fontsize=8.5,
        color=INK,
    )  # fmt: skip


def _place(axes: Axes, labels: Sequence[Label]) -> None:
    """Writes every label where it covers no other and the fewest marks and lines."""
    drawn = _drawn(axes)
    taken: list[Bbox] = [text.get_window_extent() for text in axes.texts]
    for x, y, text, colour in labels:
        tried: list[tuple[int, int, Annotation, Bbox]] = []
        for place, (dx, dy, side) in enumerate(PLACES):
            note = axes.annotate(
                text, (x, y), xytext=(dx, dy), textcoords="offset points", ha=side, va="center", fontsize=8.5,
                color=colour, zorder=5,
            )  # fmt: skip
            box = note.get_window_extent().padded(1.5)
            outside = [not axes.bbox.containsx(edge) for edge in (box.x0, box.x1)]
            outside += [not axes.bbox.containsy(edge) for edge in (box.y0, box.y1)]
            hidden = int(box.count_contains(drawn))
            tried.append((1_000 * (sum(outside) + sum(map(box.overlaps, taken))) + hidden, place, note, box))
            if tried[-1][0] == 0:
                break
        best = min(tried, key=lambda one: one[:2])
        for one in tried:
            if one is not best:
                one[2].remove()
        taken.append(best[3])
        _lead(axes, (x, y), PLACES[best[1]])


def _lead(axes: Axes, point: tuple[float, float], place: tuple[float, float, str]) -> None:
    """A hair line from a mark to a label that stands apart from it."""
    if np.hypot(*place[:2]) < 20:
        return
    hair = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
    axes.annotate("", point, xytext=place[:2], textcoords="offset points", arrowprops=hair, zorder=2)


def _drawn(axes: Axes) -> Floats:
    """Places on the screen, `(m, 2)`, that the lines and whiskers of the picture go through."""
    paths = [np.asarray(line.get_xydata()) for line in axes.get_lines()[1:]]  # not the band of the hull
    paths += [np.asarray(path.vertices) for group in axes.collections for path in group.get_paths()]
    screen = [axes.transData.transform(path) for path in paths if len(path)]
    between = [
        np.linspace(a, b, 60)
        for path in screen
        for a, b in itertools.pairwise(path)
        if np.isfinite([a, b]).all()
    ]
    return np.concatenate([*screen, *between])
