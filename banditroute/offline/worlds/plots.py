"""The picture of a scenario: reward, models chosen and spend over time, quality where some was promised, and
the events marked."""

from __future__ import annotations

import itertools
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.errors import LogError
from banditroute.offline.simulation.plots import (
    FAINT,
    INK,
    LEARNERS,
    MODELS,
    MUTED,
    STYLE,
    band_of,
    band_words,
    end_labels,
    layer_names,
    model_colours,
    save,
    short_name,
)
from banditroute.offline.worlds.findings import REGRET_AGAINST, Played, ScenarioFindings
from banditroute.offline.worlds.promises import draw_promise, promised
from banditroute.offline.worlds.timeline import active, arrivals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW, SHORTEST = 0.05, 50
"""Share of the requests that a point of a curve is the mean of; right after an event, requests at least."""

POINTS = 90
AT_START = "per_class_best_at_start"

Line = tuple[Played, str, str, str]
"""Policy, name, colour, stroke."""


def draw(result: ScenarioFindings, path: str | FilePath | None = None) -> Figure:
    """Panels over the same requests; saved where `path` says (PNG, SVG, PDF by its extension)."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LogError("Plots need matplotlib; install it with: python -m pip install matplotlib") from error
    with mpl.rc_context(STYLE):
        promise = promised(result)
        figure = Figure(figsize=(9.5, 9.0 if promise is None else 11.5))
        FigureCanvasAgg(figure)
        heights = [5, 4, 3] if promise is None else [5, 4, 4, 3]
        panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        reward, share, spend = panels[0], panels[-2], panels[-1]
        lines, ends = _lines(result), _windows(result)
        if promise is not None:
            learners = [line for line in lines if line[0].learns]
            draw_promise(
                panels[1], result, promise[1], learners, ends[1], lambda values: _sums_over(values, ends)
            )
        _curves(reward, result, lines, ends, "reward", 1.0, 0.05)
        reward.set_title(
            f"Reward per request ({band_words(result.scenario.seeds)})", loc="left", fontsize=9.5
        )
        _shares(share, result, ends, None if promise is None else promise[0])
        _curves(spend, result, lines, ends, "usd", 1000.0, 0.085)
        spend.set_title("Spend, USD per 1,000 requests", loc="left", fontsize=9.5)
        spend.set_ylim(bottom=0.0)
        window = max(1, round(WINDOW * result.scenario.requests))
        spend.set_xlabel(f"requests (each point is the mean of up to {window:,} before it)")
        spend.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        for axes in panels:
            _mark_events(axes, result, named=axes is reward)
        figure.suptitle(result.scenario.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        if path is not None:
            save(figure, path)
    return figure


def _lines(result: ScenarioFindings) -> list[Line]:
    """What is drawn as a curve: the best rule; who knows the truth, now and at the start; learners."""
    learners = [own for own in result.played if own.learns]
    rules = [own for own in result.played if own.attainable and not own.learns]
    lines: list[Line] = []
    if rules:
        best = max(rules, key=lambda own: float(own.over_seeds("reward").mean()))
        lines.append((best, f"{short_name(best.policy)}, best rule", MUTED, "-"))
    lines.append((result.named(REGRET_AGAINST), "best per class (truth)", INK, ":"))
    at_start = result.named(AT_START)
    if not np.array_equal(at_start.paths[0].actions, result.named(REGRET_AGAINST).paths[0].actions):
        lines.append((at_start, "best per class at the start", MUTED, "--"))
    colours = itertools.cycle(LEARNERS)
    return [*lines, *((own, own.policy, next(colours), "-") for own in learners)]


def _windows(result: ScenarioFindings) -> tuple[Ints, Ints]:
    """Points of every curve: means over the requests from `first` to before `last`, `(points,)` each.

    A window is short after an event and holds nothing of what was before.
    """
    n = result.scenario.requests
    full = max(1, round(WINDOW * n))
    shortest = min(SHORTEST, full)
    starts = np.array([phase.first for phase in result.phases])
    phase_ends = np.append(starts[1:], n)
    shortest = min(shortest, int((phase_ends - starts).min()))
    even = np.linspace(full, n, POINTS).round().astype(np.int64)
    last = np.unique(np.concatenate([even, phase_ends[phase_ends >= full]]))
    since = last - starts[np.searchsorted(starts, last - 1, side="right") - 1]
    last, since = last[since >= shortest], since[since >= shortest]
    return last - np.minimum(since, full), last


def _mean_over(values: Floats, ends: tuple[Ints, Ints]) -> Floats:
    means: Floats = _sums_over(values, ends) / (ends[1] - ends[0])
    return means


def _sums_over(values: Floats, ends: tuple[Ints, Ints]) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    found: Floats = sums[ends[1]] - sums[ends[0]]
    return found


def _curves(
    axes: Axes,
    result: ScenarioFindings,
    lines: list[Line],
    ends: tuple[Ints, Ints],
    column: str,
    scale: float,
    gap: float,
) -> None:
    """Means over seeds; learners with the band of seeds."""
    labels, low, high = [], [], []
    for own, name, colour, stroke in lines:
        paths = scale * np.array([_mean_over(getattr(path, column), ends) for path in own.paths])
        mean = paths.mean(axis=0)
        if own.learns and len(paths) > 1:
            bottom, top = band_of(paths)
            axes.fill_between(ends[1], bottom, top, color=colour, alpha=0.12, linewidth=0)
        axes.plot(ends[1], mean, color=colour, linewidth=2.0 if own.learns else 1.2, linestyle=stroke)
        labels.append((float(mean[-1]), name, colour))
        low.append(float(mean.min()))
        high.append(float(mean.max()))
    margin = 0.12 * (max(high) - min(low) or 1.0)
    axes.set_ylim(min(low) - margin, max(high) + margin)
    axes.set_xlim(ends[1][0], result.scenario.requests)
    end_labels(axes, labels, gap)


def _shares(axes: Axes, result: ScenarioFindings, ends: tuple[Ints, Ints], whose: str | None) -> None:
    """Models that one policy chose, as stacked shares; the watched one at the bottom. Whose, if nobody is
    named here: the policy that the scenario is about, or the first learner."""
    played = {own.policy: own for own in result.played}
    first = next((own for own in result.played if own.learns), result.played[0])
    learner = played.get(whose or result.scenario.share_of or "", first)
    k = len(result.models)
    chosen = [np.mean([path.actions == a for path in learner.paths], axis=0) for a in range(k)]
    ranked = sorted(range(k), key=lambda a: (a != result.watched, -chosen[a].mean()))
    shown = ranked if k <= len(MODELS) else ranked[: len(MODELS) - 1]
    layers = [_mean_over(chosen[a], ends) for a in shown]
    names, colours = [short_name(result.models[a]) for a in shown], model_colours(result.models, shown)
    if len(shown) < k:
        layers.append(np.maximum(0.0, 1.0 - np.sum(layers, axis=0)))
        names.append(f"{k - len(shown)} others")
        colours.append(FAINT)
    axes.stackplot(ends[1], layers, colors=colours, linewidth=0.6, edgecolor="white")
    axes.set_ylim(0, 1)
    layer_names(axes, names, colours)
    axes.set_title(f"Share of each model under “{learner.policy}”", loc="left", fontsize=9.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _mark_events(axes: Axes, result: ScenarioFindings, *, named: bool) -> None:
    """A line where each phase begins, named once, above the curves; what recurs is shaded."""
    low, high = axes.get_ylim()
    if named:
        axes.set_ylim(low, high + 0.1 * (high - low))
    scenario = result.scenario
    at = arrivals(scenario.requests, scenario.per_day, scenario.swing)
    recurring = {active(event, at).tobytes(): event for event in scenario.events if event.every_hours}
    for event in recurring.values():
        for run in np.split(active(event, at), np.flatnonzero(np.diff(active(event, at)) > 1) + 1):
            axes.axvspan(run[0], run[-1] + 1, color=FAINT, alpha=0.25, linewidth=0, zorder=0)
            if named and run[0] >= axes.get_xlim()[0]:
                _name_event(axes, int(run[0]), event.label, 0)
    for place, phase in enumerate(phase for phase in result.phases if phase.first):
        axes.axvline(phase.first, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
        if named:
            _name_event(axes, phase.first, phase.label, place % 2)


def _name_event(axes: Axes, at: int, label: str, line: int) -> None:
    axes.annotate(
        label, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(4, -4 - 11 * line),
        textcoords="offset points", va="top", fontsize=8.5,
    )  # fmt: skip
