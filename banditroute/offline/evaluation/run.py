"""`evaluate`: what other policies would have earned on a log of decisions, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from banditroute.config.priorfile import read_prior
from banditroute.config.priors import Prior
from banditroute.config.settings import Settings
from banditroute.core.base import Ints, Policy
from banditroute.errors import ConfigError, LogError
from banditroute.offline.estimators.forms import parse_form
from banditroute.offline.estimators.intervals import check_seed
from banditroute.offline.estimators.value import IntervalKind
from banditroute.offline.evaluation.cases import Case, answers, split, yardstick
from banditroute.offline.evaluation.findings import Evaluated
from banditroute.offline.evaluation.gathering import (
    gathered,
    remarks,
    require_decisions,
    some_rows,
    with_costs,
    with_feedback,
)
from banditroute.offline.evaluation.logged import LoggedBy, Maker, check_propensities, maker
from banditroute.offline.evaluation.result import Evaluation
from banditroute.offline.evaluation.targets import (
    cold_state,
    decision_settings,
    fitted_rule,
    learned_from,
)
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import some
from banditroute.offline.logs.queries import Progress as Reading
from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.options import (
    WEIGHTS,
    check_prior,
    one_or_several,
    parse_pairs,
    parse_weights,
    refuse_reading,
)
from banditroute.offline.replay.catalogue import contexts as contexts_of
from banditroute.offline.replay.run import READ_TEXT, reads_text
from banditroute.offline.simulation.admission import scoring_weights
from banditroute.offline.simulation.fitted_rules import FITTED
from banditroute.offline.simulation.hearsay import judges_word
from banditroute.policies import get_policy
from banditroute.policies.budget import limited
from banditroute.policies.cascade import chained
from banditroute.policies.grounds import groundless, needs_prompts
from banditroute.types import Weights

ESTIMATORS = ("dr", "ips", "snips", "dm")
"""What is computed by default; the first one leads: table, plot and differences show it with its interval."""

BY_REPUTE = ("cheapest", "best_prior")
"""Rules of the default table that need to know something of the models."""

Progress = Callable[[int, int, str], None]
"""Told how many rows are behind, of how many over all policies, and which policy is at work."""


def evaluate(
    log: str | Path | Log | DecisionLog,
    policies: Sequence[str] | str | None = None,
    *,
    estimators: Sequence[str] | str = ESTIMATORS,
    weights: Weights | Mapping[str, float | str] | None = None,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | str | None = None,
    features: Sequence[str] = (),
    settings: Settings | None = None,
    prior: str | Path | Prior | None = None,
    logged_by: LoggedBy | None = None,
    interval: IntervalKind | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
    reading: Reading | None = None,
) -> Evaluation:
    """Off-policy evaluation of policies on a log of decisions with their propensities.

    Each policy gets every one of the `estimators` (`dr`, `ips`, `snips`, `dm`, `sndr`, `switch_dr`,
    `dros`); the first leads and is compared with what was logged, on the same rows. A rule is scored on
    every row with a reward; a policy that learns is frozen after the first half of the log and scored
    on the second, and played by rejection replay on the whole of it.

    `logged_by` says whether the policy that made the log learned (`learning`) or held still (`fixed`); it is
    found out by default. The default `interval` is a confidence sequence for a learner's log, normal for
    that of a fixed policy. Where the log does not identify a policy's worth, that policy is refused in the
    result, with the reason; raises LogError where the log can answer nothing. `skip_bad` leaves out rows
    that are broken, with a note. Learners start from the `prior`, where one is given: one that `fit` made
    of other requests. `progress` is told of rows, `reading` how far the log is read.
    """
    check_prior(prior)
    check_seed(seed)
    if settings is not None and not isinstance(settings, Settings):
        raise LogError(f"The settings are {settings!r}; give what load_settings makes of a configuration.")
    asked = one_or_several(policies, "The policies")
    forms = one_or_several(estimators, "The estimators") or list(ESTIMATORS)
    base = settings or Settings()
    if prior is not None:
        base = replace(base, prior=prior if isinstance(prior, Prior) else read_prior(Path(prior)))
    wished = parse_weights(weights, base.reward.weights)
    for name in forms:
        parse_form(name, {})
    if not isinstance(log, DecisionLog | Log):
        wanted = parse_pairs(where, "--where") if isinstance(where, str) else where
        read = read_log(
            log,
            columns=columns,
            where=wanted,
            features=one_or_several(features or None, "The features"),
            prompts=any(name.partition(":")[0] in READ_TEXT for name in asked),
            skip_bad=skip_bad,
            progress=reading,
        )
        log = read
    else:
        refuse_reading(columns, where, features, skip_bad)
    log = require_decisions(log)
    named = () if weights is None else weights if isinstance(weights, Mapping) else WEIGHTS
    rows, unrated = with_feedback(log, wished)
    rows, unmetered = with_costs(log, rows, wished, skip_bad)
    scored, unscored = scoring_weights(some_rows(log, rows), wished, named)
    own = decision_settings(log, base, scored)
    made = maker(log, own, logged_by)
    check_propensities(log)
    names = asked or _default_policies(log, own)
    prompts = any(log.prompts or ())
    known = {name: _policy(name, own, base, prompts) for name in names if name not in FITTED}
    text = any(reads_text(policy) for policy in known.values() if not isinstance(policy, str))
    contexts = contexts_of(log, own, text=text)
    evidence = gathered(log, rows, own, contexts, forms, learning=made.learns, interval=interval, seed=seed)
    judged, taken = judges_word(log, base, np.isin(np.arange(len(log)), rows)) if scored.quality else ({}, [])
    past = np.arange(split(log))
    learned = learned_from(log, cold_state(log, own), contexts, past)
    case = Case(log, own, contexts, tuple(forms), evidence, learned, seed)
    results = [yardstick(case)]
    for done, name in enumerate(names):
        told = _told(progress, done, len(names), len(log), name)
        policy = fitted_rule(log, name, learned, own, contexts, past) if name in FITTED else known[name]
        if isinstance(policy, str):
            results.append(Evaluated(name, "static", 0, len(log), refused=policy))
        else:
            results += answers(case, policy, told)
        told(len(log))
    return Evaluation(
        log={**_description(log, rows, made), **judged},
        weights=scored,
        estimators=case.estimators,
        interval=interval or ("sequence" if made.learns else "normal"),
        policies=tuple(results),
        notes=[*log.notes, *unrated, *unmetered, *unscored, *taken, *remarks(log, own, evidence, results)],
    )


def _told(progress: Progress | None, done: int, policies: int, rows: int, name: str) -> Callable[[int], None]:
    """What tells the progress how many rows one policy has behind it."""

    def told(row: int) -> None:
        if progress:
            progress(done * rows + row, policies * rows, name)

    return told


def _default_policies(log: DecisionLog, own: Settings) -> list[str]:
    """The learner, the rules that need nothing but models, prices and priors, and those fitted to the log."""
    told = [name for name in BY_REPUTE if groundless(get_policy(name, own), own.models) is None]
    return ["thompson", *FITTED, "random", *told, *(f"fixed:{model}" for model in log.models)]


def _policy(name: str, own: Settings, base: Settings, prompts: bool) -> Policy | str:
    """The policy, or why this log cannot score it. Raises ConfigError for what is no policy at all."""
    try:
        policy = get_policy(name, own)
    except ConfigError:
        if not base.models:
            raise  # and names those of the log
        get_policy(name, base)  # raises, unless the model is known and only the log lacks it
        return (
            f"it asks for a model that the log does not have (it has {some(m.id for m in own.models)}). It "
            "takes a log in which that model was tried."
        )
    if chained(policy):
        return (
            "it may ask several models before it answers, and a logged decision is one step. Replay it on a "
            "log with a row for every model of every request: banditroute simulate."
        )
    if limited(policy):
        return (
            "what it may spend depends on what it has spent itself, which other decisions than its own do "
            "not tell. Leave usd_per_day out, or replay it on a log with a row for every model of every "
            "request: banditroute simulate."
        )
    if (lacks := groundless(policy, own.models)) is not None:
        return (
            f"{lacks}. Name the column of the costs with --columns usd=COLUMN, or declare prices and "
            "prior_quality of models with --config."
        )
    if not prompts and needs_prompts(policy):
        return "it reads the prompts, and the log has none. Name their column with --columns prompt=COLUMN."
    return policy


def _description(log: DecisionLog, rows: Ints, made: Maker) -> dict[str, Any]:
    assert log.propensity is not None
    return {
        "requests": len(log),
        "with_feedback": len(rows),
        "models": len(log.models),
        "classes": len(log.classes),
        "kind": log.kind,
        "order": "ids" if log.at is None else "time",
        "logged_by": made.by,
        "since": made.since,
        "min_propensity": float(log.propensity.min()),
    }
