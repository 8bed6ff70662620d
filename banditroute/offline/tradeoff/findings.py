"""What a frontier found, as data: points of quality and USD, their hull, and what keeps a model's quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from banditroute.offline.logs.reading import Floats
from banditroute.offline.simulation.findings import interval
from banditroute.types import Weights


@dataclass(frozen=True, slots=True)
class Point:
    """One policy at one USD weight; `usd_weight` is None where the policy does not go by it.

    `quality`, `usd`, `seconds` are means per request under every seed, `(seeds,)`; `share` `(k,)`.
    """

    policy: str
    usd_weight: float | None
    quality: Floats
    usd: Floats
    seconds: Floats
    share: Floats
    remark: str | None = None

    def reaches(self, quality: float) -> bool:
        """Whether the quality is reached, and not by luck: the interval over seeds lies above it."""
        found = interval(self.quality)
        lowest = found["mean"] if found["low"] is None else found["low"]
        return lowest is not None and lowest >= quality


@dataclass(frozen=True, slots=True)
class Keep:
    """The question: at least `share` of the quality of `model`, which has `quality` for `usd` per request."""

    share: float
    model: str
    quality: float
    usd: float

    @property
    def target(self) -> float:
        """The quality to reach."""
        return self.share * self.quality

    def saving(self, point: Point) -> Floats:
        """The part of the model's USD that a point saves, under every seed; negative where it costs more."""
        saved: Floats = 1.0 - point.usd / self.usd
        return saved


@dataclass(frozen=True, slots=True)
class FrontierFindings:
    """Renders itself in a notebook; `to_dict` is what `--json` writes, `plot` what `--plot` draws.

    `weights` are the exchange rates that were held; their `usd` is what varies and says nothing.
    `notes` are sentences about what the figures rest on.
    """

    log: Mapping[str, Any]
    models: tuple[str, ...]
    weights: Weights
    seeds: int
    points: tuple[Point, ...]
    keep: Keep | None = None
    notes: Sequence[str] = ()

    @property
    def policies(self) -> tuple[str, ...]:
        """Every policy once, in the order of the points."""
        return tuple(dict.fromkeys(point.policy for point in self.points))

    def curve(self, policy: str) -> list[Point]:
        """The points of a policy, by weight."""
        return [point for point in self.points if point.policy == policy]

    def answer(self, policy: str) -> Point | None:
        """The point of a policy that keeps what was asked for the least USD; None where none does."""
        if self.keep is None:
            return None
        good = [point for point in self.curve(policy) if point.reaches(self.keep.target)]
        return min(good, key=lambda point: float(point.usd.mean()), default=None)

    @property
    def hull(self) -> tuple[int, ...]:
        """Places of the points that no other, and no mixture of two others, beats; by rising USD.

        Serving a share of the requests by one policy and the rest by another reaches every point on the
        line between them, so what lies below such a line is dominated.
        """
        return hull(
            [float(p.usd.mean()) for p in self.points], [float(p.quality.mean()) for p in self.points]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; null where the log says nothing, or where one seed allows no spread."""
        on_hull = set(self.hull)
        return {
            "log": dict(self.log),
            "weights": self._weights(None),
            "seeds": self.seeds,
            "points": [{**self._point(p), "on_hull": i in on_hull} for i, p in enumerate(self.points)],
            "keep": None if self.keep is None else self._kept(self.keep),
            "notes": list(self.notes),
        }

    def _point(self, point: Point) -> dict[str, Any]:
        return {
            "policy": point.policy,
            "usd_weight": point.usd_weight,
            "quality": interval(point.quality),
            "usd": interval(point.usd),
            "seconds": None if np.isnan(point.seconds).any() else interval(point.seconds),
            "share": dict(zip(self.models, point.share.tolist(), strict=True)),
            "remark": point.remark,
        }

    def _kept(self, keep: Keep) -> dict[str, Any]:
        return {
            "share": keep.share,
            "model": keep.model,
            "quality": keep.quality,
            "usd": keep.usd,
            "target": keep.target,
            "answers": [
                self._answer(keep, policy) for policy in self.policies if policy != f"fixed:{keep.model}"
            ],
        }

    def _answer(self, keep: Keep, policy: str) -> dict[str, Any]:
        point = self.answer(policy)
        if point is None:
            best = max(self.curve(policy), key=lambda p: float(p.quality.mean()))
            return {"policy": policy, "reached": False, "best": self._point(best)}
        return {
            "policy": policy,
            "reached": True,
            "weights": None if point.usd_weight is None else self._weights(point.usd_weight),
            "saving": interval(keep.saving(point)),
            **self._point(point),
        }

    def _weights(self, usd: float | None) -> dict[str, float]:
        held = {"quality": self.weights.quality, "second": self.weights.second}
        return held if usd is None else {**held, "usd": usd}


def hull(usd: Sequence[float], quality: Sequence[float]) -> tuple[int, ...]:
    """Places of the upper concave hull of points, by rising USD, up to the best quality."""
    best: list[int] = []
    for i in sorted(range(len(usd)), key=lambda i: (usd[i], -quality[i])):
        if best and quality[i] <= quality[best[-1]]:
            continue
        while len(best) > 1 and _below(best[-2], best[-1], i, usd, quality):
            best.pop()
        best.append(i)
    return tuple(best)


def _below(a: int, b: int, c: int, usd: Sequence[float], quality: Sequence[float]) -> bool:
    """Whether b lies on or below the line from a to c."""
    rise = (quality[b] - quality[a]) * (usd[c] - usd[a])
    return rise <= (quality[c] - quality[a]) * (usd[b] - usd[a])
