"""`learn`: events -> a new state. The only place where a posterior moves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from banditroute.core import kernels
from banditroute.core.features import TYPICAL_TOKENS
from banditroute.core.feedback.heard import Heard
from banditroute.core.feedback.testimony import JUDGED, Readings, testified
from banditroute.core.posterior import decision_weight, reference_for
from banditroute.core.spending import spend
from banditroute.core.state import QUALITY, TOKENS, USD, State, class_shares, refitted, scale_at
from banditroute.core.steering.watch import listen
from banditroute.types import FACTORS, Observation


def learn(
    state: State,
    observations: Sequence[Observation],
    *,
    seq: int,
    at: float,
    refit: bool = True,
    heard: Sequence[Heard] = (),
) -> State:
    """Folds observations into a new state; `seq` is the last event they come from.

    `heard` is what the same events said for the first time, which only those need who follow the log event
    by event (`watch`).

    The sums do not depend on the order or the batches in which observations arrive (but for the
    rounding of additions), and the fit is a function of the sums and `at`. With `refit=False` the
    variances are held and the coefficients follow by rank-one updates, which is cheaper and a
    cache: the next refit forgets it. Observations of models that are no longer configured, and of
    factors that nobody learns, are passed over: they say nothing about the others.
    """
    frame = state.frame
    at = max(at, state.at)
    references = tuple(reference_for(at, h) for h in frame.half_lives)
    stats, posterior, testimony = list(state.stats), list(state.posterior), state.testimony
    if references != state.references:
        moves = zip(references, state.references, frame.half_lives, strict=True)
        by = [scale_at(*move) for move in moves]
        stats = [
            sums if sums is None or own == 1.0 else sums.scaled(own)
            for sums, own in zip(stats, by, strict=True)
        ]
        testimony = testimony.scaled(by)
    contexts = {id(o.context): o.context for o in observations}  # outcomes of one decision share theirs
    place = {key: row for row, key in enumerate(contexts)}
    x, cls = frame.layout.encode(list(contexts.values()))
    readings = _read(state, observations, references, place)
    told = np.unique(readings.factors).tolist()
    for f in told:
        if f == JUDGED:
            continue
        own = readings.factors == f
        batch = (
            readings.rows[own], cls, x, readings.places[own], readings.values[own], readings.weights[own],
            frame.priors[f].center, float(frame.priors[f].logarithmic),
        )  # fmt: skip
        sums, fitted = stats[f], posterior[f]
        assert sums is not None
        assert fitted is not None
        sums = stats[f] = sums.copy()
        kernels.observe_many(sums.xx, sums.xy, sums.cells, *batch)
        if not refit:
            moved = posterior[f] = fitted.movable()
            now = scale_at(at, references[f], frame.half_lives[f])
            kernels.rank_one_many(moved.theta, moved.cov, moved.noise, moved.kappa, now, *batch)
    if told:
        shape = len(frame.models), len(frame.layout.classes)
        testimony = testified(testimony, readings, x, cls, shape, frame.priors)
    spending = spend(state.spending, observations, state.models, frame.prices, at)
    watch = listen(state.watch, heard, frame.settings, frame.prices) if heard else state.watch
    if refit:
        return refitted(
            frame, tuple(stats), references, seq=seq, at=at, since=state, spending=spending, watch=watch,
            testimony=testimony,
        )  # fmt: skip
    shares = class_shares(frame, tuple(stats)) if QUALITY in told else state.class_shares
    stale = state.stale | frozenset(QUALITY if f == JUDGED else f for f in told)
    return replace(
        state, stats=tuple(stats), posterior=tuple(posterior), references=references, class_shares=shares,
        seq=seq, at=at, stale=stale, spending=spending, watch=watch, testimony=testimony,
    )  # fmt: skip


def _read(
    state: State,
    observations: Sequence[Observation],
    references: Sequence[float],
    place: Mapping[int, int],
) -> Readings:
    """What can be learned from; `place` is that of each context."""
    frame, read = state.frame, []
    models = {model.id: i for i, model in reversed(list(enumerate(frame.models)))}
    learned = {name: f for f, name in enumerate(FACTORS) if state.stats[f] is not None or f == USD}
    group, prices, lives = frame.group.tolist(), frame.prices.tolist(), frame.half_lives
    for o in observations:
        f, model, value = learned.get(o.factor), models.get(o.model), o.value
        if f is None or model is None:
            continue
        if f == USD:
            f, value = _paid(o, *prices[model])
            if f is None or state.stats[f] is None:
                continue
        weight = (
            o.weight
            if math.isinf(lives[f])
            else o.weight * decision_weight(o.decided_at, references[f], lives[f])
        )
        read.append((
            JUDGED if o.instrument else f, group[model] if f == QUALITY else model, place[id(o.context)],
            value, weight, o.weight, o.decided_at, o.speaker, o.instrument,
            math.nan if o.people is None else o.people, o.ratio if value > 0.0 else 0.0,
        ))  # fmt: skip
    return Readings.of(read)


def _paid(o: Observation, per_input: float, per_output: float) -> tuple[int | None, float]:
    """The factor that what was paid teaches, and the value it counts as.

    The cost of a model with token prices is learned as output tokens; where only its USD are
    known, they are turned into the tokens they would have bought.
    """
    if math.isnan(per_output):
        return USD, o.value
    if o.metered or per_output <= 0.0:
        return None, o.value
    tokens = (o.value - per_input * (o.context.input_tokens or TYPICAL_TOKENS)) / per_output
    return TOKENS, tokens if tokens > 0.5 else 0.0  # what rounding leaves of the input's price is no answer
