"""The requests of one experiment as columns, read page by page: what its statistics are computed from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRICS = (
    "quality", "usd", "seconds", "reward", "error", "fallback", "output_tokens", "input_tokens",
)  # fmt: skip

CODED = ("unit", "variant", "request_class", "model", "judge", "policy")
"""Columns of names, kept as codes."""

OWN = ("at", "share", "propensity", "attempt", "judged", "people")
"""Columns of numbers besides METRICS."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """n requests in the order in which they were decided; columns `(n,)`, nan where nothing is known.

    `unit`, `variant`, `request_class`, `model`, `judge` and `policy` are codes: places in `units`, … in
    order of first appearance, −1 where no judge scored. A request without a unit is a unit of its own, named
    by its decision id, and all attempts at it are that unit's. `share` is the probability with which the unit
    got its variant, `propensity` that of the model given the variant. `attempt` is above 1 for calls that
    took the place of a failed one. `people` is the quality where it is no judge's. `before` holds, for each
    unit `(units,)`, the mean of its requests before its first exposure.
    """

    units: tuple[str, ...]
    variants: tuple[str, ...]
    classes: tuple[str, ...]
    models: tuple[str, ...]
    judges: tuple[str, ...]
    at: Floats
    unit: Ints
    variant: Ints
    share: Floats
    request_class: Ints
    model: Ints
    propensity: Floats
    attempt: Ints
    metrics: Mapping[str, Floats]
    judged: Floats
    judge: Ints
    people: Floats
    before: Mapping[str, Floats]
    policies: tuple[str, ...]
    policy: Ints

    def __len__(self) -> int:
        return len(self.at)

    def between(self, since: float, until: float) -> Exposed:
        """Those made at `since` or later and before `until`, with codes of their own."""
        if since <= 0.0 and math.isinf(until):
            return self
        rows = (self.at >= since) & (self.at < until)
        kept = {name: getattr(self, name)[rows] for name in (*CODED, *OWN)}
        units, kept["unit"], place = in_order(self.units, kept["unit"])
        variants, kept["variant"], _ = in_order(self.variants, kept["variant"])
        classes, kept["request_class"], _ = in_order(self.classes, kept["request_class"])
        models, kept["model"], _ = in_order(self.models, kept["model"])
        judges, kept["judge"], _ = in_order(self.judges, kept["judge"])
        policies, kept["policy"], _ = in_order(self.policies, kept["policy"])
        return replace(
            self, units=units, variants=variants, classes=classes, models=models, judges=judges,
            policies=policies,
            metrics={name: values[rows] for name, values in self.metrics.items()},
            before={name: values[place] for name, values in self.before.items()},
            **kept,
        )  # fmt: skip


class Codes:
    """Names as numbers, in the order in which they were met."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def of(self, names: Iterable[str | None]) -> Ints:
        """The code of each name, −1 for None."""
        known = self.known
        return np.fromiter(
            (-1 if name is None else known.setdefault(name, len(known)) for name in names), np.int64
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, by code."""
        return tuple(self.known)


def in_order(names: tuple[str, ...], codes: Ints) -> tuple[tuple[str, ...], Ints, Ints]:
    """The names that occur in order of first appearance, the codes `(n,)` in them, and where they were."""
    found, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    real = np.flatnonzero(found >= 0)
    order = real[np.argsort(first[real])]
    code = np.full(len(found), -1, np.int64)
    code[order] = np.arange(len(order))
    place = found[order]
    return tuple(names[old] for old in place.tolist()), code[inverse], place
