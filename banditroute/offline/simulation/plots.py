"""The picture of a simulation: regret along the log, and what the learner came to choose."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from banditroute.errors import LogError
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Floats
from banditroute.offline.simulation.findings import Findings, PolicyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, FAINT = "#222222", "#6b6b6b", "#b9b9b9"
LEARNERS = ("#0072b2", "#d55e00", "#8c6bb1", "#000000")
MODELS = ("#44aa99", "#ddcc77", "#aa4499", "#88ccee", "#117733", "#cc6677", "#332288")
"""Told apart with any colour vision (Okabe and Ito; Tol), and not shared between the panels."""

BINS = 40
"""Steps of the share panel; finer ones show noise."""

FEW_SEEDS = 10
"""Below which quantiles of seeds say nothing."""

Label = tuple[float, str, str]
"""Height, text, colour."""

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "svg.fonttype": "none",  # text stays text, and files small
    "svg.hashsalt": "banditroute",
}


UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Without the time of drawing, the same figures make the same file."""


def draw(result: Findings, path: str | Path | None = None) -> Figure:
    """The figure of a result; saved where `path` says (PNG, SVG, PDF by its extension)."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    learners = [policy for policy in result.policies if policy.learns]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12.5 if learners else 7.5, 5.2))
        FigureCanvasAgg(figure)
        widths = [3, 2] if learners else [1]
        panels = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
        beyond = _regret_panel(panels[0], result)
        if learners:
            _share_panel(panels[1], result, learners[0])
        figure.suptitle(_headline(result), x=0.01, ha="left", fontsize=12, fontweight="bold")
        if beyond:
            note = textwrap.fill(
                f"Above the chart at the end: {', '.join(beyond)}.", 170 if learners else 105
            )
            figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color=MUTED)
        if path is not None:
            save(figure, path)
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Writes a figure where the path says."""
    try:
        suffix = Path(path).suffix.lower()
        figure.savefig(path, metadata=UNDATED.get(suffix))
        if suffix == ".svg":
            _shorten(Path(path))
    except (OSError, ValueError) as error:
        raise LogError(f"The plot cannot be written to {path}: {error}.") from error


