"""The requests of one experiment as columns, read page by page: what its statistics are computed from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Select, bindparam, case, func, select

from banditroute.config.settings import Settings
from banditroute.store import tables, worth
from banditroute.store.engine import failures

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAGE = 20_000
"""Requests read at once."""

METRICS = (
    "quality", "usd", "seconds", "reward", "error", "fallback", "output_tokens", "input_tokens",
)  # fmt: skip

_r = tables.results.c


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


@dataclass(slots=True)
class _Codes:
    """Names as numbers, in order of first appearance."""

    known: dict[str, int] = field(default_factory=dict)

    def of(self, names: tuple[str | None, ...]) -> Ints:
        known = self.known
        return np.fromiter(
            (-1 if name is None else known.setdefault(name, len(known)) for name in names), np.int64
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.known)


def exposures(
    engine: Engine,
    settings: Settings,
    experiment: str,
    *,
    since: float = 0.0,
    until: float = math.inf,
    breathe: Callable[[], None] = lambda: None,
) -> Exposed:
    """The requests of an experiment made at `since` or later and before `until`; `breathe` is called after
    every page."""
    statement = _page(settings, experiment, since, until)
    unit, variant, cls, model, judge, policy = (_Codes() for _ in range(6))
    pages: list[tuple[np.ndarray, ...]] = []
    after = 0
    while rows := _read(engine, statement, {"after": after}):
        columns = tuple(zip(*rows, strict=True))
        coded = (
            unit.of(columns[1]), variant.of(columns[2]), cls.of(columns[3]), model.of(columns[4]),
            judge.of(columns[5]), policy.of(columns[6]),
        )  # fmt: skip
        pages.append((*coded, *(np.array(column, np.float64) for column in columns[7:])))
        after = rows[-1][0]
        breathe()
    empty: tuple[Any, ...] = (*(np.empty(0, np.int64),) * 6, *(np.empty(0),) * (6 + len(METRICS)))
    found: list[Any] = [np.concatenate(parts) for parts in zip(*pages, strict=True)] if pages else list(empty)
    at, share, propensity, attempt, judged, people, *metrics = found[6:]
    return Exposed(
        unit.names, variant.names, cls.names, model.names, judge.names, at, found[0], found[1], share,
        found[2], found[3], propensity, attempt.astype(np.int64), dict(zip(METRICS, metrics, strict=True)),
        judged, found[4], people, _before(engine, settings, experiment, unit.known),
        policy.names, found[5],
    )  # fmt: skip


def _columns(settings: Settings) -> list[Any]:
    """The metrics of a result, in the order of METRICS. Where anything was told, no error was none."""
    heard = (_r.told == 1, func.coalesce(_r.error, 0.0))
    return [
        worth.quality(settings), worth.usd(settings), _r.seconds, worth.reward(settings),
        case(heard), case((_r.kind == "fallback", 1.0), else_=0.0),
        _r.output_tokens, _r.input_tokens,
    ]  # fmt: skip


def _page(settings: Settings, experiment: str, since: float, until: float) -> Select[Any]:
    wanted = select(
        _r.seq, func.coalesce(_r.unit, _r.id), func.coalesce(_r.variant, ""), _r.request_class, _r.model,
        _r.judged_by, _r.policy, _r.at, _r.variant_share, _r.propensity, _r.attempt, _r.judged,
        case((_r.quality_source != "judge", _r.quality)), *_columns(settings),
    )  # fmt: skip
    wanted = wanted.where(_r.experiment == experiment, _r.seq > bindparam("after"), _r.at >= since)
    if math.isfinite(until):
        wanted = wanted.where(_r.at < until)
    return wanted.order_by(_r.seq).limit(PAGE)


def _before(
    engine: Engine, settings: Settings, experiment: str, units: Mapping[str, int]
) -> dict[str, Floats]:
    """For each unit the means of its requests before its first exposure, nan where there are none."""
    first = (
        select(_r.unit, func.min(_r.seq).label("seq"))
        .where(_r.experiment == experiment, _r.unit.is_not(None))
        .group_by(_r.unit)
        .subquery()
    )
    means = [func.avg(column) for column in _columns(settings)]
    earlier = (
        select(_r.unit, *means)
        .join_from(first, tables.results, (_r.unit == first.c.unit) & (_r.seq < first.c.seq))
        .group_by(_r.unit)
    )
    table = np.full((len(METRICS), len(units)), np.nan)
    for name, *values in _read(engine, earlier, {}):
        if name in units:
            table[:, units[name]] = values
    return dict(zip(METRICS, table, strict=True))


def _read(engine: Engine, statement: Select[Any], values: Mapping[str, object]) -> list[Any]:
    with failures("the read model cannot be read"), engine.connect() as connection:
        cursor = connection.execute(statement, dict(values)).cursor
        return [] if cursor is None else list(cursor.fetchall())  # the driver's own rows: half the time
