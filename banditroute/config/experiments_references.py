"""What `[[experiments]]` say about other entries and about each other: classes that exist, and no unit that
two of them could take at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import combinations

from banditroute.config.checks import nearest
from banditroute.config.experiments import MARGINS, Experiment
from banditroute.config.problems import Problems
from banditroute.types import OTHER

_SHARES = ("quality", "error", "fallback")
_UNITS = {
    "usd": " (USD a request)", "seconds": " (seconds a request)", "reward": " (USD of utility)",
    "error": " (one point)", "fallback": " (one point)", "output_tokens": " (tokens a request)",
}  # fmt: skip


def check_experiments(
    experiments: Mapping[int, Experiment], classes: Collection[str], problems: Problems
) -> None:
    """Notes names that nothing bears, times that end before they begin, and experiments that would share
    units. Entries come by position; `classes` are the declared ones."""
    seen: set[str] = set()
    for i, experiment in experiments.items():
        if experiment.name in seen:
            problems.add(
                ("experiments", i, "name"),
                f'the name "{experiment.name}" is given twice in [[experiments]]; rename or remove one.',
            )
        seen.add(experiment.name)
        _check_one(i, experiment, (*classes, OTHER), problems)
    for (_, earlier), (i, later) in combinations(experiments.items(), 2):
        if earlier.name != later.name and _meet(earlier, later):
            _refuse_both(i, earlier, later, problems)


def _check_one(i: int, own: Experiment, classes: Collection[str], problems: Problems) -> None:
    path, label = ("experiments", i), f'[[experiments]] "{own.name}"'
    for name in own.classes:
        if name not in classes:
            problems.add(
                (*path, "classes"),
                f'classes in {label} names "{name}", which is not declared; {nearest(name, sorted(classes))}',
            )
    variants = [variant.name for variant in own.variants]
    if own.control not in variants:
        problems.add(
            (*path, "control"),
            f'control in {label} names "{own.control}", which is no variant; '
            f"{nearest(own.control, variants)}",
        )
    if math.isnan(own.margin):
        problems.add(
            (*path, "metric"),
            f'metric in {label} is "{own.metric}", for which there is no usual margin; say how much worse a '
            f"treatment may be and still count as not worse, as in margin = {MARGINS[own.metric]:g}"
            f"{_UNITS[own.metric]}.",
        )
    elif own.metric in _SHARES and own.margin > 1.0:
        problems.add(
            (*path, "margin"),
            f"margin in {label} is {own.margin:g}, but {own.metric} is between 0 and 1, so nothing could be "
            "worse by more; 0.01 is one point.",
        )
    if own.begins >= own.ends:
        first = "start" if own.start is not None and own.start == own.begins else "the first step of its ramp"
        problems.add(
            (*path, "stop"), f"stop in {label} is not after {first}, so nobody would ever enter; move one."
        )


def _meet(one: Experiment, other: Experiment) -> bool:
    """Whether a request could belong to both."""
    units = max(one.units[0], other.units[0]) < min(one.units[1], other.units[1])
    times = max(one.begins, other.begins) < min(one.ends, other.ends)
    classes = not one.classes or not other.classes or bool({*one.classes} & {*other.classes})
    return units and times and classes


def _refuse_both(i: int, earlier: Experiment, later: Experiment, problems: Problems) -> None:
    problems.add(
        ("experiments", i, "units"),
        f'[[experiments]] "{later.name}" could take units that "{earlier.name}" has at the same time '
        f"(units {_range(later)} and {_range(earlier)}); give them ranges that do not overlap, as "
        "units = [0.0, 0.5] and units = [0.5, 1.0], or different classes, or let one start when the other "
        "has stopped; take out one that is over.",
    )


def _range(own: Experiment) -> str:
    return f"[{own.units[0]:g}, {own.units[1]:g}]"
