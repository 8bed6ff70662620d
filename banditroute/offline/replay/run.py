"""Replay: a policy meets every request of a full-information log, and the log pays.

Three paths, one meaning. Policies that do not learn choose for all requests at once. Learners run
in the compiled loop (`offline.learning`). `offline.reference` goes request by request through the live
`decide` and `learn`; it is the definition that the other two are held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import choosing
from banditroute.core.base import Policy, Slate
from banditroute.core.state import State
from banditroute.core.steering.bounds import bounds_anything
from banditroute.core.utility import foresee
from banditroute.offline.logs.reading import Ints, Log
from banditroute.offline.replay.catalogue import contexts as contexts_of
from banditroute.offline.replay.chain import Chain, play_chain
from banditroute.offline.replay.feedback import Feedback
from banditroute.offline.replay.learning import cold_state, replay_learning
from banditroute.offline.replay.order import request_order, request_seeds
from banditroute.offline.replay.reference import decision_id, replay_reference
from banditroute.offline.replay.traffic import encode
from banditroute.policies.budget import Budget
from banditroute.policies.cascade import Cascade
from banditroute.types import Context, Weights

COMPILED = ("thompson", "greedy")
"""Learning policies that the compiled loop knows, by the first word of their names; and budgets, where
nothing of the configuration binds their choices."""

READ_TEXT = ("complexity", "rules", "split")
"""Policies that may look at the prompt, likewise."""

BATCH = 16_384
"""Requests that a static policy is asked about at once; bounds the memory of a slate."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a policy chose: model indices `actions`, for the requests `order` of the log, both `(n,)`.

    A cascade's `actions` are whose answer was used; what it asked and paid on the way is its `chain`, in
    the same order.
    """

    actions: Ints
    order: Ints
    chain: Chain | None = None


def reads_text(policy: Policy) -> bool:
    """Whether the policy may look at prompts, which are slow to score and to hand about."""
    return policy.name.partition(":")[0] in READ_TEXT


def replay(
    log: Log,
    policy: Policy,
    settings: Settings,
    weights: Weights,
    seed: int,
    contexts: Sequence[Context] | None = None,
    *,
    feedback: Feedback | None = None,
    half_lives: Mapping[str, float] | None = None,
) -> Run:
    """One pass over the log. `settings` are the log's own (`catalogue.log_settings`).

    `contexts` spares making them again, where there are many runs. `feedback` says what learners are
    told and when, `half_lives` how fast they forget (`learning.cold_state`).
    """
    order = request_order(log, seed)
    if isinstance(policy, Cascade):
        chain = play_chain(log, policy, seed).in_order(order)
        return Run(chain.actions, order, chain)
    unbound = isinstance(policy, Budget) and not bounds_anything(settings)
    if unbound or policy.name.partition(":")[0] in COMPILED:
        told = replay_learning(log, policy, settings, weights, seed, feedback=feedback, half_lives=half_lives)
        return Run(told[0], order)
    known = contexts if contexts is not None else contexts_of(log, settings, text=reads_text(policy))
    if not policy.learns:
        return Run(_choose_at_once(log, policy, settings, weights, seed, known)[order], order)
    live = replay_reference(
        log, policy, settings, weights, seed, known, feedback=feedback, half_lives=half_lives
    )
    return Run(live[0], order)


def _choose_at_once(
    log: Log, policy: Policy, settings: Settings, weights: Weights, seed: int, contexts: Sequence[Context]
) -> Ints:
    """The choices of a policy that does not learn, in the log's order: all by the state before any event."""
    state, seeds = cold_state(log, settings), request_seeds(log, seed)
    actions = np.empty(len(log), dtype=np.int64)
    for start in range(0, len(log), BATCH):
        part = slice(start, min(start + BATCH, len(log)))
        choice = policy.choose(_slate(state, policy, log, weights, seed, part, contexts[part]))
        draws = np.full(part.stop - start, np.nan) if choice.draws is None else choice.draws
        choosing.draw_rows(np.ascontiguousarray(choice.pmf), seeds[part], draws, actions[part])
    return actions


def _slate(
    state: State,
    policy: Policy,
    log: Log,
    weights: Weights,
    seed: int,
    part: slice,
    contexts: Sequence[Context],
) -> Slate:
    """The requests of `part` as `decide` would show them to the policy, every model eligible."""
    x, cls, tokens = encode(log, state.frame.layout, part)
    rates = np.array([weights.quality, weights.usd, weights.second, weights.ttft_second])
    n = len(x)
    view = foresee(
        state, x, cls, tokens, np.full(n, np.inf), np.tile(rates, (n, 1)),
        lookahead=policy.lookahead, horizon=float(n),
    )  # fmt: skip
    return Slate(
        models=state.models,
        contexts=contexts,
        ids=[decision_id(seed, i) for i in range(part.start, part.stop)],
        eligible=np.ones(view.mean.shape, dtype=np.bool_),
        mean=view.mean,
        sd=view.sd,
        quality=view.expected[0],
        usd=view.expected[2],
        seconds=view.expected[3],
    )
