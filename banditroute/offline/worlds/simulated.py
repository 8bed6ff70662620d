"""The simulated world of the demo as a world for scenarios: written down, not fitted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np

from banditroute.offline.logs.reading import Floats, Log
from banditroute.types import Model
from banditroute.upstream.simulated import SimulatedOutcomes, SimulatedRequests, SimulatedWorld, Truth


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """`SimulatedWorld` under any seed; each request brings its difficulty as a feature."""

    world: SimulatedWorld = field(default_factory=SimulatedWorld)

    @property
    def models(self) -> tuple[Model, ...]:
        return self.world.models

    @property
    def classes(self) -> tuple[str, ...]:
        return self.world.classes

    @property
    def shares(self) -> Floats:
        given = np.array([profile.share for profile in self.world.class_profiles])
        shares: Floats = given / given.sum()
        return shares

    def draw(self, n: int, seed: int, mix: Floats | None = None) -> Log:
        """The requests in the order of their numbers; what a request is does not depend on n."""
        shares = np.broadcast_to(self.shares, (n, len(self.classes))) if mix is None else mix
        starts = np.flatnonzero(np.any(np.diff(shares, axis=0), axis=1)) + 1
        edges = [0, *starts.tolist(), n]
        parts = [
            self._part(np.arange(first, last), seed, shares[first])
            for first, last in itertools.pairwise(edges)
        ]

        def joined(place: int, name: str) -> Floats:
            return np.concatenate([getattr(part[place], name) for part in parts]).astype(np.float64)

        return Log(
            kind="full_information",
            request_ids=np.array([f"{seed}-{i}" for i in range(n)]),
            models=tuple(model.id for model in self.models),
            classes=self.classes,
            class_index=joined(0, "request_class").astype(np.int64),
            quality=joined(1, "quality"),
            usd=joined(1, "usd"),
            seconds=joined(1, "seconds"),
            output_tokens=joined(1, "output_tokens"),
            input_tokens=joined(0, "input_tokens"),
            features={"difficulty": joined(0, "difficulty")},
        )

    def _part(
        self, index: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int, shares: Floats
    ) -> tuple[SimulatedRequests, SimulatedOutcomes]:
        """Requests whose classes come by the same shares."""
        classes = tuple(
            replace(profile, share=float(share))
            for profile, share in zip(self.world.class_profiles, shares, strict=True)
        )
        world = replace(self.world, seed=seed, class_profiles=classes)
        return world.requests(index), world.outcomes(index)

    def truth(self) -> Truth:
        """Gauss quadrature over difficulty and luck (`SimulatedWorld.truth`)."""
        return self.world.truth()

    def with_model(self, model: Model, like: str) -> DemoWorld:
        """A model more, at the list price of `like` unless it has its own."""
        (twin,) = (profile for profile in self.world.profiles if profile.model.id == like)
        classes = tuple(
            replace(profile, quality={**profile.quality, model.id: profile.quality[like]})
            for profile in self.world.class_profiles
        )
        profiles = (*self.world.profiles, replace(twin, model=model))
        return DemoWorld(replace(self.world, profiles=profiles, class_profiles=classes))
