"""Every key that an experiment may hold, and what each may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TypeVar, get_args

from banditroute.config.checks import Check, Refused, flag, many, nearest, number, one_of, shown, text
from banditroute.config.experiments import ExperimentVariant, Metric, RampStep

T = TypeVar("T")

_name = text(longest=200)
_word = text(longest=200, pattern=r"[\w.-]+", shape="one word of letters, digits and . _ -")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LINE = "experiments"
"""The salt of the line on which all units stand; an experiment with the same one would not be independent of
where its units stand."""


def _time(value: object) -> float:
    """A point of time, as seconds since the epoch."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        day = value if isinstance(value, date) else date(2026, 12, 1)
        clock = value.time() if isinstance(value, datetime) else "00:00:00"
        example = f"{day:%Y-%m-%d}T{clock}Z"
        raise Refused(f"must be a time with its offset, without quotes, as in {example}, not {shown(value)}.")
    if not 1970 < value.year < 9000:
        raise Refused(f"must be a time of our age, not {shown(value)}.")
    return (value - _EPOCH).total_seconds()


def _salt(value: object) -> str:
    salt: str = _name(value)
    if salt == LINE:
        raise Refused(f'is "{LINE}", by which all units are put on one line; choose another.')
    return salt


def _experiment_name(value: object) -> str:
    return _salt(_word(value))


def _units(value: object) -> tuple[float, float]:
    bounds = many(number(0, 1), unique=False)(value)
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise Refused(f"must be where the range begins and ends, as in [0.0, 0.5], not {list(bounds)}.")
    return bounds[0], bounds[1]


def _tables(make: Callable[..., T], checks: Mapping[str, Check]) -> Callable[[object], tuple[T, ...]]:
    """A list of tables, each with all of the keys, made into what they say."""

    def check(value: object) -> tuple[T, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(each, Mapping) for each in value):
            example = ", ".join(f"{key} = …" for key in checks)
            raise Refused(f"must be a list of tables, as in [{{{example}}}, …], not {shown(value)}.")
        return tuple(make(**_row(place, each, checks)) for place, each in enumerate(value))

    return check


def _row(place: int, given: Mapping[str, object], checks: Mapping[str, Check]) -> dict[str, object]:
    item = f"item {place + 1}"
    row = {}
    for key, value in given.items():
        if key not in checks:
            raise Refused(f'{item} has no key "{key}"; {nearest(key, checks)}', (place, key))
        try:
            row[key] = checks[key](value)
        except Refused as refusal:
            raise Refused(f"{item}: {key} {refusal}", (place, key, *refusal.at)) from None
    missing = [key for key in checks if key not in given]
    if missing:
        raise Refused(f"{item} has no {missing[0]}; add {missing[0]} = ….", (place,))
    return row


def _policy(value: object) -> str:
    policy: str = _name(value)
    if policy.partition(":")[0].strip() == "split":
        raise Refused("is a split, which is an experiment itself; write all its variants here.")
    return policy


def _variants(value: object) -> tuple[ExperimentVariant, ...]:
    checks = {"name": _word, "policy": _policy, "share": number(1e-4, 1)}
    variants = _tables(ExperimentVariant, checks)(value)
    names = [variant.name for variant in variants]
    twice = next((place for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise Refused(f'has two variants "{names[twice]}"; rename one.', (twice, "name"))
    if len(variants) < 2:
        raise Refused("has one variant alone; add what it is compared with.")
    total = sum(variant.share for variant in variants)
    if abs(total - 1.0) > 1e-9:
        raise Refused(f"has shares that sum to {total:g}; they must sum to 1.")
    return variants


def _ramp(value: object) -> tuple[RampStep, ...]:
    steps = _tables(RampStep, {"at": _time, "share": number(1e-4, 1)})(value)
    for place, (before, step) in enumerate(pairwise(steps), 1):
        if step.at <= before.at:
            raise Refused(f"has item {place + 1} before item {place}; sort them by at.", (place, "at"))
        if step.share < before.share:
            raise Refused(
                f"falls from {before.share:g} to {step.share:g}; a ramp only rises, and to let nobody in any "
                "more, stop the experiment.",
                (place, "share"),
            )
    return steps


EXPERIMENT: dict[str, Check] = {
    "name": _experiment_name,
    "variants": _variants,
    "salt": _salt,
    "units": _units,
    "holdout": number(0, 0.9),
    "classes": many(_name),
    "start": _time,
    "stop": _time,
    "ramp": _ramp,
    "running": flag(),
    "control": _word,
    "metric": one_of(*get_args(Metric)),
    "margin": number(1e-9, 10**6),
    "max_usd": number(1e-9, 10**6),
    "max_seconds": number(1e-3, 10**6),
}
"""The keys of `[[experiments]]`."""
