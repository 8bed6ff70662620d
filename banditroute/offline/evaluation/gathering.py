"""What a log of decisions brings to an evaluation: which rows count, what they earned, what must be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.core.features import layout_of
from banditroute.errors import LogError
from banditroute.offline.estimators import fit_q
from banditroute.offline.estimators.forms import FORMS
from banditroute.offline.estimators.intervals import INSTEAD, LEAST_ESS
from banditroute.offline.estimators.value import IntervalKind
from banditroute.offline.evaluation.extremes import carried, large_outcomes, withheld
from banditroute.offline.evaluation.findings import Evaluated
from banditroute.offline.evaluation.scoring import Evidence
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Log
from banditroute.types import Context, Weights

FEWEST_ROWS = 20
"""Rows with a reward that a log needs before anything is estimated from it."""

FOLDS = 5
"""Parts of the rows, or units, that the model of the reward is cross-fitted over, where there are so many."""


def require_decisions(log: Log | DecisionLog) -> DecisionLog:
    """The log, refused where it holds no propensities to weigh decisions by, or nothing to compare."""
    if isinstance(log, Log):
        if log.kind == "partial":
            raise LogError(
                "Some requests of this log lack some of the models, so it does not say what another model "
                "would have given; read it with complete=True."
            )
        raise LogError(
            "This log has a row for every model of every request: full information. What any policy would "
            "have earned there is known, not estimated: use banditroute simulate."
        )
    if log.propensity is None:
        raise LogError(
            "This log has one row per request and no propensity, so it does not tell what another model "
            "would have given: what was chosen and how well it went may share a cause. Off-policy evaluation "
            "needs the probability that each choice was drawn with; name its column with --columns "
            "propensity=COLUMN, or log it from now on."
        )
    if len(log.models) < 2:
        raise LogError(
            f"The log has one model only, {log.models[0]}: nothing in it tells what another one would have "
            "given. It takes a log in which several models were drawn."
        )
    return log


def with_feedback(log: DecisionLog, weights: Weights) -> tuple[Ints, list[str]]:
    """The rows whose quality is known, where quality counts, and a note on the others."""
    if not weights.quality:
        return np.arange(len(log)), []
    rows = np.flatnonzero(~np.isnan(log.quality))
    missing = len(log) - len(rows)
    if len(rows) < FEWEST_ROWS:
        raise LogError(
            f"{len(rows):,} of {len(log):,} rows have a quality, and an evaluation needs at least "
            f"{FEWEST_ROWS}; name its column with --columns quality=COLUMN, or set --weights quality=0."
        )
    if not missing:
        return rows, []
    return rows, [
        f"{missing:,} of {counted(len(log), 'row')} {'has' if missing == 1 else 'have'} no feedback and "
        f"{'is' if missing == 1 else 'are'} left out: the figures are about requests "
        "that get feedback. If whether it comes depends on how good the answer was, they are biased, and "
        "this log cannot tell."
    ]


def with_costs(log: DecisionLog, rows: Ints, weights: Weights, skip_bad: bool) -> tuple[Ints, list[str]]:
    """Those of the `rows` that also have the cost and the wait that are weighed, and a note on the others.

    Without `skip_bad` all of them: rows that lack one are refused later. What no row has is no fault of one.
    """
    notes = []
    for weight, column in ((weights.usd, "usd"), (weights.second, "seconds")):
        absent = np.isnan(getattr(log, column)[rows])
        if skip_bad and weight and absent.any() and not absent.all():
            notes.append(f"Left out: {counted(int(absent.sum()), 'row has', 'rows have')} no {column}.")
            rows = rows[~absent]
    return rows, notes


def some_rows(log: DecisionLog, rows: Ints) -> DecisionLog:
    """The outcomes of some rows, for checks that look at nothing else."""
    return replace(log, quality=log.quality[rows], usd=log.usd[rows], seconds=log.seconds[rows])


def rewards(log: DecisionLog, weights: Weights) -> Floats:
    """`quality·q − usd·cost − second·wait` of every row, `(n,)`; a factor of weight 0 does not enter."""
    total = np.zeros(len(log))
    for weight, values in (
        (weights.quality, log.quality),
        (-weights.usd, log.usd),
        (-weights.second, log.seconds),
    ):
        if weight:
            total += weight * values
    return total


def gathered(
    log: DecisionLog,
    rows: Ints,
    settings: Settings,
    contexts: Sequence[Context],
    estimators: Sequence[str],
    *,
    learning: bool,
    interval: IntervalKind | None,
    seed: int,
) -> Evidence:
    """What every target is scored with. The model of the reward is fitted once: it knows no target."""
    assert log.propensity is not None
    weights = settings.reward.weights
    reward = rewards(log, weights)[rows]
    uneven = rewards(log, replace(weights, quality=0.0))[rows] if weights.usd or weights.second else None
    worst = 0.0
    for weight, values in ((weights.usd, log.usd), (weights.second, log.seconds)):
        worst -= weight * float(values[rows].max()) if weight else 0.0
    bounds = (worst, weights.quality)
    if not bounds[0] < bounds[1]:
        raise LogError("Every row of the log has the same reward; there is nothing to compare.")
    clusters = _clusters(log, rows)
    q_hat = None
    if any(FORMS[name.partition("(")[0].strip().lower()].modelled for name in estimators):
        x, _ = layout_of(settings).encode([contexts[i] for i in rows.tolist()])
        classes = 1 + len(settings.classes)
        units = len(rows) if clusters is None else int(clusters.max()) + 1
        if units == 1 and not learning:
            raise LogError(
                f"All {len(rows):,} rows belong to one unit, which leaves no others to learn from when it is "
                f"set aside: it takes rows of several units, of {LEAST_ESS:.0f} for a normal interval."
            )
        q_hat = fit_q(
            reward,
            log.action[rows],
            len(log.models),
            x=x[:, classes:],
            classes=log.class_index[rows],
            order="time" if learning else "any",
            bounds=bounds,
            cluster=clusters,
            folds=min(FOLDS, units),
            seed=seed,
        )
    return Evidence(
        log=log,
        rows=rows,
        reward=reward,
        propensity=log.propensity[rows],
        pmf=None if log.pmf is None else log.pmf[rows],
        q_hat=q_hat,
        clusters=clusters,
        bounds=bounds,
        learning=learning,
        interval="sequence" if interval is None and learning and log.pmf is None else interval,
        seed=seed,
        uneven=uneven,
    )


def remarks(
    log: DecisionLog, settings: Settings, evidence: Evidence, results: Sequence[Evaluated]
) -> Iterator[str]:
    """What must be read with the figures, the `results`."""
    if log.at is None:
        yield "The log has no times: its rows are taken in the order of their ids."
    if settings.prior is not None:
        yield (
            f"Learners start from a prior made of {counted(settings.prior.requests, 'request')}: were they "
            "these, learners would be scored on what taught them."
        )
    if evidence.clusters is not None:
        units = int(evidence.clusters.max()) + 1
        largest = int(np.bincount(evidence.clusters).max())
        yield (
            f"The rows belong to {counted(units, 'unit')}, of up to {counted(largest, 'row')} each: every "
            "interval is of units, not of rows."
        )
    priced = [
        f"{float(values[evidence.rows].max()):.4g} {name}"
        for weight, values, name in (
            (settings.reward.weights.usd, log.usd, "USD"),
            (settings.reward.weights.second, log.seconds, "seconds"),
        )
        if weight
    ]
    if priced and any(_bounded(result) for result in results):
        listed = " and ".join(priced)
        yield (
            "Sequences, Bernstein intervals and clipped estimators take the most in the log for the most "
            f"there can be: {listed}."
        )
        yield from large_outcomes(evidence, settings.reward.weights)
    yield from withheld(results)
    yield from carried(results)
    if log.source is not None:
        sources, counts = np.unique(
            [log.source[i] or "unknown" for i in evidence.rows.tolist()], return_counts=True
        )
        if len(sources) > 1:
            listed = ", ".join(f"{name} {count:,}" for name, count in zip(sources, counts, strict=True))
            yield f"Quality comes from several sources ({listed}); one counts as the other."


def _bounded(result: Evaluated) -> bool:
    """Whether anything said of a policy rests on the range that rewards are taken to lie in."""
    if result.refused is not None:
        return INSTEAD in result.refused
    return any(value.bounded for value in result.estimates.values())


def _clusters(log: DecisionLog, rows: Ints) -> Ints | None:
    """Ids of the units of the rows, None where no unit comes twice; a row without one stands alone."""
    if log.unit is None:
        return None
    units = [unit if (unit := log.unit[i]) is not None else f"\0{i}" for i in rows.tolist()]
    ids = np.unique(np.array(units), return_inverse=True)[1].astype(np.int64)
    return ids if int(ids.max()) + 1 < len(rows) else None
