"""What a policy would have done on the rows of a log of decisions: its choice probabilities.

A policy that does not learn is asked as it stands before any event. One that learns is *frozen*: it learns
from the first part of the log and is then asked, unchanged, about the later rows (progressive
validation), so that it is never scored on what taught it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core.base import Bools, Floats, Ints, Policy, Slate
from banditroute.core.decide import initial_state, learn
from banditroute.core.state import State
from banditroute.core.utility import outlook
from banditroute.offline.logs.cells import FACTORS
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.replay.catalogue import TIERS, log_features
from banditroute.offline.simulation.fitted_rules import BEST_SINGLE, FittedRule
from banditroute.policies.per_class import DEFAULT, PerClass
from banditroute.policies.static import BestPrior, Fixed
from banditroute.types import Context, Model, Observation, Preferences, Weights

BATCH = 16_384
"""Rows that a policy is asked about at once; bounds the memory of a slate."""


def decision_settings(log: DecisionLog, base: Settings, weights: Weights) -> Settings:
    """`base` with the models, classes and features of a log of decisions, and the weights it is scored by.

    Models that `base` declares stay as declared, prices included. Of the others the log's mean USD
    stands for the list price. Hard rules and limits are in the log already: they decided which
    models were eligible.
    """
    declared = {known.name: known for known in base.classes}
    return replace(
        base,
        reward=replace(base.reward, weights=weights),
        policy=replace(base.policy, horizon=len(log), pool_priors=False),
        features=FeatureSettings(numeric={**log_features(log), **base.features.numeric}),
        models=_models(log, base),
        classes=tuple(declared.get(name, RequestClass(name)) for name in log.classes),
        rules=(),
    )


def mean_usd(log: DecisionLog) -> Floats:
    """What a request costs at each model, `(k,)`, nan where the log does not say.

    Rows count by the inverse of their propensity, so that a model that got the long requests does
    not look dear for it.
    """
    known = np.isfinite(log.usd)
    share = np.ones(len(log)) if log.propensity is None else 1.0 / log.propensity
    k = len(log.models)
    weight = np.bincount(log.action[known], share[known], minlength=k)
    total = np.bincount(log.action[known], (share * log.usd)[known], minlength=k)
    mean: Floats = np.divide(total, weight, out=np.full(k, math.nan), where=weight > 0)
    return mean


def eligible_models(log: DecisionLog) -> Bools:
    """Which models could have been chosen on each row, `(n, k)`."""
    return np.ones((len(log), len(log.models)), np.bool_) if log.eligible is None else log.eligible


def choice_probabilities(
    log: DecisionLog,
    policy: Policy,
    state: State,
    weights: Weights,
    contexts: Sequence[Context],
    rows: Ints,
) -> Floats:
    """The pmf of a policy that holds still, `(len(rows), k)`; 0 on models that were not eligible.

    Of a policy that splits its traffic, the average over its variants.
    """
    out = np.empty((len(rows), len(log.models)))
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        choice = policy.choose(slate(log, policy, state, weights, contexts, part, float(len(rows))))
        out[start : start + BATCH] = choice.pmf if choice.marginal is None else choice.marginal
    return out


def slate(
    log: DecisionLog,
    policy: Policy,
    state: State,
    weights: Weights,
    contexts: Sequence[Context],
    rows: Ints,
    horizon: float,
) -> Slate:
    """Rows of the log as `decide` would show them to the policy, with the models that were eligible."""
    wanted = [contexts[i] for i in rows.tolist()]
    view = outlook(
        state,
        wanted,
        [Preferences(weights=weights)] * len(rows),
        lookahead=policy.lookahead,
        horizon=horizon,
    )
    return Slate(
        models=state.models,
        contexts=wanted,
        ids=log.request_ids[rows].tolist(),
        eligible=eligible_models(log)[rows],
        mean=view.mean,
        sd=view.sd,
        quality=view.expected[0],
        usd=view.expected[2],
        seconds=view.expected[3],
    )


def cold_state(log: DecisionLog, settings: Settings) -> State:
    """The state before any event, for what the log has outcomes of."""
    known = [name for name in FACTORS if np.isfinite(getattr(log, name)).any()]
    if "usd" in known and "output_tokens" not in known:
        known.append("output_tokens")  # what USD are turned into where a model has token prices
    start = 0.0 if log.at is None else float(log.at[0])
    return initial_state(settings, at=start, factors=tuple(known))


def learned_from(
    log: DecisionLog, state: State, contexts: Sequence[Context], rows: Ints, *, refit: bool = True
) -> State:
    """The state after the outcomes of some rows, those that have them."""
    times = decision_times(log)
    observations = [seen for i in rows.tolist() for seen in outcomes_of(log, contexts[i], i, float(times[i]))]
    at = float(times[rows[-1]]) if len(rows) else state.at
    return learn(state, observations, seq=state.seq + len(rows), at=at, refit=refit)


def fitted_rule(
    log: DecisionLog,
    name: str,
    state: State,
    settings: Settings,
    contexts: Sequence[Context],
    rows: Ints,
) -> FittedRule:
    """`best_single:fitted` or `per_class:fitted` by a state that learned from `rows`: whichever model
    it expects most of, on average over those rows, or over those of each class."""
    policy = BestPrior(settings.policy.prior_quality)
    k, c = len(log.models), len(log.classes)
    total, count = np.zeros((c, k)), np.bincount(log.class_index[rows], minlength=c)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        view = slate(log, policy, state, settings.reward.weights, contexts, part, 1.0)
        np.add.at(total, log.class_index[part], view.mean)
    single = log.models[int(total.sum(axis=0).argmax())]
    if name == BEST_SINGLE:
        return FittedRule(name, Fixed(name, single, settings.policy.prior_quality), len(rows))
    best = total.argmax(axis=1)
    models = {own: log.models[best[g]] for g, own in enumerate(log.classes) if count[g]}
    rule = PerClass(name, {**models, DEFAULT: single}, settings.policy.prior_quality)
    return FittedRule(name, rule, len(rows))


def decision_times(log: DecisionLog) -> Floats:
    """When each row was decided: the log's time, else its place (one row, one second)."""
    return np.arange(len(log), dtype=np.float64) if log.at is None else log.at


def outcomes_of(log: DecisionLog, context: Context, i: int, at: float) -> list[Observation]:
    """What the log says came of row i."""
    model = log.models[log.action[i]]
    metered, billed = bool(np.isfinite(log.output_tokens[i])), bool(np.isfinite(log.usd[i]))
    return [
        Observation(context, model, factor, value, at, metered=metered, billed=billed)
        for factor in FACTORS
        if math.isfinite(value := float(getattr(log, factor)[i]))
    ]


def _models(log: DecisionLog, base: Settings) -> tuple[Model, ...]:
    declared = {model.id: model for model in base.models}
    usd = mean_usd(log)
    priced = bool(np.isfinite(usd).all())
    thirds = np.argsort(np.argsort(usd, kind="stable")) * 3 // len(log.models)
    models = []
    for name, price, third in zip(log.models, usd.tolist(), thirds.tolist(), strict=True):
        known = declared.get(name, Model(name, tier=TIERS[third] if priced else "standard"))
        if known.usd_per_output_token is None and known.usd_per_request is None and math.isfinite(price):
            known = replace(known, usd_per_request=price)
        models.append(replace(known, prior_by_class=()))
    return tuple(models)
