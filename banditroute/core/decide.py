"""`decide` and `learn`: the one loop body. The only places where a choice is made and a posterior moves.

`learn` is in `banditroute.core.learning`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import choosing
from banditroute.core.base import Bools, Choice, Floats, Policy, Slate
from banditroute.core.eligibility import eligible_models
from banditroute.core.learning import learn
from banditroute.core.spending import spent_on
from banditroute.core.state import (
    QUALITY,
    SECONDS,
    TTFT,
    State,
    initial_state,
)
from banditroute.core.steering.bounds import bounded, bounds_anything, explored, returned
from banditroute.core.steering.pacing import Pace
from banditroute.core.steering.sampling import Sampled, Sampling, sampled
from banditroute.core.utility import Outlook, outlook
from banditroute.errors import NoEligibleModel
from banditroute.types import Candidate, Context, Decision, Exclusion, Preferences

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
    sampling: Sampling | None = None
    principal: str = ""


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
        rules=settings.rules, masked=masked, barred=state.frame.barred, classify=settings.classify,
        min_quality_probability=settings.policy.min_quality_probability,
    )  # fmt: skip
    for row, reasons in enumerate(excluded):
        if not eligible[row].any():
            raise NoEligibleModel(_none_left(reasons), excluded=reasons)
    bound, times = bounds_anything(settings), [r.at for r in requests]
    if bound:
        returned(state, contexts, times, eligible, excluded)
    slate = Slate(
        state.models, contexts, [r.id for r in requests], eligible,
        view.mean, view.sd, view.expected[0], view.expected[2], view.expected[3],
        np.array([spent_on(state.spending, at) for at in times]),
    )  # fmt: skip
    choice = policy.choose(slate)
    if bound:
        choice = bounded(choice, policy, slate, view.quality_sd, state, settings, times, preferences)
    else:
        choice = explored(choice, policy, slate, state, preferences)
    return [
        _decision(
            state, request, row, policy, choice, view, eligible[row], excluded[row],
            None if (rule := matched[row]) is None else settings.rules[rule].reason,
        )
        for row, request in enumerate(requests)
    ]  # fmt: skip


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
    weight, group = request.preferences.weights.quality, int(state.frame.group[chosen])
    noise = None if request.sampling is None else _verdict_noise(state)
    judged = sampled(request.sampling, request.seed, view, row, chosen, others, weight, group, noise)
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
        parameters=_parameters(choice, row, float(view.looks[row]), state.watch.pace, judged),
        fallbacks=tuple(models[a].id for a in others),
        root_id=request.root_id,
        attempt=request.attempt,
        mode=request.mode,
        params=request.params,
        wants_response=judged.taken,
        judge_propensity=judged.propensity,
        audit=judged.audit,
        principal=request.principal,
    )


def _verdict_noise(state: State) -> float | None:
    return None if state.weighed is None else state.weighed.verdict_noise


def _parameters(
    choice: Choice, row: int, looks: float, pace: Pace | None, judged: Sampled
) -> Mapping[str, float]:
    """What was used for this request, as the receipt keeps it: the policy's, shadow prices, the sampling."""
    own = {
        name: value
        for name, values in choice.row_parameters.items()
        if not math.isnan(value := float(values[row]))
    }
    if not math.isinf(looks):
        own["looks"] = looks
    if pace is not None:
        own["shadow_usd"], own["shadow_second"] = pace.usd.price, pace.seconds.price
    own.update(judged.parameters)
    return {**choice.parameters, **own} if own else choice.parameters


def _reason(choice: Choice, row: int, forced: bool) -> str | None:
    """Why this model, in words, where a rule or the caller spoke and not the posterior."""
    if forced:
        return "forced by the caller"
    return None if choice.reasons is None else choice.reasons[row]
