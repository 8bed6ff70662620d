"""Crowds whose lies are known: six models, four classes, scores or thumbs about the true levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.feedback.speakers import (
    Belief,
    Speakers,
    no_speakers,
    observe,
)

K, C = 6, 4
LEVEL = np.linspace(0.65, 0.93, K)[:, None] + np.array([0.0, 0.03, -0.05, 0.02])
SD = 0.12
TRUST = TrustSettings()


@dataclass(frozen=True)
class Crowd:
    """What a crowd said, `(n,)` each, and what it would have said if nobody lied."""

    names: list[str]
    rows: Ints
    classes: Ints
    said: Floats
    honest: Floats
    liars: Bools

    @property
    def speakers(self) -> Speakers:
        return observe(
            no_speakers(K, C), self.names, self.rows, self.classes, self.said, np.ones(len(self.names))
        )

    def means(self, values: Floats) -> tuple[Floats, Floats]:
        """Means and numbers by cell, `(k, c)` each."""
        cell = self.rows * C + self.classes
        number = np.bincount(cell, minlength=K * C)
        mean = np.bincount(cell, values, K * C) / np.maximum(number, 1)
        return mean.reshape(K, C), number.reshape(K, C)

    def error(self, belief: Belief | None) -> float:
        """Root mean square by which cells are off from what was honest, weighted by their numbers."""
        (said, number), (honest, _) = self.means(self.said), self.means(self.honest)
        off = said - honest + (0.0 if belief is None else belief.shift)
        return float(np.sqrt(np.average(off**2, weights=number)))

    def weights(self, belief: Belief) -> tuple[float, float]:
        """Mean weight of the honest and of the liars, each by what they said."""
        by_name = dict(zip(names_of(self.speakers, belief), belief.weight, strict=True))
        each = np.array([by_name[name] for name in self.names])
        return float(each[~self.liars].mean()), float(each[self.liars].mean()) if self.liars.any() else 1.0


def names_of(speakers: Speakers, belief: Belief) -> list[str]:
    return [speakers.names.get(bucket, "") for bucket in belief.speaker.tolist()]


def crowd_of(
    seed: int,
    n: int = 2_000,
    people: int = 100,
    liars: int = 0,
    volume: float = 0.0,
    lie: str = "invert",
    *,
    strictness: float = 0.0,
    thumbs: bool = False,
) -> Crowd:
    rng = np.random.default_rng(seed)
    lying = rng.random(n) < volume
    who = np.where(lying, rng.integers(0, max(liars, 1), n), rng.integers(liars, people, n))
    rows, classes = rng.choice(K, n, p=[0.05, 0.1, 0.1, 0.15, 0.2, 0.4]), rng.integers(0, C, n)
    own = strictness * rng.normal(size=people)
    honest = np.clip(LEVEL[rows, classes] + SD * rng.normal(size=n) + own[who], 0.0, 1.0)
    if thumbs:
        honest = (rng.random(n) < honest) * 1.0
    lies = {"invert": 1.0 - honest, "boost": (rows == 0) * 1.0, "random": rng.random(n)}[lie]
    said = np.where(lying, lies, honest)
    return Crowd([f"key-{i}" for i in who], rows, classes, said, honest, lying)
