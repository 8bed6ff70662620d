"""The compiled path of a replay, for the policies that learn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import loop
from banditroute.core.base import Bools, Floats, Ints, Policy
from banditroute.core.posterior import Posterior, SufficientStats, empty_stats, fit, reference_for
from banditroute.core.propensity import NEGLIGIBLE
from banditroute.core.state import State, class_shares, initial_state
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.feedback import Feedback
from banditroute.offline.replay.traffic import Traffic, log_factors, log_traffic
from banditroute.policies.budget import Budget
from banditroute.policies.greedy import Greedy
from banditroute.policies.order import by_price
from banditroute.policies.thompson import Thompson
from banditroute.types import FACTORS, Weights

EXACT_REFITS = 20_000
"""Up to this many requests everything is refitted after every one, and probabilities are exact."""

GROWTH = 1_000
"""In longer runs, a refit comes when the requests have grown by one in so many,"""

WANING = 100
"""and with forgetting no later than after one in so many of a half-life."""


def replay_learning(
    log: Log,
    policy: Policy,
    settings: Settings,
    weights: Weights,
    seed: int,
    *,
    feedback: Feedback | None = None,
    half_lives: Mapping[str, float] | None = None,
) -> tuple[Ints, State]:
    """Model indices chosen `(n,)`, in the order of the seed, and the state at the end.

    The state starts cold and knows the number of requests that remain. Raises TypeError for a
    policy that the compiled loop does not know.
    """
    state = cold_state(log, settings, half_lives)
    return play(log_traffic(log, state.frame.layout, seed, feedback), state, policy, weights)


def cold_state(log: Log, settings: Settings, half_lives: Mapping[str, float] | None = None) -> State:
    """The state before a log: only what the log has outcomes for is learned.

    `half_lives` by factor, in seconds, or in requests where the log has no times, stand for those of
    the settings; what they do not name is never forgotten. Those of the settings are times, and
    without meaning in a log that has none.
    """
    at = 0.0 if log.at is None else float(log.at[0])
    state = initial_state(settings, at=at, factors=log_factors(log))
    if half_lives is None and log.at is not None:
        return state
    lives = tuple((half_lives or {}).get(name, math.inf) for name in FACTORS)
    references = tuple(reference_for(at, life) for life in lives)
    return replace(state, frame=replace(state.frame, half_lives=lives), references=references)


def play(
    traffic: Traffic,
    state: State,
    policy: Policy,
    weights: Weights,
    *,
    ahead: Floats | None = None,
    refits: Bools | None = None,
    draw: bool | None = None,
) -> tuple[Ints, State]:
    """Plays a policy that learns, from `state` on; gives the choices `(n,)` by position, and the end.

    `ahead` `(n,)` are the requests that the policy believes to remain; by default it knows how many do.
    `refits` `(n + 1,)` says at which positions everything is refitted before choosing (by default as
    `refit_schedule` does). `draw` spares the propensities and draws one utility per model, which is the
    same law; by default in runs so long that they are not refitted every time. Raises TypeError for a
    policy that the compiled loop does not know.
    """
    n, frame = len(traffic), state.frame
    rule, parameter = _rule(policy, n > EXACT_REFITS if draw is None else draw)
    outcomes = tuple(_outcomes(traffic, frame.active[f], name) for f, name in enumerate(FACTORS))
    hyper = np.array([p.hyper for p in frame.priors])
    declared = np.array([frame.declared_for(f) - frame.priors[f].center for f in range(5)])
    half_lives = np.array(frame.half_lives)
    workspace = _workspace(state)
    references = np.array(state.references)
    actions = np.empty(n, np.int64)
    loop.play(
        traffic.order, traffic.x, traffic.cls, traffic.tokens, traffic.seeds, outcomes,
        traffic.at, traffic.eligible, traffic.epoch,
        frame.prices[None] if traffic.prices is None else traffic.prices, traffic.arrives,
        refit_schedule(traffic.at, half_lives[list(frame.active)]) if refits is None else refits,
        np.array(frame.active, np.float64), half_lives, hyper, declared, frame.group,
        np.array([weights.quality, weights.usd, weights.second, weights.ttft_second], np.float64),
        rule, parameter, NEGLIGIBLE, -1.0 if policy.lookahead is None else policy.lookahead,
        np.arange(n, 0, -1, dtype=np.float64) if ahead is None else ahead,
        _per_day(policy), by_price(state.models),
        *_past(state), *workspace, references, actions,
    )  # fmt: skip
    return actions, _state_of(state, workspace, references, traffic)


def refit_schedule(at: Floats, half_lives: Floats) -> Bools:
    """At which of the positions, and the end `(n + 1,)`, everything is refitted.

    At every one in short runs. In long ones whenever the requests have grown by a thousandth, or a
    hundredth of the shortest half-life has passed: without forgetting the number of refits grows with
    the logarithm of the requests. Between them coefficients follow by rank-one updates.
    """
    n = len(at)
    refits = np.ones(n + 1, np.bool_)
    if n <= EXACT_REFITS:
        return refits
    gap = max(float(at[-1] - at[0]) / (n - 1), 1e-300)
    patience = float(half_lives.min(initial=math.inf)) / gap / WANING
    refits[:] = False
    position = 0
    while position < n:
        refits[position] = True
        position += int(max(1.0, min(position / GROWTH, patience)))
    refits[n] = True
    return refits


def _rule(policy: Policy, draw: bool) -> tuple[int, float]:
    """How the loop knows a policy: its rule and that rule's parameter."""
    if isinstance(policy, Thompson):
        return loop.DRAW if draw else loop.THOMPSON, policy.floor
    if isinstance(policy, Greedy):
        return loop.GREEDY, policy.epsilon
    if isinstance(policy, Budget):
        return loop.BUDGET, policy.quality
    raise TypeError(f"the compiled loop does not know the policy {policy.name}")


