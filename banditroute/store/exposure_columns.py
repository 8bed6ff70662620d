"""Reading the requests of an experiment out of the read model: the new ones, and those told of since.

Rows are appended in the order of the decisions and revised where outcomes came, so what was read once and
then kept up to date is what reading it all anew would give, to the bit: sums are made in one order, and no
more than what is new is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sqlalchemy import Engine, Select, bindparam, case, func, or_, select

from banditroute.config.settings import Settings
from banditroute.store import tables, worth
from banditroute.store.engine import failures
from banditroute.store.exposures import CODED, METRICS, OWN, Codes, Exposed, Floats, Ints, in_order

PAGE = 20_000
"""Requests read at once."""

UNITS = 2_000
"""Units whose past is read at once; databases limit the number of parameters."""

_NUMBERS = (*OWN, *METRICS)
_r = tables.results.c


@dataclass(frozen=True, slots=True)
class Columns:
    """What was read of n requests: their numbers `seq` `(n,)`, the codes of CODED `(6, n)`, the numbers of
    OWN and METRICS `(14, n)`. `first` `(units,)` is the number of the first request that named a unit, inf
    where none did, `before` `(8, units)` the means of METRICS until then. `names` know what the codes say."""

    names: tuple[Codes, ...] = field(default_factory=lambda: tuple(Codes() for _ in CODED))
    seq: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    codes: Ints = field(default_factory=lambda: np.empty((len(CODED), 0), np.int64))
    numbers: Floats = field(default_factory=lambda: np.empty((len(_NUMBERS), 0)))
    first: Floats = field(default_factory=lambda: np.empty(0))
    before: Floats = field(default_factory=lambda: np.empty((len(METRICS), 0)))

    def __post_init__(self) -> None:
        for kept in (self.seq, self.codes, self.numbers, self.first, self.before):
            kept.flags.writeable = False  # they are handed out, and kept

    @property
    def last(self) -> int:
        """The number of the last request."""
        return int(self.seq[-1]) if len(self.seq) else 0

    def exposed(self) -> Exposed:
        """The columns as statistics want them."""
        unit, variant, cls, model, judge, policy = (codes.names for codes in self.names)
        coded = dict(zip(CODED, self.codes, strict=True))
        judge, coded["judge"], _ = in_order(judge, coded["judge"])  # a score may have come late, or be gone
        own = dict(zip(_NUMBERS, self.numbers, strict=True))
        return Exposed(
            units=unit, variants=variant, classes=cls, models=model, judges=judge, policies=policy, **coded,
            at=own["at"], share=own["share"], propensity=own["propensity"],
            attempt=own["attempt"].astype(np.int64), judged=own["judged"], people=own["people"],
            metrics={name: own[name] for name in METRICS},
            before=dict(zip(METRICS, self.before, strict=True)),
        )  # fmt: skip


class Reader:
    """Reads one experiment; `breathe` is called after every page."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        experiment: str,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._breathe = breathe
        metrics = _metrics(settings)
        mine = select(
            _r.seq, case((_r.unit.is_not(None), 1), else_=0), func.coalesce(_r.unit, _r.id),
            func.coalesce(_r.variant, ""), _r.request_class, _r.model, _r.judged_by, _r.policy,
            _r.at, _r.variant_share, _r.propensity, _r.attempt, _r.judged,
            case((_r.quality_source != "judge", _r.quality)), *metrics,
        ).where(_r.experiment == experiment)  # fmt: skip
        self._page = mine.where(_r.seq > bindparam("after")).order_by(_r.seq).limit(PAGE)
        told = _r.id.in_(bindparam("ids", expanding=True))
        self._told = mine.where(told, _r.seq <= bindparam("last"))
        self._stirred = select(_r.unit, _r.seq).where(told, _r.unit.is_not(None))
        self._past = (
            select(_r.unit, _r.seq, *metrics)
            .where(
                _r.unit.in_(bindparam("units", expanding=True)),
                _r.seq < bindparam("until"),
                or_(_r.experiment.is_(None), _r.experiment != experiment),
            )
            .order_by(_r.unit, _r.seq)
        )

    def grown(self, known: Columns) -> Columns:
        """With the requests that were made since."""
        pages, first = [], known.first
        after = known.last
        while rows := self._read(self._page, {"after": after}):
            page = _coded(known, rows)
            first = _first(first, len(known.names[0].known), *page[:3])
            pages.append(page)
            after = rows[-1][0]
            self._breathe()
        if not pages:
            return known
        seq, _, codes, numbers = zip(*pages, strict=True)
        before = np.full((len(METRICS), len(first)), np.nan)
        before[:, : len(known.first)] = known.before
        entered = np.isfinite(first)
        entered[: len(known.first)] &= np.isinf(known.first)
        grown = Columns(
            known.names,
            np.concatenate([known.seq, *seq]),
            np.concatenate([known.codes, *codes], axis=1),
            np.concatenate([known.numbers, *numbers], axis=1),
            first,
            before,
        )
        return self._remembered(grown, np.flatnonzero(entered))

    def revised(self, known: Columns, told: Iterable[Sequence[str]]) -> Columns:
        """With what was said since: `told` are pages of the ids of the decisions that it was said of."""
        units = known.names[0].known
        pages, stirred = [], set[int]()
        for ids in told:
            if rows := self._read(self._told, {"ids": ids, "last": known.last}):
                pages.append(_coded(known, rows))
            for unit, seq in self._read(self._stirred, {"ids": ids}):
                code = units.get(unit, -1)
                if 0 <= code < len(known.first) and seq < known.first[code] < np.inf:
                    stirred.add(code)
            self._breathe()
        if pages:
            seq, _, codes, numbers = (np.concatenate(parts, axis=-1) for parts in zip(*pages, strict=True))
            places = np.searchsorted(known.seq, seq)
            known = replace(
                known, codes=_put(known.codes, places, codes), numbers=_put(known.numbers, places, numbers)
            )
        return self._remembered(known, np.array(sorted(stirred), np.int64))

    def _remembered(self, columns: Columns, units: Ints) -> Columns:
        """With the means of some units before their first exposure, read anew."""
        if not len(units):
            return columns
        names, codes, before = columns.names[0].names, columns.names[0].known, columns.before.copy()
        units = units[np.argsort(columns.first[units], kind="stable")]  # a page then ends with its own past
        for begin in range(0, len(units), UNITS):
            own = units[begin : begin + UNITS]
            asked = {"units": [names[code] for code in own.tolist()], "until": columns.first[own].max()}
            before[:, own] = _means(self._read(self._past, asked), codes, columns.first, own)
            self._breathe()
        return replace(columns, before=before)

    def _read(self, statement: Select[Any], values: Mapping[str, object]) -> list[Any]:
        with failures("the read model cannot be read"), self._engine.connect() as connection:
            cursor = connection.execute(statement, dict(values)).cursor
            return [] if cursor is None else list(cursor.fetchall())  # the driver's own rows: half the time


