"""What holds whatever the policy wants: guardrails, caps on trials, and the price of exploring.

Two places around a policy's choice. Before it, a class whose guardrail was broken is left to its baseline.
After it, the pmf is bounded (`caps`), by the rules of `trials` where the policy learns and by the share that
a guarded baseline keeps in any case; the receipt names what was used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Bools, Choice, Floats, Policy, Slate
from banditroute.core.memo import by_identity
from banditroute.core.state import QUALITY, State, scale_at
from banditroute.core.steering.caps import Group, capped, greedy, kept
from banditroute.core.steering.guardrails import Guard, broken
from banditroute.core.steering.trials import (
    EXPLORED,
    encouraged,
    exploration_usd,
    is_confirmed,
    newcomer_cap,
    scores_heard,
)
from banditroute.types import Context, Exclusion, Preferences

Excluded = list[tuple[Exclusion, ...]]


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a configuration asks for: of newcomers, of tiers (name, share, places of their models), and which
    models are of no such tier; `anything` if it asks for any bound."""

    newcomers: bool
    tiers: tuple[tuple[str, float, tuple[int, ...]], ...]
    outside: frozenset[int]
    anything: bool
    eager: float = 0.0


@by_identity
def _terms(settings: Settings) -> _Terms:
    trial, models = settings.trial, settings.models
    newcomers = trial.max_share < 1.0 or not math.isinf(trial.usd_per_day)
    tiers = tuple(
        (tier, share, tuple(a for a, model in enumerate(models) if model.tier == tier))
        for tier, share in trial.tier_shares.items()
        if share < 1.0
    )
    outside = frozenset(range(len(models))).difference(*(places for _, _, places in tiers))
    explores = settings.budget.exploration_usd_per_day is not None
    anything = bool(settings.guardrails or newcomers or tiers or explores or trial.eager)
    return _Terms(newcomers, tiers, outside, anything, trial.eager)


def explored(
    choice: Choice, policy: Policy, slate: Slate, state: State, preferences: Sequence[Preferences]
) -> Choice:
    """A choice under no bound, with what exploring costs on each request in its receipt."""
    of, pace = choice.variants_of, state.watch.pace
    cost = [math.nan] * len(preferences)
    for row, (pmf, wanted) in enumerate(zip(choice.pmf.tolist(), preferences, strict=True)):
        if max(pmf) < 1.0 and (policy.learns if of is None else of.learns[of.assigned[row]]):
            mean, usd = slate.mean[row].tolist(), slate.usd[row].tolist()
            rate = (wanted.weights if pace is None else pace.weights(wanted.weights)).usd
            best = greedy(mean, np.flatnonzero(slate.eligible[row]).tolist())
            cost[row] = exploration_usd(pmf, best, mean, usd, rate)
    return replace(choice, row_parameters={**choice.row_parameters, EXPLORED: np.array(cost)})


def bounds_anything(settings: Settings) -> bool:
    """Whether a configuration asks for any bound; without, choices are left alone."""
    return _terms(settings).anything


def returned(
    state: State, contexts: Sequence[Context], times: Sequence[float], eligible: Bools, excluded: Excluded
) -> None:
    """Leaves classes whose promise was broken to their baseline: in `eligible` `(n, k)` and `excluded`, in
    place. Requests that the baseline may not serve, as where the caller forces a model, stay as they are."""
    for row, (context, at) in enumerate(zip(contexts, times, strict=True)):
        guard = _guard(state, context)
        if guard is None or not guard.binds(at):
            continue
        baseline = state.frame.model_index(guard.baseline)
        if baseline is None or not eligible[row, baseline]:
            continue
        others = [a for a in np.flatnonzero(eligible[row]).tolist() if a != baseline]
        eligible[row, others] = False
        detail = broken(guard)
        left_out = (Exclusion(state.models[a].id, "guardrail", detail) for a in others)
        excluded[row] = (*excluded[row], *left_out)


