"""What the dashboard, reports and experiments ask of a log: sums over time, newest decisions, columns.

Nothing here reads the events: sums come from `rollups`, rows from `results`, all by an index. The tables
hold no price and no worth of an error; the configuration gives both when they are read. USD that nobody
reported are tokens at list prices, as in the reports; a failed call without a score counts as
`[reward] error_quality`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from math import inf, isfinite
from typing import Any

from sqlalchemy import Select, func, select

from banditroute.config.settings import Settings
from banditroute.store import tables, worth
from banditroute.store.base import Store
from banditroute.store.engine import failures
from banditroute.store.exposures import Exposed
from banditroute.store.kept_exposures import KeptExposures
from banditroute.store.results import Result
from banditroute.store.rollups import ALL, DAY, HOUR, KEPT, MINUTE, TEN_MINUTES, quantile
from banditroute.store.sums import EVERYTHING, KEYS, Key, Latency, Sums, Where, ordered, priced
from banditroute.store.tallied import cursor_of

__all__ = ["DAY", "HOUR", "MINUTE", "TEN_MINUTES", "Exposed", "Latency", "Result", "Sums", "Views", "Where"]

POINTS = 240
"""Spans that a series has at most, where the level is left open."""

SEARCHED = 10_000
"""Decisions that a search by id looks at, newest first."""

_FIELDS = Result.__struct_fields__
_r, _s, _l = tables.results.c, tables.rollups.c, tables.latencies.c


class Views:
    """The questions, asked of one log under one configuration. Safe to share between threads.

    Times are seconds since the epoch; a span begins at `since`, rounded down to the level, and ends before
    `until`. Levels are spans of MINUTE (kept for 3 hours), TEN_MINUTES (3 days), HOUR (60 days), DAY.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._engine = store.engine
        self._settings = settings
        self._prices = worth.known_prices(settings)
        self._error_quality = settings.reward.error_quality
        self._exposures = KeptExposures(store, settings)
        self._rows = select(
            *(worth.usd(settings).label(name) if name == "usd" else _r[name] for name in _FIELDS)
        )

    def series(
        self,
        since: float,
        until: float,
        *,
        level: int | None = None,
        by: Sequence[str] = ("model",),
        where: Where = EVERYTHING,
    ) -> tuple[Sums, ...]:
        """Sums of every span, in order of time, by some of KEYS; spans without a request are left out."""
        return self._sums(since, until, level, by, where, over_time=True)

    def summary(
        self,
        since: float,
        until: float,
        *,
        level: int | None = None,
        by: Sequence[str] = ("request_class", "model"),
        where: Where = EVERYTHING,
    ) -> tuple[Sums, ...]:
        """Sums of the whole time, by some of KEYS."""
        return self._sums(since, until, level, by, where, over_time=False)

    def latency(
        self,
        since: float,
        until: float,
        *,
        level: int | None = None,
        over_time: bool = False,
        by_model: bool = True,
        model: str | None = None,
    ) -> tuple[Latency, ...]:
        """Quantiles of the seconds that answers took, by span and model."""
        level = level or level_for(since, until)
        keys = [_l.bucket] * over_time + [_l.model] * by_model
        wanted = select(*keys, _l.bin, func.sum(_l.requests)).where(
            _l.level == level, _l.bucket >= since // level * level, _l.bucket < until
        )
        if model is not None:
            wanted = wanted.where(_l.model == model)
        rows = self._read(wanted.group_by(*keys, _l.bin).order_by(*keys))
        found = []
        for key, group in groupby(rows, lambda row: row[:-2]):
            bins = {row[-2]: row[-1] for row in group if row[-1] > 0.5}
            if bins:
                at = float(key[0]) if over_time else None
                name = key[-1] if by_model else model
                p50, p95, p99 = (quantile(bins, q) for q in (0.5, 0.95, 0.99))
                found.append(Latency(at, name, round(sum(bins.values())), p50, p95, p99))
        return tuple(found)

    def parts(self, since: float = -inf) -> list[tuple[Any, ...]]:
        """Rows of day, part of the units, class, model and `tables.SUMS` of the days from `since` on."""
        keys = (_s.bucket, _s.part, _s.request_class, _s.model)
        wanted = select(*keys, *(func.sum(_s[name]) for name in tables.SUMS)).where(
            _s.level == DAY, _s.part >= 0
        )
        if isfinite(since):
            wanted = wanted.where(_s.bucket >= since // DAY * DAY)
        return self._read(wanted.group_by(*keys))

    def recent(
        self,
        limit: int = 50,
        *,
        before_seq: int | None = None,
        where: Where = EVERYTHING,
        unit: str | None = None,
        text: str | None = None,
    ) -> tuple[Result, ...]:
        """The newest decisions, newest first, with USD as in all sums; the next page begins before the `seq`
        of the last. `text` is how the id begins, of the newest `SEARCHED` such ids, or a whole unit."""
        named = {name: value for name in KEYS if (value := getattr(where, name)) is not None}
        if len(named) > 1 and not self._met(named):
            return ()
        wanted = self._rows
        for name, value in named.items():
            wanted = wanted.where(_r[name] == value)
        if unit is not None:
            wanted = wanted.where(_r.unit == unit)
        if before_seq is not None:
            wanted = wanted.where(_r.seq < before_seq)
        wanted = wanted.order_by(_r.seq.desc()).limit(limit)
        if not text:
            return tuple(Result(*row) for row in self._read(wanted))
        alike = select(_r.seq).where(_r.id >= text, _r.id < f"{text}\U0010ffff")
        newest = alike.order_by(_r.id.desc()).limit(SEARCHED)
        rows = self._read(wanted.where(_r.seq.in_(newest)))
        rows = rows or self._read(wanted.where(_r.unit == text))
        return tuple(Result(*row) for row in rows)

    def result(self, decision_id: str) -> Result | None:
        """What stands about one decision; None where it was not tallied (yet)."""
        rows = self._read(self._rows.where(_r.id == decision_id))
        return Result(*rows[0]) if rows else None

    def exposures(
        self,
        experiment: str,
        *,
        since: float = 0.0,
        until: float = inf,
        breathe: Callable[[], None] = lambda: None,
    ) -> Exposed:
        """The requests of an experiment as columns: seconds for a million, and then only what is new. Their
        arrays are shared and cannot be written."""
        return self._exposures.get(experiment, breathe).between(since, until)

    def is_current(self) -> bool:
        """Whether everything in the log is in these tables."""
        cursor = cursor_of(self._engine)
        if cursor is None or cursor.seq < self._store.last_seq():
            return False
        return not self._store.decided(cursor.decided, 1, prompts=False).records

    def first_at(self) -> float | None:
        """When the first decision was made."""
        first: float | None = self._read(select(func.min(_r.at)))[0][0]
        return first

    def last_at(self) -> float | None:
        """When the last decision was made."""
        last: float | None = self._read(select(func.max(_r.at)))[0][0]
        return last

    def _sums(
        self,
        since: float,
        until: float,
        level: int | None,
        by: Sequence[str],
        where: Where,
        *,
        over_time: bool,
    ) -> tuple[Sums, ...]:
        level = level or level_for(since, until)
        named = list(dict.fromkeys([*by, "model"]))  # the model too, since it has a price of its own
        keys = [_s.bucket] * over_time + [_s[name] for name in named]
        wanted = select(*keys, *(func.sum(_s[name]) for name in tables.SUMS)).where(
            _s.level == level, _s.part == ALL, _s.bucket >= since // level * level, _s.bucket < until
        )
        for name in KEYS:
            value = getattr(where, name)
            wanted = wanted if value is None else wanted.where(_s[name] == value)
        found: dict[Key, list[float]] = {}
        places = [named.index(name) + over_time if name in by else None for name in KEYS]
        model, first = named.index("model") + over_time, len(keys)
        for row in self._read(wanted.group_by(*keys)):
            sums = priced(row[first:], self._prices.get(row[model]), self._error_quality)
            names = [None if place is None else row[place] for place in places]
            key = (float(row[0]) if over_time else None, *names)
            known = found.get(key)
            found[key] = sums if known is None else [a + b for a, b in zip(known, sums, strict=True)]
        return ordered(found)

    def _met(self, named: Mapping[str, str]) -> bool:
        """Whether there is any request with all of these: else a list would look through all with one."""
        days = select(_s.bucket).where(_s.level == DAY, _s.part == ALL)
        for name, value in named.items():
            days = days.where(_s[name] == value)
        return bool(self._read(days.limit(1)))

    def _read(self, statement: Select[Any]) -> list[Any]:
        with failures("the read model cannot be read"), self._engine.connect() as connection:
            return list(connection.execute(statement).all())


def level_for(since: float, until: float) -> int:
    """The finest level that is kept for as long and needs no more than POINTS spans."""
    age, span = time.time() - since, until - since
    fitting = (level for level in KEPT if span <= POINTS * level and age <= KEPT[level])
    return next(fitting, DAY)
