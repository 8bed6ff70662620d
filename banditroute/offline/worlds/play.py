"""Playing a course: every policy meets the same requests, prices, outages and luck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core import choosing
from banditroute.core.base import Floats, Ints, Policy, Slate
from banditroute.core.decide import Request, decide, learn
from banditroute.core.state import QUALITY, State, initial_state
from banditroute.core.utility import outlook
from banditroute.offline.replay.learning import play
from banditroute.offline.replay.order import request_seeds
from banditroute.offline.replay.traffic import Traffic, log_factors, log_traffic
from banditroute.offline.worlds.course import Course
from banditroute.policies import get_policy
from banditroute.policies.greedy import Greedy
from banditroute.policies.thompson import Thompson
from banditroute.types import Context, Factor, Model, Observation, Preferences

METERED: tuple[Factor, ...] = ("usd", "seconds", "output_tokens")
"""What an application measures itself, whoever scores the answers."""


@dataclass(frozen=True, slots=True)
class Path:
    """What one policy did under one seed, `(n,)` each: the class of the request, the model chosen, what
    it earned, how much less that was than the best model of the class earned there, and what it cost;
    `believed` is the quality that a learner would expect of those very answers at the end, NaN of who
    learns nothing."""

    request_class: Ints
    actions: Ints
    reward: Floats
    regret: Floats
    quality: Floats
    usd: Floats
    seconds: Floats
    believed: Floats


def path_of(course: Course, actions: Ints, believed: Floats | None = None) -> Path:
    """What the choices came to."""
    rows = np.arange(len(actions))
    log, reward = course.log, course.reward[rows, actions]
    return Path(
        log.class_index,
        actions,
        reward,
        course.reward[rows, course.best] - reward,
        log.quality[rows, actions],
        log.usd[rows, actions],
        log.seconds[rows, actions],
        np.full(len(rows), math.nan) if believed is None else believed,
    )


def believed_of(state: State, contexts: Sequence[Context], actions: Ints) -> Floats:
    """The quality `(n,)` that a state expects of what was chosen."""
    plain = [Preferences()] * len(contexts)
    view = outlook(state, contexts, plain, lookahead=None, horizon=1.0)
    expected: Floats = view.expected[QUALITY][np.arange(len(actions)), actions]
    return expected


def rule_slates(
    course: Course, settings: Settings, contexts: Sequence[Context], seed: int
) -> list[tuple[Settings, Slate]]:
    """What rules see, epoch by epoch: today's prices, the models of today, nothing learned."""
    found = []
    for first, last in course.timeline.epochs:
        now = at_prices(settings, course, first)
        view = outlook(
            initial_state(now),
            contexts[first:last],
            [Preferences(weights=now.reward.weights)] * (last - first),
            lookahead=None,
            horizon=float(now.policy.horizon),
        )
        slate = Slate(
            models=now.models,
            contexts=contexts[first:last],
            ids=[f"{seed}-{t}" for t in range(first, last)],
            eligible=course.timeline.available[first:last],
            mean=view.mean,
            sd=view.sd,
            quality=view.expected[0],
            usd=view.expected[2],
            seconds=view.expected[3],
        )
        found.append((now, slate))
    return found


def play_static(course: Course, spec: str, slates: Sequence[tuple[Settings, Slate]], seed: int) -> Ints:
    """The choices `(n,)` of a rule."""
    draws = [choosing.uniform(own) for own in request_seeds(course.log, seed)]
    actions: list[int] = []
    for now, slate in slates:
        choice = get_policy(spec, now).choose(slate)
        for row in range(len(slate.ids)):
            u = draws[len(actions)]
            if choice.draws is not None and not math.isnan(choice.draws[row]):
                u = float(choice.draws[row])
            actions.append(choosing.draw(np.ascontiguousarray(choice.pmf[row]), u))
    return np.array(actions, np.int64)


def start_state(course: Course, settings: Settings) -> State:
    """What a learner knows before the first request."""
    assert course.log.at is not None
    start = at_prices(settings, course, 0)
    return initial_state(start, at=float(course.log.at[0]), factors=log_factors(course.log))