def _metrics(settings: Settings) -> list[Any]:
    """The metrics of a result, in the order of METRICS. Where anything was told, no error was none."""
    heard = (_r.told == 1, func.coalesce(_r.error, 0.0))
    return [
        worth.quality(settings), worth.usd(settings), _r.seconds, worth.reward(settings),
        case(heard), case((_r.kind == "fallback", 1.0), else_=0.0),
        _r.output_tokens, _r.input_tokens,
    ]  # fmt: skip


def _coded(known: Columns, rows: Sequence[Any]) -> tuple[Ints, Ints, Ints, Floats]:
    """The numbers of some requests, whether each named its unit, their codes and their numbers."""
    columns = tuple(zip(*rows, strict=True))
    named, *text = columns[1 : 2 + len(CODED)]
    codes = [own.of(column) for own, column in zip(known.names, text, strict=True)]
    numbers = [np.array(column, np.float64) for column in columns[2 + len(CODED) :]]
    return np.array(columns[0], np.int64), np.array(named, np.int64), np.array(codes), np.array(numbers)


def _first(first: Floats, units: int, seq: Ints, named: Ints, codes: Ints) -> Floats:
    """The numbers of the first requests that named each unit, with those of one more page."""
    grown = np.full(units, np.inf)
    grown[: len(first)] = first
    rows = named == 1
    np.minimum.at(grown, codes[0, rows], seq[rows].astype(np.float64))
    return grown


def _means(rows: Sequence[Any], codes: Mapping[str, int], first: Floats, units: Ints) -> Floats:
    """Means of METRICS over the rows before the first exposure of each of some units, nan where there are
    none; summed in the order of the rows, so that no more than the rows themselves decides on them."""
    table = np.full((len(METRICS), len(units)), np.nan)
    if not rows:
        return table
    place = {code: i for i, code in enumerate(units.tolist())}
    columns = tuple(zip(*rows, strict=True))
    code = np.fromiter((codes[name] for name in columns[0]), np.int64)
    early = np.array(columns[1], np.float64) < first[code]
    at = np.fromiter((place[own] for own in code.tolist()), np.int64)[early]
    for values, column in zip(table, columns[2:], strict=True):
        value = np.array(column, np.float64)[early]
        known = ~np.isnan(value)
        count = np.bincount(at[known], minlength=len(units))
        total = np.bincount(at[known], value[known], minlength=len(units))
        np.divide(total, count, out=values, where=count > 0)
    return table


def _put(values: Any, places: Ints, new: Any) -> Any:
    """A copy with some columns in place of others."""
    changed = values.copy()
    changed[:, places] = new
    return changed