def _per_day(policy: Policy) -> float:
    """USD that may be spent on a day."""
    limit = policy.usd_per_day if isinstance(policy, Budget) else None
    return math.inf if limit is None else limit


def _outcomes(traffic: Traffic, active: bool, name: str) -> Floats:
    """What is told of one factor `(rows, k)`; a table without content where nobody learns it."""
    if not active:
        return np.empty((0, traffic.eligible.shape[1]))
    return np.ascontiguousarray(traffic.outcomes[name])


def _workspace(state: State) -> tuple[Floats, ...]:
    """Private, stacked copies `(5, …)` of a state's sums and fit, for the kernel to write to."""
    frame = state.frame
    k, c, d = len(frame.models), len(frame.layout.classes), frame.layout.size
    blank = empty_stats(k, c, d)
    stats = [blank if s is None else s for s in state.stats]
    fits = [p or fit(blank, frame.priors[f], frame.declared_for(f)) for f, p in enumerate(state.posterior)]
    return (
        *_stacked(stats),
        np.stack([p.theta for p in fits]), np.stack([p.cov for p in fits]), np.stack([p.noise for p in fits]),
        np.stack([p.kappa for p in fits]), np.stack([p.smear for p in fits]),
    )  # fmt: skip


def _past(state: State) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """The sums of history, stacked `(5, …)`, what of their noise is a model's own, and their trust; without
    any, tables without content and 0."""
    past = state.frame.past
    k, c, d = len(state.frame.models), len(state.frame.layout.classes), state.frame.layout.size
    if all(sums is None for sums in past):
        empty = np.empty((0, k, d, d)), np.empty((0, k, d)), np.empty((0, k, c, 3))
        return *empty, np.ones((len(FACTORS), k)), np.zeros(len(FACTORS))
    blank = empty_stats(k, c, d)
    trust = [0.0 if past[f] is None else value for f, value in enumerate(state.frame.trust)]
    return *_stacked([blank if sums is None else sums for sums in past]), state.frame.own, np.array(trust)


def _stacked(stats: list[SufficientStats]) -> tuple[Floats, Floats, Floats]:
    return (
        np.stack([s.xx for s in stats]),
        np.stack([s.xy for s in stats]),
        np.stack([s.cells for s in stats]),
    )


def _state_of(start: State, workspace: tuple[Floats, ...], references: Floats, traffic: Traffic) -> State:
    """The state that the kernel left in its arrays."""
    on = start.frame.active
    stats = tuple(SufficientStats(*(a[f] for a in workspace[:3])) if on[f] else None for f in range(5))
    fits = tuple(Posterior(*(a[f] for a in workspace[3:])) if on[f] else None for f in range(5))
    return replace(
        start,
        stats=stats,
        posterior=fits,
        references=tuple(references.tolist()),
        class_shares=class_shares(start.frame, stats),
        seq=start.seq + len(traffic),
        at=float(traffic.at[-1]),
    )