def play_learner(
    course: Course, policy: Policy, settings: Settings, contexts: Sequence[Context], seed: int, state: State
) -> tuple[Ints, State]:
    """The choices `(n,)` of a policy that learns, and what it knows at the end.

    Metered facts are learned before the next request, scores when they are told. The horizon is the
    configured one, as in a service: nobody knows when traffic ends. Policies that the compiled loop does
    not know go through the live `decide` and `learn`, with the same result but slowly.
    """
    if isinstance(policy, Thompson | Greedy):
        ahead = np.full(len(course.log), float(settings.policy.horizon))
        traffic = course_traffic(course, settings, state, seed)
        return play(traffic, state, policy, settings.reward.weights, ahead=ahead)
    return play_reference(course, policy, settings, contexts, seed, state)


def course_traffic(course: Course, settings: Settings, state: State, seed: int) -> Traffic:
    """The course as the compiled loop meets it."""
    log, n = course.log, len(course.log)
    plain = log_traffic(log, state.frame.layout, seed)
    epoch = np.zeros(n, np.int64)
    for place, (first, last) in enumerate(course.timeline.epochs):
        epoch[first:last] = place
    tables = [_prices(at_prices(settings, course, first).models) for first, _ in course.timeline.epochs]
    return replace(
        plain,
        outcomes={**plain.outcomes, "quality": course.speech.heard},
        eligible=course.timeline.available,
        epoch=epoch,
        prices=np.stack(tables),
        arrives=np.where(course.speech.told <= n, course.speech.told, -1).astype(np.int32),
    )


def play_reference(
    course: Course, policy: Policy, settings: Settings, contexts: Sequence[Context], seed: int, state: State
) -> tuple[Ints, State]:
    """The definition that the compiled loop is held against: the live `decide` and `learn`."""
    log = course.log
    assert log.at is not None
    seeds, n = request_seeds(log, seed), len(log)
    forgets = any(not math.isinf(h) for h in state.frame.half_lives)
    prices = {first for first, _ in course.timeline.epochs}
    waiting: dict[int, list[Observation]] = {}
    actions = np.empty(n, np.int64)
    preferences = Preferences(weights=settings.reward.weights)
    masked: frozenset[str] = frozenset()
    for t in range(n):
        at = float(log.at[t])
        if t in prices:
            state, masked = at_epoch(state, settings, course, t)
        news = waiting.pop(t, [])
        if news or forgets:
            state = learn(state, news, seq=t, at=at)
        request = Request(f"{seed}-{t}", at, int(seeds[t]), contexts[t], preferences)
        (decision,) = decide(state, [request], policy, settings, masked=masked)
        a = actions[t] = log.models.index(decision.model)
        for factor in METERED:
            _note(waiting, t + 1, contexts[t], decision.model, factor, float(getattr(log, factor)[t, a]), at)
        told = int(course.speech.told[t, a])
        _note(waiting, told, contexts[t], decision.model, "quality", float(course.speech.heard[t, a]), at)
    return actions, state


def at_epoch(state: State, settings: Settings, course: Course, t: int) -> tuple[State, frozenset[str]]:
    """The state with the list prices of request t, and the models that are away then."""
    priced = at_prices(settings, course, t).models
    here = course.timeline.available[t]
    away = frozenset(name for a, name in enumerate(course.log.models) if not here[a])
    return replace(state, frame=replace(state.frame, models=priced, prices=_prices(priced))), away


def at_prices(settings: Settings, course: Course, t: int) -> Settings:
    """The settings with the list prices of request t."""
    times = course.timeline.usd[t]
    return replace(
        settings,
        models=tuple(_at(model, float(by)) for model, by in zip(settings.models, times, strict=True)),
    )


def _at(model: Model, by: float) -> Model:
    def scaled(usd: float | None) -> float | None:
        return None if usd is None else usd * by

    return replace(
        model,
        usd_per_input_token=scaled(model.usd_per_input_token),
        usd_per_output_token=scaled(model.usd_per_output_token),
        usd_per_request=scaled(model.usd_per_request),
    )


def _prices(models: Sequence[Model]) -> Floats:
    pairs = [(m.usd_per_input_token, m.usd_per_output_token) for m in models]
    return np.array([[math.nan if usd is None else usd for usd in pair] for pair in pairs])


def _note(
    waiting: dict[int, list[Observation]],
    due: int,
    context: Context,
    model: str,
    factor: Factor,
    value: float,
    at: float,
) -> None:
    """Puts by what is learned before request `due`; what nobody says is not learned."""
    if not math.isnan(value):
        own = Observation(context, model, factor, value, at, metered=True, billed=True)
        waiting.setdefault(due, []).append(own)
