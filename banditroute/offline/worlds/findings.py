"""What a scenario showed, as data: every policy over all seeds, before and after each event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from banditroute.core.base import Floats
from banditroute.offline.simulation.findings import interval, spread
from banditroute.offline.worlds.play import Path
from banditroute.offline.worlds.scenario import Scenario

REGRET_AGAINST = "per_class_best"
WINDOW = 100
"""Requests over which a share is taken."""

SETTLED = 300
"""Requests after which a change must have been answered, for the share that is shown."""

WORTH_TELLING = 0.05
"""A share that ought to move by less has nowhere to recover to."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of requests, `first` to before `last`; `label` says what began it.

    `moves_watched`: the event was about the model that is watched.
    """

    first: int
    last: int
    label: str
    moves_watched: bool


@dataclass(frozen=True, slots=True)
class Played:
    """One policy over all seeds. Those that know the truth are not `attainable`."""

    policy: str
    learns: bool
    attainable: bool
    paths: tuple[Path, ...]

    def over_seeds(self, name: str, first: int = 0, last: int | None = None) -> Floats:
        """Means of one column over a stretch of requests, by seed `(seeds,)`."""
        return np.array([getattr(path, name)[first:last].mean() for path in self.paths])

    def share(self, model: int, first: int = 0, last: int | None = None) -> Floats:
        """Share of requests that one model got, by seed `(seeds,)`."""
        return np.array([(path.actions[first:last] == model).mean() for path in self.paths])


@dataclass(frozen=True, slots=True)
class ScenarioFindings:
    """Learners first, then rules, then those who know the truth."""

    scenario: Scenario
    models: tuple[str, ...]
    classes: tuple[str, ...]
    played: tuple[Played, ...]
    notes: Sequence[str] = ()

    @property
    def watched(self) -> int | None:
        """Position of the model whose share is shown."""
        return None if self.scenario.watched is None else self.models.index(self.scenario.watched)

    @property
    def phases(self) -> list[Phase]:
        """The requests cut at every event."""
        return phases(self.scenario)

    def named(self, policy: str) -> Played:
        """What became of one policy. Raises StopIteration for one that did not play."""
        return next(own for own in self.played if own.policy == policy)

    def recovery(self, played: Played, phase: Phase) -> float | None:
        """Requests until the watched model's share over the last 100, averaged over seeds, went half-way
        from where it was to where the truth's best has it; inf where it does not, None where it need not.
        """
        if self.watched is None or not phase.moves_watched:
            return None
        before = slice(max(0, phase.first - SETTLED), phase.first)
        was = float(np.mean(played.share(self.watched, before.start, before.stop))) if phase.first else 0.0
        best = self.named(REGRET_AGAINST)
        ought = float(np.mean(best.share(self.watched, phase.first, phase.last)))
        if abs(ought - was) < WORTH_TELLING:
            return None
        chosen = np.mean([path.actions == self.watched for path in played.paths], axis=0)
        return _crossing(chosen, phase, was, ought)

    def belief(self, played: Played) -> Floats:
        """What a learner believes at the end of the quality of its answers, less what that was: by model, and
        of all, `(k + 1,)`; NaN where it chose a model for less than a hundredth of them."""
        actions = np.concatenate([path.actions for path in played.paths])
        off = np.concatenate([path.believed - path.quality for path in played.paths])
        by_model = [off[actions == a] for a in range(len(self.models))]
        least = len(off) / 100
        return np.array([*(own.mean() if len(own) >= least else np.nan for own in by_model), off.mean()])

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON of a simulation, with the scenario, its phases and what became of them."""
        scenario = self.scenario
        weights = scenario.weights
        return {
            "log": {
                "requests": scenario.requests,
                "models": len(self.models),
                "classes": len(self.classes),
                "kind": "scenario",
                "order": "time",
            },
            "scenario": {
                "name": scenario.name,
                "title": scenario.title,
                "says": scenario.says,
                "world": scenario.world,
                "watched": scenario.watched,
                "per_day": scenario.per_day,
            },
            "weights": {"quality": weights.quality, "usd": weights.usd, "second": weights.second},
            "seeds": scenario.seeds,
            "phases": [{"first": p.first, "last": p.last, "label": p.label} for p in self.phases],
            "policies": [self.to_row(own) for own in self.played],
            "regret_against": REGRET_AGAINST,
            "notes": list(self.notes),
        }

    def to_row(self, own: Played) -> dict[str, Any]:
        """One policy as plain data."""
        seconds = own.over_seeds("seconds")
        return {
            "policy": own.policy,
            "learns": own.learns,
            "attainable": own.attainable,
            "reward": interval(own.over_seeds("reward")),
            "quality": {"mean": float(own.over_seeds("quality").mean())},
            "usd": _mean(own.over_seeds("usd")),
            "seconds": _mean(seconds),
            "regret": spread(own.over_seeds("regret") * self.scenario.requests),
            "share": {name: float(own.share(a).mean()) for a, name in enumerate(self.models)},
            "belief": self._beliefs(own),
            "phases": [self._phase(own, phase) for phase in self.phases],
        }

    def _beliefs(self, own: Played) -> dict[str, float | None] | None:
        if not own.learns:
            return None
        found = zip((*self.models, "all"), self.belief(own).tolist(), strict=True)
        return {name: None if np.isnan(off) else off for name, off in found}

    def _phase(self, own: Played, phase: Phase) -> dict[str, Any]:
        where = phase.first, phase.last
        recovery = self.recovery(own, phase)
        watched = self.watched
        return {
            "reward": interval(own.over_seeds("reward", *where)),
            "regret": spread(own.over_seeds("regret", *where) * (phase.last - phase.first)),
            "quality": _mean(own.over_seeds("quality", *where)),
            "usd": _mean(own.over_seeds("usd", *where)),
            "seconds": _mean(own.over_seeds("seconds", *where)),
            "watched_share": None if watched is None else float(own.share(watched, *where).mean()),
            "watched_share_settled": None if watched is None else self.settled(own, phase),
            "watched_share_at_end": None if watched is None else self.ended(own, phase),
            "recovery_requests": None if recovery is None or np.isinf(recovery) else recovery,
            "recovers": None if recovery is None else bool(np.isfinite(recovery)),
        }

    def settled(self, own: Played, phase: Phase) -> float:
        """Share of the watched model over 100 requests: those that end 300 after the phase began."""
        assert self.watched is not None
        last = min(phase.last, phase.first + SETTLED)
        return float(own.share(self.watched, max(phase.first, last - WINDOW), last).mean())

    def ended(self, own: Played, phase: Phase) -> float:
        """Share of the watched model over the last 300 requests of a phase."""
        assert self.watched is not None
        return float(own.share(self.watched, max(phase.first, phase.last - SETTLED), phase.last).mean())


