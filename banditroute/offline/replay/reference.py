"""A replay through the live `decide` and `learn`, request by request: slow, and right by construction.

It is the definition that the compiled loop is held against, and the path of learning policies that are
made of others, such as experiments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.core.decide import Request, decide, learn
from banditroute.core.state import State
from banditroute.offline.logs.cells import FACTORS
from banditroute.offline.logs.reading import Ints, Log
from banditroute.offline.replay.feedback import Feedback
from banditroute.offline.replay.learning import cold_state, refit_schedule
from banditroute.offline.replay.traffic import log_traffic
from banditroute.types import Context, Observation, Preferences, Weights


def replay_reference(
    log: Log,
    policy: Policy,
    settings: Settings,
    weights: Weights,
    seed: int,
    contexts: Sequence[Context],
    *,
    feedback: Feedback | None = None,
    half_lives: Mapping[str, float] | None = None,
) -> tuple[Ints, State]:
    """Model indices chosen `(n,)`, in the order of the seed, and the state at the end."""
    state = cold_state(log, settings, half_lives)
    traffic = log_traffic(log, state.frame.layout, seed, feedback)
    n, arrives, preferences = len(log), traffic.arrives, Preferences(weights=weights)
    lives = np.array(
        [life for life, on in zip(state.frame.half_lives, state.frame.active, strict=True) if on]
    )
    refits = refit_schedule(traffic.at, lives)
    learned: list[list[Observation]] = [[] for _ in range(n + 2)]
    actions = np.empty(n, dtype=np.int64)
    for t in range(n + 1):
        at = float(traffic.at[min(t, n - 1)])
        if t > 0:
            state = learn(state, learned[t], seq=t, at=at, refit=bool(refits[t]))
        if t == n:
            break
        i = int(traffic.order[t])
        request = Request(decision_id(seed, i), at, int(traffic.seeds[i]), contexts[i], preferences)
        (decision,) = decide(state, [request], policy, settings, horizon=float(n - t))
        a = actions[t] = log.models.index(decision.model)
        due = int(arrives[t, min(a, arrives.shape[1] - 1)]) if len(arrives) else t + 1
        for told in observed(log, contexts[i], i, int(a), at):
            position = due if told.factor == "quality" else t + 1
            if t < position <= n:
                learned[position].append(told)
    return actions, state


def observed(log: Log, context: Context, i: int, a: int, at: float) -> list[Observation]:
    """What the log says came of request i at model a."""
    return [
        Observation(context, log.models[a], factor, value, decided_at=at)
        for factor in FACTORS
        if not np.isnan(value := float(getattr(log, factor)[i, a]))
    ]


def decision_id(seed: int, i: int) -> str:
    """The id of request i of the log in a replay."""
    return f"{seed}-{i}"
