"""Playing a course as a service lives it: an event log that is folded from time to time.

Only here does a learner know who said what, hear judges, and keep budgets and guardrails: decisions are
made by `decide`, outcomes become events in the order in which they are reported, and the events are
folded by the very function that the service folds its log with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Ints, Policy
from banditroute.core.decide import Request, decide
from banditroute.core.state import State
from banditroute.offline.replay.order import request_seeds
from banditroute.offline.worlds.course import Course
from banditroute.offline.worlds.play import METERED, at_epoch
from banditroute.routing.follow import fold
from banditroute.store.base import Changes, Told
from banditroute.types import Context, Decision, Factor, Occasion, Outcome, Preferences, Source

INSTRUMENT = "judge/pointwise-1"
"""The one judge of a scenario, and its rubric."""


def play_live(
    course: Course,
    policy: Policy,
    settings: Settings,
    contexts: Sequence[Context],
    seed: int,
    state: State,
    *,
    every: int = 1,
) -> tuple[Ints, State]:
    """The choices `(n,)` of a policy whose log is folded after every so many requests, and what it knows at
    the end.

    Between two folds the state stands still, so what comes there is decided at once, as a batch. What meters
    and judges say is reported before the next request, what people say when they are due; a call that failed
    is an error, known at once.
    """
    log = course.log
    assert log.at is not None
    seeds, n = request_seeds(log, seed), len(log)
    prices = {first for first, _ in course.timeline.epochs}
    preferences = Preferences(weights=settings.reward.weights)
    masked: frozenset[str] = frozenset()
    events = _Events()
    actions = np.empty(n, np.int64)
    for first, last in itertools.pairwise(sorted({*range(0, n, every), *prices, n})):
        if first in prices:
            state, masked = at_epoch(state, settings, course, first)
        events.report(first, float(log.at[first]))
        if first % every == 0 and (news := events.page()) is not None:
            state = fold(state, news, settings)
        batch = [
            Request(f"{seed}-{t}", float(log.at[t]), int(seeds[t]), contexts[t], preferences)
            for t in range(first, last)
        ]
        for t, decision in enumerate(decide(state, batch, policy, settings, masked=masked), start=first):
            if t > first:
                events.report(t, float(log.at[t]))
            a = actions[t] = log.models.index(decision.model)
            events.decided(decision)
            for due, factor, value, source, who in _said(course, t, int(a)):
                events.expect(due, decision.id, factor, value, source, who)
    return actions, state


def _said(course: Course, t: int, a: int) -> Iterator[tuple[int, Factor, float, Source, str]]:
    """What is said of the answer of model a to request t: before which request, what, by whom."""
    speech = course.speech
    factor: Factor
    for factor in METERED:
        value = float(getattr(course.log, factor)[t, a])
        if not math.isnan(value):
            yield t + 1, factor, value, "meter", ""
    if course.failed[t, a]:
        yield t + 1, "error", 1.0, "meter", ""
    elif not math.isnan(score := float(speech.heard[t, a])):
        yield int(speech.told[t, a]), "quality", score, "user", f"principal-{speech.speaker[t]}"
    if not math.isnan(verdict := float(speech.judged[t, a])):
        yield t + 1, "quality", verdict, "judge", INSTRUMENT


@dataclass(slots=True)
class _Events:
    """An event log in memory, as far as a fold reads it."""

    seq: int = 0
    occasions: dict[str, Occasion] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    waiting: dict[int, list[tuple[str, Factor, float, Source, str]]] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)

    def decided(self, decision: Decision) -> None:
        """Keeps what a fold needs of a decision."""
        self.occasions[decision.id] = Occasion(
            decision.id, decision.at, decision.context, decision.model, decision.kind, decision.attempt,
            decision.propensity, decision.candidates, decision.parameters,
        )  # fmt: skip
        self.outcomes[decision.id] = []

    def expect(self, due: int, decision: str, factor: Factor, value: float, source: Source, who: str) -> None:
        """Puts by what is reported before request `due`."""
        self.waiting.setdefault(due, []).append((decision, factor, value, source, who))

    def report(self, t: int, at: float) -> None:
        """Appends what is reported before request t."""
        for decision, factor, value, source, who in self.waiting.pop(t, []):
            self.seq += 1
            principal, rater = (who, "") if source == "user" else ("", who)
            self.outcomes[decision].append(
                Outcome(decision, factor, value, source, self.seq, at, rater, principal)
            )
            self.touched[decision] = None

    def page(self) -> Changes | None:
        """What was appended since the last page."""
        if not self.touched:
            return None
        records = tuple(Told(self.occasions[own], tuple(self.outcomes[own])) for own in self.touched)
        self.touched.clear()
        return Changes(self.seq, records)
