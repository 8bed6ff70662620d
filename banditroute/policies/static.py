"""Rules that learn nothing: one model, the cheapest, the best by reputation, all alike.

Where the model that a rule wants may not be chosen for a request, the best prior of the eligible
models answers, and the receipt says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Bools, Choice, Ints, Policy, Slate, point_mass, uniform_over
from banditroute.policies.order import by_prior, cheapest_of, first_of
from banditroute.policies.spec import known_model, no_argument
from banditroute.types import Model


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same model."""

    name: str
    model: str
    prior_quality: float
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        wanted = [self.model] * len(slate.contexts)
        return choose_wanted(slate.models, slate.eligible, wanted, self.prior_quality)


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The least expected USD for this request, ties by list price."""

    name: str = "cheapest"
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        return Choice(point_mass(cheapest_of(slate.models, slate.usd, slate.eligible), len(slate.models)))


@dataclass(frozen=True, slots=True)
class BestPrior:
    """The best prior quality; where tied, the dearer list price counts as better."""

    prior_quality: float
    name: str = "best_prior"
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        best = first_of(by_prior(slate.models, self.prior_quality), slate.eligible)
        return Choice(point_mass(best, len(slate.models)))


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every eligible model alike."""

    name: str = "random"
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        return Choice(uniform_over(slate.eligible))


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Every eligible model alike, in turn by a hash of the decision id instead of a counter.

    A counter would be a state of its own, and its choices would have no probability.
    """

    name: str = "round_robin"
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        draws = np.array([hash_to_unit("round_robin", key) for key in slate.ids])
        return Choice(uniform_over(slate.eligible), draws=draws)


def choose_wanted(
    models: tuple[Model, ...], eligible: Bools, wanted: Sequence[str | None], prior_quality: float
) -> Choice:
    """The wanted model of each request; the best prior of the eligible ones where it may not be."""
    places = {model.id: place for place, model in enumerate(models)}
    target = np.array(
        [places.get(model, -1) if model is not None else -1 for model in wanted], dtype=np.int64
    )
    granted = (target >= 0) & eligible[np.arange(len(target)), target]
    chosen: Ints = target
    reasons: list[str | None] = [None] * len(target)
    if not granted.all():
        chosen = np.where(granted, target, first_of(by_prior(models, prior_quality), eligible))
        for i in np.flatnonzero(~granted).tolist():
            reasons[i] = _instead(wanted[i])
    return Choice(point_mass(chosen, len(models)), reasons=reasons)


def _instead(model: str | None) -> str:
    missing = "no model is named for this class" if model is None else f"{model} is not eligible"
    return f"{missing}: best prior of the eligible models"


def hash_to_unit(salt: str, key: str) -> float:
    """A number in [0, 1), the same on every machine for the same salt and key."""
    digest = blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) * 2.0**-53


def fixed(argument: str, settings: Settings) -> Policy:
    """`fixed:MODEL`."""
    model = known_model(argument, settings)
    return Fixed(f"fixed:{model}", model, settings.policy.prior_quality)


def cheapest(argument: str, settings: Settings) -> Policy:
    """`cheapest`."""
    no_argument("cheapest", argument)
    return Cheapest()


def best_prior(argument: str, settings: Settings) -> Policy:
    """`best_prior`."""
    no_argument("best_prior", argument)
    return BestPrior(settings.policy.prior_quality)


def uniform(argument: str, settings: Settings) -> Policy:
    """`random`."""
    no_argument("random", argument)
    return Uniform()


def round_robin(argument: str, settings: Settings) -> Policy:
    """`round_robin`."""
    no_argument("round_robin", argument)
    return RoundRobin()
