"""The compiled path of a replay, for the policies that learn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import loop
from banditroute.core.base import Floats, Ints, Policy
from banditroute.core.decide import initial_state
from banditroute.core.features import TYPICAL_TOKENS
from banditroute.core.posterior import Posterior, SufficientStats, empty_stats, fit
from banditroute.core.propensity import NEGLIGIBLE
from banditroute.core.state import State, class_shares
from banditroute.offline.logs import Log
from banditroute.offline.order import request_seeds
from banditroute.policies.greedy import Greedy
from banditroute.policies.thompson import Thompson
from banditroute.types import FACTORS, Context, Weights

EXACT_REFITS = 20_000
"""Logs up to this many requests are refitted after every one, longer ones every so many that the
number of refits stays about the same."""


def replay_learning(
    log: Log,
    policy: Policy,
    settings: Settings,
    weights: Weights,
    order: Ints,
    seed: int,
    contexts: list[Context],
    refresh: int | None = None,
) -> tuple[Ints, State]:
    """Model indices chosen `(n,)`, in the order of `order`, and the state at the end.

    The state starts cold and knows the number of requests that remain. Raises TypeError for a
    policy that the compiled loop does not know.
    """
    if isinstance(policy, Thompson):
        rule, parameter = loop.THOMPSON, policy.floor
    elif isinstance(policy, Greedy):
        rule, parameter = loop.GREEDY, policy.epsilon
    else:
        raise TypeError(f"the compiled loop does not know the policy {policy.name}")
    state = initial_state(settings, factors=log_factors(log))
    frame = state.frame
    n, k = len(log), len(frame.models)
    x, cls = frame.layout.encode([contexts[i] for i in order])
    tokens = np.array([contexts[i].input_tokens or TYPICAL_TOKENS for i in order], np.float64)
    outcomes = np.full((5, n, k), math.nan)
    for f, name in enumerate(FACTORS):
        if frame.active[f]:
            outcomes[f] = getattr(log, name)[order]
    actions = np.empty(n, np.int64)
    hyper = np.array([(p.noise, p.center, float(p.logarithmic)) for p in frame.priors])
    declared = np.array([frame.declared_for(f) - frame.priors[f].center for f in range(5)])
    workspace = _workspace(state)
    refresh = refresh or max(1, n // EXACT_REFITS)
    loop.play(
        x, cls, outcomes, request_seeds(log, seed)[order], tokens, np.full(n, math.inf),
        np.ones((1, k), np.bool_), np.array(frame.active, np.float64), hyper, declared,
        frame.group, frame.prices,
        np.array([weights.quality, weights.usd, weights.second, weights.ttft_second], np.float64),
        rule, parameter, NEGLIGIBLE, -1.0 if policy.lookahead is None else policy.lookahead, float(n),
        refresh, *workspace, actions,
    )  # fmt: skip
    return actions, _state_of(state, workspace, n)


def log_factors(log: Log) -> tuple[str, ...]:
    """The factors that a log has outcomes for; nothing else can be learned from it."""
    return tuple(name for name in FACTORS if not np.isnan(getattr(log, name, np.array(math.nan))).all())


def _workspace(state: State) -> tuple[Floats, ...]:
    """Private, stacked copies `(5, …)` of a state's sums and fit, for the kernel to write to."""
    frame = state.frame
    k, c, d = len(frame.models), len(frame.layout.classes), frame.layout.size
    blank = empty_stats(k, c, d)
    stats = [blank if s is None else s for s in state.stats]
    fits = [p or fit(blank, frame.priors[f], frame.declared_for(f)) for f, p in enumerate(state.posterior)]
    return (
        np.stack([s.xx for s in stats]), np.stack([s.xy for s in stats]), np.stack([s.cells for s in stats]),
        np.stack([p.theta for p in fits]), np.stack([p.cov for p in fits]), np.stack([p.noise for p in fits]),
        np.stack([p.kappa for p in fits]), np.stack([p.smear for p in fits]),
    )  # fmt: skip


def _state_of(start: State, workspace: tuple[Floats, ...], seq: int) -> State:
    """The state that the kernel left in its arrays."""
    on = start.frame.active
    stats = tuple(SufficientStats(*(a[f] for a in workspace[:3])) if on[f] else None for f in range(5))
    fits = tuple(Posterior(*(a[f] for a in workspace[3:])) if on[f] else None for f in range(5))
    return replace(start, stats=stats, posterior=fits, class_shares=class_shares(start.frame, stats), seq=seq)
