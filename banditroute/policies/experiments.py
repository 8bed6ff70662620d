"""Configured experiments: which units take part in which, and the split that each of them is.

An experiment is a split among the units that have entered it. All experiments see the same line of units,
so that those with ranges of their own never share one, and each divides its units under a salt of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from banditroute.config.experiments import Experiment
from banditroute.config.experiments_schema import LINE
from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Ints, Slate
from banditroute.policies.split import Split, split_of, variant_of
from banditroute.policies.static import hash_to_unit
from banditroute.types import OTHER


@dataclass(frozen=True, slots=True, eq=False)
class LiveExperiment:
    """An experiment, ready to be played: what was configured, and its variants as policies."""

    experiment: Experiment
    split: Split
    declared: Collection[str]

    def takes(self, request_class: str, place: float, at: float) -> bool:
        """Whether a request takes part: its class, its unit's place on the line, its time. A class that is
        not declared is `other`."""
        own = self.experiment
        if own.classes:
            name = request_class if request_class in self.declared else OTHER
            if name not in own.classes:
                return False
        return own.holds(place, at)

    def among(self, units: Sequence[str]) -> Assigned:
        """The policy of requests by these units, all of which take part."""
        return Assigned(self.split, self.split.assigned(units))


@dataclass(frozen=True, slots=True)
class Assigned:
    """A split whose units were assigned before, since they are not always what the context holds."""

    split: Split
    assigned: Ints

    @property
    def name(self) -> str:
        return self.split.name

    @property
    def learns(self) -> bool:
        return self.split.learns

    @property
    def lookahead(self) -> float | None:
        return self.split.lookahead

    def choose(self, slate: Slate) -> Choice:
        return self.split.among(slate, self.assigned)


def place_of(unit: str) -> float:
    """Where a unit stands on the line [0, 1) that all experiments share."""
    return hash_to_unit(LINE, unit)


def live_experiment(experiment: Experiment, settings: Settings) -> LiveExperiment:
    """An experiment with its policies built; raises ConfigError where one of them cannot be."""
    # By name, so that units stay where they are when somebody sorts the list differently.
    named = sorted(experiment.variants, key=lambda own: own.name)
    variants = tuple(variant_of(own.name, own.policy, own.share, settings) for own in named)
    split = split_of(f"experiment:{experiment.name}", experiment.salt, variants)
    return LiveExperiment(experiment, split, frozenset(declared.name for declared in settings.classes))