def phases(scenario: Scenario) -> list[Phase]:
    """The requests of a scenario, cut wherever an event begins or ends or a model arrives."""
    n, watched = scenario.requests, scenario.watched
    cuts: dict[int, tuple[str, bool]] = {}
    for new in scenario.models:
        if new.arrives:
            cuts[new.arrives] = f"{new.id} arrives", new.id == watched
    for event in scenario.events:
        label = event.label or _described(event.model)
        concerns = event.model is not None and event.model == watched
        cuts[event.at] = label, concerns
        if event.until is not None and event.until < n:
            cuts.setdefault(event.until, ("over", concerns))
    if scenario.feedback.bias and scenario.feedback.bias_from:
        cuts[scenario.feedback.bias_from] = "feedback leans", False
    if scenario.principals.liars and scenario.principals.lies_from:
        cuts[scenario.principals.lies_from] = "some begin to lie", False
    cuts.setdefault(0, ("from the start", False))
    edges = sorted(cut for cut in cuts if cut < n)
    return [Phase(first, last, *cuts[first]) for first, last in zip(edges, [*edges[1:], n], strict=True)]


def _described(model: str | None) -> str:
    return f"{model} changes" if model else "traffic changes"


def _crossing(chosen: Floats, phase: Phase, was: float, ought: float) -> float:
    """Requests after the event until the trailing share has passed the middle of `was` and `ought`."""
    here = chosen[max(0, phase.first - WINDOW) : phase.last]
    lead = phase.first - max(0, phase.first - WINDOW)
    sums = np.concatenate([[0.0], np.cumsum(here)])
    ends = np.arange(lead + 1, len(here) + 1)
    shares = (sums[ends] - sums[np.maximum(0, ends - WINDOW)]) / np.minimum(ends, WINDOW)
    middle = (was + ought) / 2
    passed = np.flatnonzero(shares >= middle if ought > was else shares <= middle)
    return float(passed[0] + 1) if len(passed) else np.inf


def _mean(values: Floats) -> dict[str, float] | None:
    return None if np.isnan(values).any() else {"mean": float(values.mean())}
