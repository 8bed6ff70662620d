"""A prior brought into a frame: its sums by name become sums by position.

Changing names for positions, merging classes and moving the center are linear in the vectors and in
the outcomes, so the sums of the result are exactly those that the frame itself would have kept of the
same outcomes. What the configuration does not know is passed over; what it knows and history does not,
starts cold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.config.priors import FactorHistory, Prior
from banditroute.core.base import Floats, Ints
from banditroute.core.features import VERSION, Layout
from banditroute.core.posterior import FactorPrior, SufficientStats, empty_stats
from banditroute.errors import ConfigError
from banditroute.types import FACTORS, Model

_AGAIN = "fit it again with `banditroute fit LOG -o PRIOR --config FILE`"


def past_of(
    prior: Prior | None,
    models: Sequence[Model],
    group: Ints,
    layout: Layout,
    priors: Sequence[FactorPrior],
    active: Sequence[bool],
) -> tuple[tuple[SufficientStats | None, ...], tuple[float, ...], Floats]:
    """Sums of history and their trust per factor, None and 0 where there is none, and what of the noise is a
    model's own `(f, k)`.

    Deployments of one model add up their histories of quality. Raises ConfigError for a prior that
    knows none of the models, or whose vectors mean something else.
    """
    own = np.ones((len(FACTORS), len(models)))
    if prior is None:
        return (None,) * len(FACTORS), (0.0,) * len(FACTORS), own
    _check(prior, models, layout)
    columns, classes = _columns(prior, layout), [layout.class_index(name) for name in prior.classes]
    past: list[SufficientStats | None] = []
    for f, name in enumerate(FACTORS):
        history = prior.factors.get(name)
        if history is None or not active[f] or history.trust <= 0.0:
            past.append(None)
            continue
        if history.logarithmic != priors[f].logarithmic:
            raise ConfigError(f"The prior keeps {name} on another scale than this version does; {_AGAIN}.")
        rows = _rows(history, models, group if name == "quality" else None)
        sums = _placed(history, rows, columns, classes, layout, priors[f].center, len(models))
        past.append(sums if rows else None)
        own[f] = _own(history, rows, len(models))
    trust = [0.0 if sums is None else prior.factors[FACTORS[f]].trust for f, sums in enumerate(past)]
    return tuple(past), tuple(trust), own


@dataclass(frozen=True, slots=True)
class Judged:
    """How live outcomes judge history: `right` `(f,)` is the probability that a factor's is right, 0 where it
    has none; `share` `(f, k, c)` what of each cell counts if it is; `labels` the probability that models have
    the right names in it."""

    right: Floats
    share: Floats
    labels: float


def judged(
    live: Sequence[SufficientStats | None],
    past: Sequence[SufficientStats | None],
    own: Floats,
    trust: Sequence[float],
    priors: Sequence[FactorPrior],
    scales: Sequence[float],
) -> Judged | None:
    """History as the live sums, times their `scales`, judge it; all arguments by factor. None without any."""
    known = np.array(
        [float(now is not None and was is not None) for now, was in zip(live, past, strict=True)]
    )
    if not known.any():
        return None
    from banditroute.core.weighing import believe, weigh  # compiled only where there is history

    k, c = next(was.cells.shape[:2] for was in past if was is not None)
    share, evidence, right = np.zeros((len(known), k, c)), np.zeros((len(known), 2)), np.empty(len(known))
    alike = np.zeros((len(known), k, k + 1))
    for f, (now, was) in enumerate(zip(live, past, strict=True)):
        if now is not None and was is not None:
            evidence[f] = weigh(
                now.xx, now.xy, now.cells, scales[f], was.xx, was.xy, was.cells, own[f], trust[f],
                priors[f].hyper, share[f], alike[f],
            )  # fmt: skip
    labels = believe(evidence, alike, known, right)
    return Judged(right, share, float(labels))


def _check(prior: Prior, models: Sequence[Model], layout: Layout) -> None:
    """Refuses a prior whose vectors mean something else, or that knows none of the models."""
    if prior.features_version != VERSION:
        raise ConfigError(
            f"The prior was fitted with features of version {prior.features_version}, this is version "
            f"{VERSION}; {_AGAIN}."
        )
    ours = {name: (center, scale) for name, center, scale in layout.numeric}
    for name, center, scale in prior.features:
        if name in ours and ours[name] != (center, scale):
            raise ConfigError(
                f'The prior has the feature "{name}" with center {center:g} and scale {scale:g}, the '
                f"configuration with {ours[name][0]:g} and {ours[name][1]:g}; {_AGAIN}."
            )
    if prior.embedding and layout.embedding not in (0, prior.embedding):
        raise ConfigError(
            f"The prior has embeddings of size {prior.embedding}, the configuration of size "
            f"{layout.embedding}; {_AGAIN}."
        )
    known = {name for factor in prior.factors.values() for name in factor.models}
    if not any(model.id in known or model.group in known for model in models):
        raise ConfigError(
            f"The prior knows none of the models: it has {_some(known)}, the configuration "
            f"{_some(model.id for model in models)}; name the models in both alike."
        )


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _columns(prior: Prior, layout: Layout) -> Ints:
    """Where each coordinate of the prior's vectors is in the frame's, −1 where it is not known."""
    tokens = 1 + len(layout.classes)
    names = [name for name, _, _ in layout.numeric]
    places = [0, *(1 + layout.class_index(name) for name in prior.classes), tokens]
    places += [tokens + 1 + names.index(name) if name in names else -1 for name, _, _ in prior.features]
    first = layout.size - layout.embedding
    places += [first + i if layout.embedding else -1 for i in range(prior.embedding)]
    return np.array(places, np.int64)


def _rows(history: FactorHistory, models: Sequence[Model], group: Ints | None) -> list[tuple[int, str]]:
    """Pairs of a row of the sums and the name whose history belongs there, each once. Where rows are shared
    by `group` `(k,)`, the name of the group will do as well."""
    found = set()
    for a, model in enumerate(models):
        names = (model.id,) if group is None or model.group is None else (model.id, model.group)
        row = a if group is None else int(group[a])
        found |= {(row, name) for name in names if name in history.models}
    return sorted(found)


def _own(history: FactorHistory, rows: Sequence[tuple[int, str]], k: int) -> Floats:
    """What of the noise is each model's own `(k,)`; of deployments that share a row, the average."""
    counts, own = np.zeros(k), np.zeros(k)
    for row, name in rows:
        model = history.models[name]
        counts[row] += model.outcomes
        own[row] += model.outcomes * (1.0 - model.common)
    return np.divide(own, counts, out=np.ones(k), where=counts > 0.0)


def _placed(
    history: FactorHistory,
    rows: Sequence[tuple[int, str]],
    columns: Ints,
    classes: Sequence[int],
    layout: Layout,
    center: float,
    k: int,
) -> SufficientStats:
    """The sums in the frame's positions and about its center."""
    sums = empty_stats(k, len(layout.classes), layout.size)
    kept = np.flatnonzero(columns >= 0)
    to = columns[kept]
    by = history.center - center
    for row, name in rows:
        model = history.models[name]
        xx, xy, cells = np.array(model.xx), np.array(model.xy), np.array(model.cells)
        numbers = np.diagonal(xx)[1 : 1 + len(classes)]
        cells[:, 0] += 2.0 * by * xy[1 : 1 + len(classes)] + by * by * numbers
        xy = xy + by * xx[0]
        np.add.at(sums.xx[row], (to[:, None], to[None, :]), xx[np.ix_(kept, kept)])
        np.add.at(sums.xy[row], to, xy[kept])
        np.add.at(sums.cells[row], classes, cells)
    return sums
