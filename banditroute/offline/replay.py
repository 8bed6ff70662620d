"""Replay: a policy meets every request of a full-information log, and the log pays.

Three paths, one meaning. Policies that do not learn choose for all requests at once. Learners run
in the compiled loop (`banditroute.offline.learning`). `replay_reference` goes request by request
through the live `decide` and `learn`; it is the definition that the other two are held against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import choosing
from banditroute.core.base import Policy, Slate
from banditroute.core.decide import Request, decide, learn
from banditroute.core.state import State, initial_state
from banditroute.core.utility import outlook
from banditroute.offline.catalogue import contexts as contexts_of
from banditroute.offline.learning import EXACT_REFITS, log_factors, replay_learning
from banditroute.offline.logs import Ints, Log
from banditroute.offline.logtable import FACTORS
from banditroute.offline.order import decision_times, request_order, request_seeds
from banditroute.types import Context, Observation, Preferences, Weights

COMPILED = ("thompson", "greedy")
"""Learning policies that the compiled loop knows, by the first word of their names."""

READ_TEXT = ("complexity", "rules", "split")
"""Policies that may look at the prompt, likewise."""

BATCH = 16_384
"""Requests that a static policy is asked about at once; bounds the memory of a slate."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a policy chose: model indices `actions`, for the requests `order` of the log, both `(n,)`."""

    actions: Ints
    order: Ints


def reads_text(policy: Policy) -> bool:
    """Whether the policy may look at prompts, which are slow to score and to hand about."""
    return policy.name.partition(":")[0] in READ_TEXT


def replay(
    log: Log,
    policy: Policy,
    settings: Settings,
    weights: Weights,
    seed: int,
    contexts: list[Context] | None = None,
) -> Run:
    """One pass over the log. `settings` are the log's own (`catalogue.log_settings`).

    `contexts` spares making them again, where there are many runs.
    """
    order = request_order(log, seed)
    known = contexts if contexts is not None else contexts_of(log, settings, text=reads_text(policy))
    if not policy.learns:
        return Run(_choose_at_once(log, policy, settings, weights, seed, known)[order], order)
    if policy.name.partition(":")[0] in COMPILED and not settings.policy.half_life_days:
        return Run(replay_learning(log, policy, settings, weights, order, seed, known)[0], order)
    return replay_reference(log, policy, settings, weights, seed, known)


def replay_reference(
    log: Log, policy: Policy, settings: Settings, weights: Weights, seed: int, contexts: list[Context]
) -> Run:
    """The same pass through the live loop body: slow, and right by construction."""
    order = request_order(log, seed)
    seeds, times = request_seeds(log, seed), decision_times(log, order)
    index = {name: a for a, name in enumerate(log.models)}
    state = initial_state(settings, at=float(times[0]), factors=log_factors(log))
    preferences, refresh = Preferences(weights=weights), max(1, len(log) // EXACT_REFITS)
    actions = np.empty(len(log), dtype=np.int64)
    for position, i in enumerate(order.tolist()):
        at = float(times[position])
        request = Request(_decision_id(seed, i), at, int(seeds[i]), contexts[i], preferences)
        (decision,) = decide(state, [request], policy, settings, horizon=float(len(log) - position))
        a = actions[position] = index[decision.model]
        refit = (position + 1) % refresh == 0
        state = learn(state, _outcomes(log, contexts[i], i, a, at), seq=position + 1, at=at, refit=refit)
    return Run(actions, order)


def _outcomes(log: Log, context: Context, i: int, a: int, at: float) -> list[Observation]:
    """What the log says came of request i at model a."""
    return [
        Observation(context=context, model=log.models[a], factor=factor, value=value, decided_at=at)
        for factor in FACTORS
        if not np.isnan(value := float(getattr(log, factor)[i, a]))
    ]


def _choose_at_once(
    log: Log, policy: Policy, settings: Settings, weights: Weights, seed: int, contexts: list[Context]
) -> Ints:
    """The choices of a policy that does not learn, in the log's order: all by the state before any event."""
    state, seeds = initial_state(settings), request_seeds(log, seed)
    actions = np.empty(len(log), dtype=np.int64)
    for start in range(0, len(log), BATCH):
        part = range(start, min(start + BATCH, len(log)))
        choice = policy.choose(_slate(state, policy, weights, seed, part, contexts[start : part.stop]))
        for row, i in enumerate(part):
            u = choosing.uniform(seeds[i])
            if choice.draws is not None and not np.isnan(choice.draws[row]):
                u = choice.draws[row]
            actions[i] = choosing.draw(choice.pmf[row], u)
    return actions


def _slate(
    state: State, policy: Policy, weights: Weights, seed: int, part: range, contexts: list[Context]
) -> Slate:
    """The requests of `part` as `decide` would show them to the policy, every model eligible."""
    view = outlook(
        state,
        contexts,
        [Preferences(weights=weights)] * len(part),
        lookahead=policy.lookahead,
        horizon=float(len(part)),
    )
    return Slate(
        models=state.models,
        contexts=contexts,
        ids=[_decision_id(seed, i) for i in part],
        eligible=np.ones(view.mean.shape, dtype=np.bool_),
        mean=view.mean,
        sd=view.sd,
        quality=view.expected[0],
        usd=view.expected[2],
        seconds=view.expected[3],
    )


def _decision_id(seed: int, i: int) -> str:
    return f"{seed}-{i}"
