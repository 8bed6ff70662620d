"""One seed of a scenario laid out: what would come of every choice, what is best, what is told, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.oracles import rewards
from banditroute.offline.worlds.base import World
from banditroute.offline.worlds.scenario import DAY, Scenario
from banditroute.offline.worlds.timeline import Timeline, timeline
from banditroute.offline.worlds.told import Speech, speech
from banditroute.types import Weights
from banditroute.upstream.keyed import request_keys, subject_key, uniforms
from banditroute.upstream.simulated import Truth

_FAILS = 102  # beyond the streams of the worlds
CLOCK = ("hour_sin", "hour_cos")
"""Names of the features that tell the time of day, to learners who may know it."""


@dataclass(frozen=True, slots=True)
class Course:
    """n requests in time order, and k models; the same for every policy.

    `log` holds what really happens, events included; `reward` `(n, k)` what that is worth, `expected`
    `(n, k)` what the truth of class and moment makes of it, -inf where a model is away; `best` `(n,)` is
    its best model; `written` `(n,)` is who was best for the class when the traffic began, among those
    who are there: a rule written then with perfect knowledge and never changed. `heard` `(n, k)` is the
    quality that feedback tells, NaN where nobody does, and `told` `(n, k)` the request before which it is
    known, more than n where that is too late.
    """

    log: Log
    timeline: Timeline
    reward: Floats
    expected: Floats
    best: Ints
    written: Ints
    failed: Bools
    speech: Speech


def lay_out(scenario: Scenario, world: World, seed: int) -> Course:
    """The course of one seed. `world` holds the scenario's new models already (`inhabited`)."""
    names = tuple(model.id for model in world.models)
    line = timeline(scenario, names, world.classes, world.shares)
    drawn = world.draw(scenario.requests, seed, line.mix)
    keys = request_keys(seed, np.arange(scenario.requests))
    failed = np.stack(
        [uniforms(keys, subject_key(name), _FAILS) < line.failure[:, a] for a, name in enumerate(names)],
        axis=1,
    )
    log = replace(
        drawn,
        at=line.at,
        features={**drawn.features, **time_of_day(line.at)},
        quality=np.where(failed, 0.0, drawn.quality * line.quality),
        usd=np.where(failed, 0.0, drawn.usd * line.usd),
        seconds=drawn.seconds * line.seconds,
        output_tokens=np.where(failed, 0.0, drawn.output_tokens),
    )
    value = _value(world.truth(), line, log.class_index, scenario.weights)
    at_first = _value(world.truth(), _as_at_first(line), log.class_index, scenario.weights)
    return Course(
        log=log,
        timeline=line,
        reward=rewards(log, scenario.weights),
        expected=np.where(line.available, value, -np.inf),
        best=_first_there(value, line),
        written=_first_there(np.where(line.available[0], at_first, at_first - 1e9), line),
        failed=failed,
        speech=speech(scenario.feedback, scenario.principals, scenario.judging, log, failed, keys),
    )


def time_of_day(at: Floats) -> dict[str, Floats]:
    """The hour as a point on a circle: 23:59 is next to 0:00."""
    angle = 2 * np.pi * at / DAY
    return dict(zip(CLOCK, (np.sin(angle), np.cos(angle)), strict=True))


def all_heard(course: Course) -> Course:
    """The same course for a learner who is told every true score at once."""
    told = np.broadcast_to(np.arange(1, len(course.log) + 1)[:, None], course.log.quality.shape)
    return replace(course, speech=replace(course.speech, heard=course.log.quality, told=told))


def no_lies_heard(course: Course) -> Course:
    """The same course for a learner who is told what liars would say if they were honest."""
    return replace(course, speech=replace(course.speech, heard=course.speech.honest))


def inhabited(scenario: Scenario, world: World) -> World:
    """The world with the models that only the scenario knows."""
    for new in scenario.models:
        (twin,) = (model for model in world.models if model.id == new.like)
        world = world.with_model(replace(twin, id=new.id, prior_quality=new.prior_quality), new.like)
    return world


def _first_there(value: Floats, line: Timeline) -> Ints:
    best: Ints = np.where(line.available, value, -np.inf).argmax(axis=1)
    return best


def _as_at_first(line: Timeline) -> Timeline:
    """As if everything had stayed as it was at the first request."""
    shape = line.quality.shape
    quality, usd, seconds, failure = (
        np.broadcast_to(values[0], shape) for values in (line.quality, line.usd, line.seconds, line.failure)
    )
    return replace(line, quality=quality, usd=usd, seconds=seconds, failure=failure)


def _value(truth: Truth, line: Timeline, which: Ints, weights: Weights) -> Floats:
    """Expected utility `(n, k)` of each model for the class of each request, at its moment."""
    answered = 1.0 - line.failure
    parts = (
        (weights.quality, truth.quality, line.quality * answered),
        (-weights.usd, truth.usd, line.usd * answered),
        (-weights.second, truth.seconds, line.seconds),
    )
    total = np.zeros(line.quality.shape)
    for weight, mean, times in parts:
        if weight:
            total += weight * mean[:, which].T * times
    return total
