"""`decide` and `learn`: the one loop body. The only places where a choice is made and a posterior moves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import choosing, kernels
from banditroute.core.base import Bools, Choice, Floats, Policy, Slate
from banditroute.core.eligibility import eligible_models
from banditroute.core.features import TYPICAL_TOKENS
from banditroute.core.posterior import decision_weight, reference_for
from banditroute.core.spending import spend, spent_on
from banditroute.core.state import (
    QUALITY,
    SECONDS,
    TOKENS,
    TTFT,
    USD,
    Frame,
    State,
    class_shares,
    initial_state,
    refitted,
    scale_at,
)
from banditroute.core.utility import Outlook, outlook
from banditroute.errors import NoEligibleModel
from banditroute.types import FACTORS, Candidate, Context, Decision, Exclusion, Observation, Preferences

__all__ = ["Request", "State", "decide", "initial_state", "learn"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the core sees it: ids, clock and randomness are handed in by the shell."""

    id: str
    at: float
    seed: int
    context: Context
    preferences: Preferences = Preferences()
    root_id: str | None = None
    attempt: int = 1
    mode: str = "live"
    params: Mapping[str, object] = field(default_factory=dict)


def decide(
    state: State,
    requests: Sequence[Request],
    policy: Policy,
    settings: Settings,
    *,
    masked: frozenset[str] = frozenset(),
    horizon: float | None = None,
) -> list[Decision]:
    """Chooses a model for every request, each independently, all by the same state.

    `masked` models may not be chosen (an open breaker). `horizon` is the number of requests still
    to come, the configured one when unknown. Raises NoEligibleModel, with every reason, for the
    first request that no model may serve.
    """
    contexts = [r.context for r in requests]
    preferences = [r.preferences for r in requests]
    ahead = float(settings.policy.horizon if horizon is None else horizon)
    view = outlook(state, contexts, preferences, lookahead=policy.lookahead, horizon=ahead)
    limits = [r.preferences.limits for r in requests]
    eligible, excluded, matched = eligible_models(
        state.models,
        contexts,
        preferences,
        usd=view.usd_limit,
        seconds_p95=_wait(state, view, SECONDS, any(own.max_seconds is not None for own in limits)),
        ttft_p95=_wait(state, view, TTFT, any(own.max_ttft_seconds is not None for own in limits)),
        quality_mean=view.expected[QUALITY],
        quality_sd=_doubt(state, view, any(own.min_quality is not None for own in limits)),
        rules=settings.rules, masked=masked, classify=settings.classify,
        min_quality_probability=settings.policy.min_quality_probability,
    )  # fmt: skip
    for row, reasons in enumerate(excluded):
        if not eligible[row].any():
            raise NoEligibleModel(_none_left(reasons), excluded=reasons)
    slate = Slate(
        state.models, contexts, [r.id for r in requests], eligible,
        view.mean, view.sd, view.expected[0], view.expected[2], view.expected[3],
        np.array([spent_on(state.spending, r.at) for r in requests]),
    )  # fmt: skip
    choice = policy.choose(slate)
    return [
        _decision(
            state,
            request,
            row,
            policy,
            choice,
            view,
            eligible[row],
            excluded[row],
            None if (rule := matched[row]) is None else settings.rules[rule].reason,
        )
        for row, request in enumerate(requests)
    ]


def _wait(state: State, view: Outlook, factor: int, limited: bool) -> Floats:
    """The wait that limits are held against: a model never heard of passes, or it would never be."""
    if not limited:
        return view.mean
    return np.where(state.heard_of(factor), view.p95(factor), 0.0)


def _doubt(state: State, view: Outlook, limited: bool) -> Floats:
    """The sd that `min_quality` is judged with: without bound for a model without any score, so that a
    floor cannot empty a cold pool."""
    return np.where(state.heard_of(QUALITY), view.quality_sd, np.inf) if limited else view.quality_sd


def _none_left(excluded: Sequence[Exclusion]) -> str:
    reasons = "; ".join(f"{e.model}: {e.detail}" for e in excluded)
    return f"No model may serve this request. Loosen a limit or add a model. {reasons}"


