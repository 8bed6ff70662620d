"""What an experiment saw: one row per request of a unit that was in it, in order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.errors import LogError
from banditroute.reports.ab.values import check_values

METRICS = ("quality", "usd", "seconds", "reward", "error", "fallback", "output_tokens")

_TOO_MANY = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Exposures:
    """The requests of an experiment; n of them, by units that were drawn into one of v variants.

    `variants` are their names, the control first, and `shares` `(v,)` what was declared of them. Of each
    request `(n,)`: `at` in seconds since the epoch, `unit` a code of who asked, `variant` and `request_class`
    places in `variants` and `classes`, and `share` the logged probability with which its unit was
    given its variant. `metrics` `(n,)` each, NaN where not known: quality in [0, 1], usd, seconds, reward,
    error and fallback (0 or 1), output_tokens.

    `judged` `(n,)` is a judge's score of each request, NaN where it has none, and `people` `(n,)` what
    people said of a random sample of them (by default `quality`): for means by both together. `before`
    holds for a metric its mean per unit, by code, in the time before the first exposure, NaN where none.

    Raises LogError for columns that do not fit together.
    """

    variants: tuple[str, ...]
    shares: Floats
    at: Floats
    unit: Ints
    variant: Ints
    share: Floats
    request_class: Ints
    classes: tuple[str, ...]
    metrics: Mapping[str, Floats]
    judged: Floats | None = None
    before: Mapping[str, Floats] | None = None
    people: Floats | None = None

    def __post_init__(self) -> None:
        if not self.variants or len(set(self.variants)) != len(self.variants):
            raise LogError("An experiment needs variants with different names; the first is the control.")
        if len(self.shares) != len(self.variants) or not (np.asarray(self.shares) > 0.0).all():
            raise LogError("Every variant needs its declared share, above 0.")
        total = float(np.sum(self.shares))
        if not total <= 1.0 + 1e-6:
            raise LogError(f"The shares of the variants sum to {total:g}; they are probabilities, so to 1.")
        self._check_lengths()
        self._check_codes()
        check_values(self.at, {**self.metrics, "judged": self.judged, "people": self.people})

    def __len__(self) -> int:
        return len(self.at)

    @property
    def units(self) -> int:
        """How many there are."""
        return len(np.unique(self.unit))

    def rows(self, chosen: Any) -> Exposures:
        """Those requests alone: places or a mask `(n,)`."""

        def some(values: Floats | None) -> Floats | None:
            return None if values is None else values[chosen]

        return replace(
            self,
            at=self.at[chosen],
            unit=self.unit[chosen],
            variant=self.variant[chosen],
            share=self.share[chosen],
            request_class=self.request_class[chosen],
            metrics={name: values[chosen] for name, values in self.metrics.items()},
            judged=some(self.judged),
            people=some(self.people),
        )

    def with_control(self, name: str) -> Exposures:
        """The same with another variant as the control, which comes first. Raises LogError for one that is
        not there."""
        if name not in self.variants:
            known = ", ".join(self.variants)
            raise LogError(f"There is no variant {name} to compare with; the variants are {known}.")
        first = self.variants.index(name)
        order = [first, *(place for place in range(len(self.variants)) if place != first)]
        place_of = np.argsort(order)
        return replace(
            self,
            variants=tuple(self.variants[place] for place in order),
            shares=self.shares[order],
            variant=place_of[self.variant],
        )

    def _check_lengths(self) -> None:
        columns: dict[str, Any] = {
            "unit": self.unit, "variant": self.variant, "share": self.share,
            "request_class": self.request_class, "judged": self.judged, "people": self.people, **self.metrics,
        }  # fmt: skip
        for name, values in columns.items():
            if values is not None and len(values) != len(self.at):
                raise LogError(f"Column {name} has {len(values):,} rows, where at has {len(self.at):,}.")

    def _check_codes(self) -> None:
        if not len(self.at):
            return
        for name, codes, most in (
            ("variant", self.variant, len(self.variants)),
            ("request_class", self.request_class, len(self.classes)),
            ("unit", self.unit, _TOO_MANY),
        ):
            if codes.min() < 0 or codes.max() >= most:
                raise LogError(f"Column {name} holds codes outside 0 to {most - 1:,}.")
        if not ((self.share > 0.0) & (self.share <= 1.0)).all():
            raise LogError("The share of a request is the probability of its variant: above 0, at most 1.")
        for name, values in (self.before or {}).items():
            if len(values) <= self.unit.max():
                raise LogError(f"before[{name!r}] needs an entry for every unit, by its code.")


@dataclass(frozen=True, slots=True)
class Settled:
    """Exposures in order of time, units coded 0, 1, … as they came, each in the variant of its first exposure
    alone; `moved` units were seen in others later, in `dropped` requests, which are left out."""

    exposures: Exposures
    units: int
    moved: int
    dropped: int


def settled(exposures: Exposures) -> Settled:
    """Puts exposures in order. A unit keeps the variant and the share of its first request: what it is given
    after somebody changed shares or names is no draw of this experiment."""
    if not len(exposures):
        return Settled(exposures, 0, 0, 0)
    if (np.diff(exposures.at) < 0.0).any():
        exposures = exposures.rows(np.argsort(exposures.at, kind="stable"))
    known, first, code = np.unique(exposures.unit, return_index=True, return_inverse=True)
    came = np.argsort(first)
    place = np.empty(len(known), np.int64)
    place[came] = np.arange(len(known))
    unit = place[code]
    began = first[came]
    same = exposures.variant == exposures.variant[began][unit]
    before = exposures.before
    if before is not None:
        before = {name: values[known[came]] for name, values in before.items()}
    ordered = replace(exposures, unit=unit, share=exposures.share[began][unit], before=before)
    moved = len(np.unique(unit[~same]))
    if moved:
        ordered = ordered.rows(same)
    return Settled(ordered, len(known), moved, int((~same).sum()))


def exposures_of(
    columns: Mapping[str, Sequence[Any]],
    *,
    variants: Sequence[str] | None = None,
    shares: Sequence[float] | None = None,
) -> Exposures:
    """Exposures from columns as a log or a data frame has them: `unit`, `variant` and any of `at`, `share`,
    `request_class`, `judged`, `people` and the metrics, names as text, unknown numbers None or NaN.

    Without `variants` these are the names found, in order of the alphabet but for `control`, which comes
    first; without `shares` they are equal; without `share` every request has its variant's declared one.
    """
    for name in ("unit", "variant"):
        if name not in columns:
            raise LogError(f"There is no column {name}; exposures need unit and variant.")
    names = [str(value) for value in columns["variant"]]
    n = len(names)
    if not n and variants is None:
        raise LogError("There are no rows, so no variants either; name them with variants=[…].")
    found = tuple(variants or sorted(set(names), key=lambda name: (name != "control", name)))
    strange = set(names) - set(found)
    if strange:
        raise LogError(f"The column variant names {min(strange)}, which is none of {', '.join(found)}.")
    place = {name: i for i, name in enumerate(found)}
    variant = np.array([place[name] for name in names], np.int64)
    declared = np.full(len(found), 1.0 / max(len(found), 1)) if shares is None else np.asarray(shares, float)
    if len(declared) != len(found):
        raise LogError(f"There are {len(found)} variants and {len(declared)} shares; give one for each.")
    classes, request_class = _coded(columns.get("request_class"), n)
    return Exposures(
        variants=found,
        shares=declared,
        at=_numbers(columns.get("at", range(n)), "at"),
        unit=_coded(columns["unit"], n)[1],
        variant=variant,
        share=_numbers(columns["share"], "share") if "share" in columns else declared[variant],
        request_class=request_class,
        classes=classes,
        metrics={name: _numbers(columns[name], name) for name in METRICS if name in columns},
        judged=_numbers(columns["judged"], "judged") if "judged" in columns else None,
        people=_numbers(columns["people"], "people") if "people" in columns else None,
    )


def _coded(names: Sequence[Any] | None, n: int) -> tuple[tuple[str, ...], Ints]:
    if names is None:
        return ("all",), np.zeros(n, np.int64)
    known, codes = np.unique(np.array([str(name) for name in names], dtype=object), return_inverse=True)
    return tuple(known.tolist()), np.asarray(codes, np.int64)


def _numbers(values: Sequence[Any], name: str) -> Floats:
    try:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    except (TypeError, ValueError) as error:
        raise LogError(f"Column {name} holds something that is no number: {error}.") from error
