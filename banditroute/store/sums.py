"""Sums of requests as they are shown: what `rollups` holds, at the prices of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

KEYS = ("request_class", "model", "experiment", "variant")
"""What sums can be split by."""

Key = tuple[Any, ...]
"""Start of the span, and KEYS."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which decisions count; None leaves a field open."""

    model: str | None = None
    request_class: str | None = None
    experiment: str | None = None
    variant: str | None = None


class Sums(Struct, frozen=True):
    """Sums over requests with the same key; a key that was not asked for is None, as is `at` of a summary.

    `at` is the start of the span. Each count of requests that told something stands before what they told
    in sum: `scored` and `quality`, `metered` and `usd`, `timed` and `seconds`, `sized` and `input_tokens`,
    `written` and `output_tokens`. `told` requests had any feedback; errors are a share of those.
    """

    at: float | None
    request_class: str | None
    model: str | None
    experiment: str | None
    variant: str | None
    requests: int
    told: int
    errors: int
    fallbacks: int
    scored: int
    quality: float
    metered: int
    usd: float
    timed: int
    seconds: float
    sized: int
    input_tokens: float
    written: int
    output_tokens: float

    @property
    def mean_quality(self) -> float | None:
        """Per scored request."""
        return self.quality / self.scored if self.scored else None

    @property
    def mean_usd(self) -> float | None:
        """Per request of known cost."""
        return self.usd / self.metered if self.metered else None

    @property
    def mean_seconds(self) -> float | None:
        """Per timed request."""
        return self.seconds / self.timed if self.timed else None

    @property
    def error_rate(self) -> float | None:
        """Of the requests that anything was told of."""
        return self.errors / self.told if self.told else None


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of seconds, exact to a few percent; `at` and `model` are None where all count together."""

    at: float | None
    model: str | None
    requests: int
    p50: float
    p95: float
    p99: float


EVERYTHING = Where()

_COUNTS = [place for place, own in enumerate(fields(Sums)) if own.type is int]
"""Places of the whole numbers."""


def priced(sums: Sequence[float], prices: tuple[float, float] | None, error_quality: float) -> list[float]:
    """Sums of one model in the order of `tables.SUMS` as `Sums` has them; `prices` are USD per input and
    output token."""
    requests, told, errors, failed, fallbacks = sums[:5]
    scored, quality, billed, usd, listed, read, written = sums[5:12]
    if prices is None:
        listed = 0.0
    else:
        usd += prices[0] * read + prices[1] * written
    return [
        requests, told, errors, fallbacks, scored + failed, quality + error_quality * failed,
        billed + listed, usd, *sums[12:],
    ]  # fmt: skip


def ordered(found: Mapping[Key, Sequence[float]]) -> tuple[Sums, ...]:
    """Sums by key, in order of time and name."""
    rows = (_sums(key, sums) for key, sums in sorted(found.items(), key=_key))
    return tuple(row for row in rows if row.requests)


def _sums(key: Key, sums: Sequence[float]) -> Sums:
    values: list[Any] = [*key, *sums]
    for place in _COUNTS:
        values[place] = round(values[place])
    return Sums(*values)


def _key(item: tuple[Key, Sequence[float]]) -> Key:
    return item[0]  # of two keys the same places are None, so that None is never compared with a name
