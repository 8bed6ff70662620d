"""The panel of a scenario in which a learner promised quality: what a class got, and the promised floor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from banditroute.config.feedback import EVERY, Guardrail
from banditroute.core.base import Floats, Ints
from banditroute.offline.simulation.plots import INK, MUTED, end_labels, short_name
from banditroute.offline.worlds.findings import Played, ScenarioFindings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Windows = Callable[[Floats], Floats]
"""From a value per request to sums over the windows of a curve."""


def promised(result: ScenarioFindings) -> tuple[str, Guardrail] | None:
    """The first learner that promises something, and what; None where nobody does."""
    played = {own.policy for own in result.played}
    return next(
        (
            (player.name, player.guardrails[0])
            for player in result.scenario.players
            if player.guardrails and player.name in played
        ),
        None,
    )


def draw_promise(
    axes: Axes,
    result: ScenarioFindings,
    promise: Guardrail,
    lines: list[tuple[Played, str, str, str]],
    at: Ints,
    summed: Windows,
) -> None:
    """Quality of every learner in the class of a promise, with the floor: the baseline's, less the margin.

    `lines` are the learners with name, colour and stroke, `at` `(points,)` where windows end.
    """
    baseline = result.named(f"fixed:{promise.baseline}")
    means = _by_class(result, baseline, promise, summed).mean(axis=0)
    floor = means - promise.margin
    name = short_name(promise.baseline)
    curves = [(means, name, MUTED, "-", 1.2), (floor, f"floor: {name} − {promise.margin:g}", INK, "--", 1.6)]
    labels = []
    for own, label, colour, stroke in lines:
        paths = _by_class(result, own, promise, summed)
        if len(paths) > 1:
            low, high = np.nanquantile(paths, [0.1, 0.9], axis=0)
            axes.fill_between(at, low, high, color=colour, alpha=0.12, linewidth=0)
        curves.append((paths.mean(axis=0), label, colour, stroke, 2.0))
    for values, label, colour, stroke, width in curves:
        axes.plot(at, values, color=colour, linestyle=stroke, linewidth=width)
        labels.append((float(values[-1]), label, colour))
    low, high = axes.get_ylim()
    axes.fill_between(at, low, floor, color=INK, alpha=0.05, linewidth=0)
    axes.set_ylim(low, high)
    axes.set_xlim(at[0], result.scenario.requests)
    end_labels(axes, labels, 0.075)
    where = "every class" if promise.request_class == EVERY else f"class {promise.request_class}"
    axes.set_title(f"Quality per request in {where}, and the promised floor", loc="left", fontsize=9.5)


def _by_class(result: ScenarioFindings, own: Played, promise: Guardrail, summed: Windows) -> Floats:
    """Mean quality over windows, of the requests of a promise's class, `(seeds, points)`; nan without."""
    means = []
    for path in own.paths:
        of_class = np.ones(len(path.quality))
        if promise.request_class != EVERY:
            of_class = (path.request_class == result.classes.index(promise.request_class)).astype(np.float64)
        number = summed(of_class)
        with np.errstate(invalid="ignore"):
            means.append(summed(of_class * path.quality) / np.where(number > 0.0, number, np.nan))
    return np.array(means)