def bounded(
    choice: Choice,
    policy: Policy,
    slate: Slate,
    quality_sd: Floats,
    state: State,
    settings: Settings,
    times: Sequence[float],
    preferences: Sequence[Preferences],
) -> Choice:
    """The choice under every bound. `quality_sd` `(n, k)` is that of the expected quality, `times` and
    `preferences` are those of the n requests."""
    of, n = choice.variants_of, len(times)
    pmfs = choice.pmf[None].copy() if of is None else of.pmfs.copy()
    learns = [policy.learns] if of is None else of.learns.tolist()
    assigned = [0] * n if of is None else of.assigned.tolist()
    scores = _scores(state).tolist() if settings.trial != _NO_TRIAL else []
    used: dict[str, Floats] = {}
    for row, at in enumerate(times):
        bounds, named = _bounds(slate, row, quality_sd, state, settings, scores, at)
        for variant, on in enumerate(learns):
            pmfs[variant, row] = bounds.of(pmfs[variant, row].tolist(), on)
        if learns[assigned[row]]:
            drawn = pmfs[assigned[row], row].tolist()
            named |= _exploration(bounds, drawn, slate, row, state, preferences[row])
        else:
            named = {name: value for name, value in named.items() if name == _KEEPS}
        for name, value in named.items():
            used.setdefault(name, np.full(n, np.nan))[row] = value
    used = {**choice.row_parameters, **used}
    if of is None:
        return replace(choice, pmf=pmfs[0], row_parameters=used)
    of = replace(of, pmfs=pmfs)
    return replace(choice, pmf=of.pmf, marginal=of.marginal, row_parameters=used, variants_of=of)


