"""Experiments in live traffic: which one a request takes part in, and which ones run.

An experiment applies where the mode is live and the request names neither policy nor model; all others are
served as if there were none. Whether a unit takes part follows from its place on the line, the request's
class and the decision's time alone, so that starting, stopping and letting more in moves nobody: who comes
back finds the variant that he had.

Operators start and stop by control events; the last one about an experiment stands, over its configured
`running` and over restarts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from banditroute.config.experiments import Experiment
from banditroute.config.settings import Settings
from banditroute.core.decide import Request, State, decide
from banditroute.policies.experiments import LiveExperiment, live_experiment, place_of
from banditroute.store.controls import Control, Controls
from banditroute.types import Decision

Status = Literal["running", "stopped", "waiting", "over", "idle"]
"""`waiting` for its start or the first step of its ramp, `over` since its stop, `idle` where the mode is not
live, so that no experiment applies."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an experiment stands at a time: `entered` is the share of its range of units that takes part (would
    take part if it ran, where it is stopped or idle), `since` when an operator last started or stopped it."""

    experiment: Experiment
    status: Status
    entered: float
    since: float | None = None


class Experiments:
    """The experiments of a configuration, and those of them that run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._all = tuple(live_experiment(own, settings) for own in settings.experiments)
        self._running = self._named(running_in(settings.experiments, ()))

    def hear(self, controls: Controls) -> None:
        """Follows what operators have said until now."""
        self._running = self._named(running_in(self._settings.experiments, _said(controls)))

    def of(self, request: Request) -> LiveExperiment | None:
        """The experiment that a request takes part in."""
        running, context = self._running, request.context
        if not running or request.preferences.model is not None:
            return None
        place = place_of(unit_of(request))
        for live in running:
            if live.takes(context.request_class, place, request.at):
                return live
        return None

    def decide(self, state: State, requests: Sequence[Request], live: LiveExperiment) -> list[Decision]:
        """Decisions for requests that take part in one experiment, each by the policy of its variant."""
        policy = live.among([unit_of(request) for request in requests])
        decided = decide(state, requests, policy, self._settings)
        name, places = live.experiment.name, policy.assigned.tolist()
        return [
            structs.replace(decision, experiment=name, policy=live.split.variants[place].policy.name)
            for decision, place in zip(decided, places, strict=True)
        ]

    def _named(self, names: Collection[str]) -> tuple[LiveExperiment, ...]:
        return tuple(live for live in self._all if live.experiment.name in names)


def experiments_of(settings: Settings) -> Experiments | None:
    """The experiments that apply under the configured mode; None where there are none."""
    return Experiments(settings) if settings.experiments and settings.policy.mode == "live" else None


def unit_of(request: Request) -> str:
    """Whom an experiment goes by: the unit, and without one the request itself, all its attempts alike."""
    return request.context.unit or request.root_id or request.id


def running_in(experiments: Iterable[Experiment], events: Iterable[Control]) -> frozenset[str]:
    """The names of those that run, after control events in their order."""
    runs = {own.name: own.running for own in experiments}
    runs.update((event.subject, bool(event.body["running"])) for event in events if event.subject in runs)
    return frozenset(name for name, on in runs.items() if on)


def standings(settings: Settings, controls: Controls, at: float) -> list[Standing]:
    """How every configured experiment stands at a time, as a service that reads these controls takes it."""
    events = _said(controls)
    running = running_in(settings.experiments, events)
    since = {event.subject: event.at for event in events}
    return [
        Standing(own, _status(own, settings, own.name in running, at), own.entered(at), since.get(own.name))
        for own in settings.experiments
    ]


def _status(own: Experiment, settings: Settings, runs: bool, at: float) -> Status:
    if at >= own.ends:
        return "over"
    if not runs:
        return "stopped"
    if settings.policy.mode != "live":
        return "idle"
    return "waiting" if own.entered(at) == 0.0 else "running"


def _said(controls: Controls) -> tuple[Control, ...]:
    return controls.after(0, "experiment")