def _decision(
    state: State,
    request: Request,
    row: int,
    policy: Policy,
    choice: Choice,
    view: Outlook,
    eligible: Bools,
    excluded: tuple[Exclusion, ...],
    rule: str | None,
) -> Decision:
    """Draws from the pmf and writes the receipt."""
    forced = request.preferences.model is not None
    pmf = np.ascontiguousarray(choice.pmf[row])
    u = choosing.uniform(np.uint64(request.seed))
    if choice.draws is not None and not math.isnan(choice.draws[row]):
        u = float(choice.draws[row])
    chosen = choosing.draw(pmf, u)
    index = np.flatnonzero(eligible).tolist()
    propensity = pmf.tolist()
    quality, usd, seconds = (
        view.expected[0, row].tolist(),
        view.expected[2, row].tolist(),
        view.expected[3, row].tolist(),
    )
    mean, sd = view.mean[row].tolist(), view.sd[row].tolist()
    models = state.models
    others = sorted((a for a in index if a != chosen), key=lambda a: -mean[a])
    return Decision(
        id=request.id,
        at=request.at,
        context=request.context.without_text(),
        preferences=request.preferences,
        candidates=tuple(
            Candidate(models[a].id, propensity[a], quality[a], usd[a], seconds[a], mean[a], sd[a])
            for a in index
        ),
        excluded=excluded,
        model=models[chosen].id,
        propensity=propensity[chosen],
        policy=policy.name,
        seed=request.seed,
        draw=u,
        state_seq=state.seq,
        kind="caller" if forced else "drawn" if request.attempt == 1 else "fallback",
        variant=None if forced or choice.variants is None else choice.variants[row],
        variant_share=1.0 if forced or choice.shares is None else float(choice.shares[row]),
        marginal=None if forced or choice.marginal is None else float(choice.marginal[row, chosen]),
        rule=rule or _reason(choice, row, forced),
        parameters=_parameters(choice, row, float(view.looks[row])),
        fallbacks=tuple(models[a].id for a in others),
        root_id=request.root_id,
        attempt=request.attempt,
        mode=request.mode,
        params=request.params,
    )


def _parameters(choice: Choice, row: int, looks: float) -> Mapping[str, float]:
    """What the policy used for this request, as the receipt keeps it."""
    own = {
        name: value
        for name, values in choice.row_parameters.items()
        if not math.isnan(value := float(values[row]))
    }
    if not math.isinf(looks):
        own["looks"] = looks
    return {**choice.parameters, **own} if own else choice.parameters


def _reason(choice: Choice, row: int, forced: bool) -> str | None:
    """Why this model, in words, where a rule or the caller spoke and not the posterior."""
    if forced:
        return "forced by the caller"
    return None if choice.reasons is None else choice.reasons[row]


def learn(
    state: State, observations: Sequence[Observation], *, seq: int, at: float, refit: bool = True
) -> State:
    """Folds observations into a new state; `seq` is the last event they come from.

    The sums do not depend on the order or the batches in which observations arrive (but for the
    rounding of additions), and the fit is a function of the sums and `at`. With `refit=False` the
    variances are held and the coefficients follow by rank-one updates, which is cheaper and a
    cache: the next refit forgets it. Observations of models that are no longer configured, and of
    factors that nobody learns, are passed over: they say nothing about the others.
    """
    frame = state.frame
    at = max(at, state.at)
    references = tuple(reference_for(at, h) for h in frame.half_lives)
    stats, posterior = list(state.stats), list(state.posterior)
    for f, sums in enumerate(stats):
        if sums is not None and references[f] != state.references[f]:
            stats[f] = sums.scaled(scale_at(references[f], state.references[f], frame.half_lives[f]))
    contexts = {id(o.context): o.context for o in observations}  # outcomes of one decision share theirs
    place = {key: row for row, key in enumerate(contexts)}
    x, cls = frame.layout.encode(list(contexts.values()))
    heard: dict[int, list[tuple[int, int, float, float]]] = {}
    for o in observations:
        factor, value = _learned_as(frame, o)
        model = frame.model_index(o.model)
        if factor is None or model is None or stats[factor] is None:
            continue
        f = factor
        row = int(frame.group[model]) if f == QUALITY else model
        weight = o.weight * decision_weight(o.decided_at, references[f], frame.half_lives[f])
        heard.setdefault(f, []).append((row, place[id(o.context)], value, weight))
    for f, outcomes in heard.items():
        rows, places, values, weights = zip(*outcomes, strict=True)
        batch = (
            np.array(rows, np.int64), cls, x, np.array(places, np.int64), np.array(values, np.float64),
            np.array(weights, np.float64), frame.priors[f].center, float(frame.priors[f].logarithmic),
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
    spending = spend(state.spending, observations, state.models, frame.prices, at)
    if refit:
        return refitted(frame, tuple(stats), references, seq=seq, at=at, since=state, spending=spending)
    shares = class_shares(frame, tuple(stats)) if QUALITY in heard else state.class_shares
    stale = state.stale | frozenset(heard)
    return State(frame, tuple(stats), tuple(posterior), references, shares, seq, at, stale, spending)


def _learned_as(frame: Frame, o: Observation) -> tuple[int | None, float]:
    """The factor an observation teaches, and the value it counts as.

    The cost of a model with token prices is learned as output tokens; where only its USD are
    known, they are turned into the tokens they would have bought.
    """
    f = FACTORS.index(o.factor) if o.factor in FACTORS else None
    if f != USD:
        return f, o.value
    model = frame.model_index(o.model)
    if model is None or math.isnan(frame.prices[model, 1]):
        return f, o.value
    if o.metered or frame.prices[model, 1] <= 0.0:
        return None, o.value
    paid_in = frame.prices[model, 0] * (o.context.input_tokens or TYPICAL_TOKENS)
    tokens = (o.value - paid_in) / float(frame.prices[model, 1])
    return TOKENS, tokens if tokens > 0.5 else 0.0  # what rounding leaves of the input's price is no answer