_KEEPS = "baseline_share"
_NO_TRIAL = Settings().trial


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The bounds of one request: who may serve it, groups with their caps, the share that the model at a
    place keeps, and the pmf of taking the model believed best: it is used once the money for exploring is
    spent."""

    eligible: Sequence[int]
    groups: Sequence[Group]
    baseline: int | None
    least: float
    best: Sequence[float]
    spent: bool
    young: Sequence[int] = ()
    eager: float = 0.0

    def of(self, pmf: Sequence[float], learns: bool) -> Sequence[float]:
        """A pmf within them."""
        if learns:
            wanted = self.best if self.spent else encouraged(pmf, self.young, self.eager)
            pmf = capped(wanted, self.eligible, self.groups)
        return pmf if self.baseline is None else kept(pmf, self.baseline, self.least)


def _bounds(
    slate: Slate,
    row: int,
    quality_sd: Floats,
    state: State,
    settings: Settings,
    scores: Sequence[float],
    at: float,
) -> tuple[_Bounds, dict[str, float]]:
    """The bounds of a request, and their names in its receipt."""
    guard, terms = _guard(state, slate.contexts[row]), _terms(settings)
    own = None if guard is None else state.frame.model_index(guard.baseline)
    fit = np.flatnonzero(slate.eligible[row]).tolist()
    named: dict[str, float] = {}
    groups: list[Group] = []
    if terms.newcomers:
        groups += _newcomers(state, settings, scores, fit, own, at, named)
    if terms.tiers:
        margin = settings.trial.margin if guard is None else guard.margin
        groups += _unconfirmed(slate, row, quality_sd, settings, scores, fit, own, margin, named)
    young = _young(settings, scores, fit, own) if terms.eager else []
    if young:
        named["eager"] = terms.eager
    least = 0.0
    if guard is not None and own in fit:
        least = named[_KEEPS] = guard.min_share
    best = greedy(slate.mean[row].tolist(), fit)
    spent = _spent(state, settings, at)
    return _Bounds(fit, groups, own if least else None, least, best, spent, young, terms.eager), named


def _young(settings: Settings, scores: Sequence[float], fit: Sequence[int], own: int | None) -> list[int]:
    """The models with too few scores yet, where a known one may serve."""
    few = [a for a in fit if scores[a] < settings.trial.outcomes and a != own]
    return few if len(few) < len(fit) else []


def _newcomers(
    state: State,
    settings: Settings,
    scores: Sequence[float],
    fit: Sequence[int],
    own: int | None,
    at: float,
    named: dict[str, float],
) -> list[Group]:
    """Every model that is new beside a known one (or the baseline): that has less than a third of its
    scores. Where all are new, none is held back for the first that is less so."""
    trial, purse = settings.trial, state.watch.purse
    known = max((scores[a] for a in fit if scores[a] >= trial.outcomes), default=0.0)
    if own in fit:
        known = max(known, 3.0 * trial.outcomes)
    paid: Mapping[str, float] = {} if purse is None else purse.paid_on(at)
    groups: list[Group] = []
    for a in fit:
        name = settings.models[a].id
        settled = a == own or 3.0 * scores[a] >= known
        cap = 1.0 if settled else newcomer_cap(trial, scores[a], paid.get(name, 0.0))
        if cap < 1.0:
            named[f"cap.{name}"] = cap
            groups.append(((a,), cap))
    return groups


def _unconfirmed(
    slate: Slate,
    row: int,
    quality_sd: Floats,
    settings: Settings,
    scores: Sequence[float],
    fit: Sequence[int],
    own: int | None,
    margin: float,
    named: dict[str, float],
) -> list[Group]:
    """The models of each capped tier that are not confirmed against the baseline, or without one against the
    best of those in no such tier."""
    terms, trial = _terms(settings), settings.trial
    quality, sd = slate.quality[row].tolist(), quality_sd[row].tolist()
    others = [a for a in fit if a in terms.outside]
    reference = own if own is not None else max(others, key=quality.__getitem__, default=None)
    groups: list[Group] = []
    for tier, share, places in terms.tiers:
        held = tuple(
            a
            for a in places
            if a in fit
            and a != own
            and not (
                reference is not None
                and scores[a] >= trial.outcomes
                and is_confirmed(quality[a], sd[a], quality[reference], sd[reference], margin)
            )
        )
        if held:
            named[f"cap.tier.{tier}"] = share
            groups.append((held, share))
    return groups


def _exploration(
    bounds: _Bounds,
    drawn: Sequence[float],
    slate: Slate,
    row: int,
    state: State,
    wanted: Preferences,
) -> dict[str, float]:
    """What exploring costs on a request; shadow prices count as weights."""
    pace = state.watch.pace
    rate = (wanted.weights if pace is None else pace.weights(wanted.weights)).usd
    believed = bounds.of(bounds.best, True)
    cost = exploration_usd(drawn, believed, slate.mean[row].tolist(), slate.usd[row].tolist(), rate)
    return {EXPLORED: cost, "exploration_spent": 1.0} if bounds.spent else {EXPLORED: cost}


def _spent(state: State, settings: Settings, at: float) -> bool:
    """Whether nothing is left of the day's budget for exploring."""
    budget, purse = settings.budget.exploration_usd_per_day, state.watch.purse
    return budget is not None and purse is not None and purse.explored_on(at) >= budget


def _guard(state: State, context: Context) -> Guard | None:
    """The promise that holds for a request."""
    guards = state.watch.guards
    return None if guards is None else guards.of(context.request_class)


def _scores(state: State) -> Floats:
    """Scores `(k,)` that each model is known by, forgotten ones not counted, those of history included."""
    frame, total = state.frame, np.zeros(len(state.models))
    sums, past = state.stats[QUALITY], frame.past[QUALITY]
    if sums is not None:
        kept_of = scale_at(state.at, state.references[QUALITY], frame.half_lives[QUALITY])
        total = kept_of * scores_heard(sums.cells, frame.group)
    return total if past is None else total + scores_heard(past.cells, frame.group)