def _shorten(path: Path) -> None:
    """Cuts the coordinates of an SVG to hundredths of a point, which halves the file and nobody sees."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r' d="[^"]*"', lambda line: re.sub(r"(\.\d\d)\d+", r"\1", line[0]), text)
    path.write_text(text, encoding="utf-8")


def _headline(result: Findings) -> str:
    weights = result.weights
    parts = [
        name if weight == 1 else f"{weight:g} × {name}"
        for name, weight in (("quality", weights.quality), ("USD", weights.usd), ("seconds", weights.second))
        if weight or name == "quality"
    ]
    return (
        f"{counted(result.log['requests'], 'request')}, {counted(len(result.models), 'model')}, "
        f"{counted(result.seeds, 'seed')}; reward = {' − '.join(parts)}"
    )


def _regret_panel(axes: Axes, result: Findings) -> list[str]:
    """Learners in colour with their bands, rules muted, each labelled at its end.

    Rules too bad for the scale leave the chart; they are returned with their regret at the end.
    """
    x = np.concatenate([[0.0], result.checkpoints])
    learners = [p for p in result.policies if p.learns]
    single = next(p for p in result.policies if p.policy == "best_single")
    rules = _merged([p for p in result.policies if p.attainable and not p.learns and not _same(p, single)])
    top = _top(learners, [single, *(p for _, p in rules)])
    labels: list[Label] = []
    beyond: list[str] = []
    for name, policy in rules:
        mean = _paths(policy).mean(axis=0)
        axes.plot(x, mean, color=FAINT, linewidth=1.2, alpha=0.5 if mean[-1] > top else 1.0)
        if mean[-1] > top:
            beyond.append(f"{name} {mean[-1]:,.0f}")
        else:
            labels.append((mean[-1], name, MUTED))
    mean = _paths(single).mean(axis=0)
    axes.plot(x, mean, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
    best = short_name(result.models[int(single.share.argmax())])
    labels.append((mean[-1], f"{best}, best single (hindsight)", MUTED))
    for policy, colour in zip(learners, itertools.cycle(LEARNERS), strict=False):
        paths = _paths(policy)
        if len(paths) > 1:
            low, high = band_of(paths)
            axes.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
        axes.plot(x, paths.mean(axis=0), color=colour, linewidth=2.2)
        labels.append((float(paths[:, -1].mean()), policy.policy, colour))
    bottom = min(0.0, *(float(_paths(p).mean(axis=0).min()) for p in (single, *learners)))
    axes.set_ylim(bottom * 1.1, top)
    axes.set_xlim(0, x[-1])
    axes.axhline(0, color=FAINT, linewidth=0.8)
    end_labels(axes, labels)
    told = band_words(result.seeds)
    axes.set_title(f"Regret against the best model per class in hindsight ({told})", loc="left", fontsize=9.5)
    axes.set_ylabel("cumulative regret (in reward)")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    _requests_axis(axes)
    return beyond


def _share_panel(axes: Axes, result: Findings, policy: PolicyResult) -> None:
    """Which models one learner chose as it went, averaged over seeds, as stacked shares."""
    counts = np.sum([trace.chosen for trace in policy.traces], axis=0)
    groups = np.array_split(np.arange(len(counts)), min(BINS, len(counts)))
    x = np.array([result.checkpoints[group].mean() for group in groups])
    binned = np.array([counts[group].sum(axis=0) for group in groups])
    share = binned / binned.sum(axis=1, keepdims=True)
    ranked = np.argsort(-policy.share, kind="stable")
    shown = ranked if len(ranked) <= len(MODELS) else ranked[: len(MODELS) - 1]
    layers = [share[:, a] for a in shown]
    names = [short_name(result.models[a]) for a in shown]
    colours = model_colours(result.models, shown.tolist())
    if len(shown) < len(ranked):
        layers.append(share[:, ranked[len(shown) :]].sum(axis=1))
        names.append(f"{len(ranked) - len(shown)} others")
        colours.append(FAINT)
    axes.stackplot(x, layers, colors=colours, linewidth=0.6, edgecolor="white")
    axes.set_ylim(0, 1)
    axes.set_xlim(x[0], x[-1])
    layer_names(axes, names, colours)
    axes.set_title(f"Models that {policy.policy} chose", loc="left", fontsize=9.5)
    axes.set_ylabel("share of requests")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    _requests_axis(axes)


def band_of(paths: Floats) -> Floats:
    """The band of seeds `(seeds, …)`: from the 10% to the 90% of them, of a few the whole range `(2, …)`."""
    ends = [0.1, 0.9] if len(paths) >= FEW_SEEDS else [0.0, 1.0]
    found: Floats = np.quantile(paths, ends, axis=0)
    return found


def band_words(seeds: int) -> str:
    """What the line and its band are."""
    if seeds == 1:
        return "one seed"
    return "mean and 10–90% of seeds" if seeds >= FEW_SEEDS else f"mean and range of {seeds} seeds"


def model_colours(models: Sequence[str], shown: Sequence[int]) -> list[str]:
    """The colours of the models that are shown. A model has the same one in every picture of these models; of
    more than 21, two that would share one are told apart, and the second may change."""
    palette = [*MODELS, *map(darker, MODELS), *map(lighter, MODELS)]
    order = sorted(models, key=short_name)
    colours: dict[int, str] = {}
    for a in sorted(shown, key=lambda a: order.index(models[a])):
        place = order.index(models[a])
        turned = [palette[(place + step) % len(palette)] for step in range(len(palette))]
        colours[a] = next((colour for colour in turned if colour not in colours.values()), turned[0])
    return [colours[a] for a in shown]


def layer_names(axes: Axes, names: Sequence[str], colours: Sequence[str]) -> None:
    """The names of stacked layers beside them, from above; also of those that end at nothing."""
    from matplotlib.patches import Patch

    marks = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    axes.legend(
        handles=marks[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8.5,
        handlelength=0.9, handleheight=0.9, labelcolor=[darker(colour) for colour in reversed(colours)],
    )  # fmt: skip


def _requests_axis(axes: Axes) -> None:
    axes.set_xlabel("requests")
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _paths(policy: PolicyResult) -> Floats:
    """Cumulative regret of every seed, from 0: `(seeds, checkpoints + 1)`."""
    return np.array([np.concatenate([[0.0], trace.regret]) for trace in policy.traces])


def _top(learners: Sequence[PolicyResult], others: Sequence[PolicyResult]) -> float:
    """The top of the regret axis: learners and the rules near them; hopeless rules may leave."""
    ends = sorted(float(_paths(p)[:, -1].mean()) for p in others)
    if not learners:
        return 1.08 * max(ends[-1], 1e-9)
    mean = max(float(_paths(p)[:, -1].mean()) for p in learners)
    highest = max(mean, float(np.quantile(_paths(learners[0]), 0.9, axis=0).max()))
    return 1.12 * max([highest, *(end for end in ends if end <= 2.5 * highest), 1e-9])


def end_labels(axes: Axes, labels: Sequence[Label], apart: float = 0.044) -> None:
    """Names beside the right ends of their lines, moved `apart` (of the height) where they would overlap."""
    low, high = axes.get_ylim()
    gap = apart * (high - low)
    places: list[float] = []
    ordered = sorted(labels)
    for y, _, _ in ordered:
        places.append(max(y, places[-1] + gap) if places else y)
    ceiling = high
    for position in reversed(range(len(places))):
        places[position] = min(places[position], ceiling)
        ceiling = places[position] - gap
    for y, (_, name, colour) in zip(places, ordered, strict=True):
        axes.annotate(name, (axes.get_xlim()[1], y), xytext=(6, 0), textcoords="offset points", va="center",
                      color=colour, fontsize=8.5, annotation_clip=False)  # fmt: skip


def _merged(rules: Sequence[PolicyResult]) -> list[tuple[str, PolicyResult]]:
    """Rules that chose alike as one line with all their names."""
    merged: list[tuple[str, PolicyResult]] = []
    for rule in rules:
        for position, (name, policy) in enumerate(merged):
            if _same(rule, policy):
                merged[position] = f"{name} = {short_name(rule.policy)}", policy
                break
        else:
            merged.append((short_name(rule.policy), rule))
    return merged


def _same(one: PolicyResult, other: PolicyResult) -> bool:
    return bool(np.array_equal(one.traces[0].chosen, other.traces[0].chosen))


def darker(colour: str) -> str:
    """A colour that text can be read in."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{int(0.62 * channel):02x}" for channel in channels)


def lighter(colour: str) -> str:
    """A paler one of the same hue."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{int(255 - 0.5 * (255 - channel)):02x}" for channel in channels)


def short_name(name: str, length: int = 40) -> str:
    """A model without its provider's prefix, cut to fit beside a line."""
    rule, colon, model = name.partition(":")
    name = rule + colon + model.rpartition("/")[2] if rule == "fixed" else name.rpartition("/")[2]
    return name if len(name) <= length else name[: length - 1] + "…"
