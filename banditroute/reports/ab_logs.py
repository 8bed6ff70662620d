"""What an experiment saw, from a log file: CSV, JSONL or Parquet in the log schema, streamed by duckdb.

Of the log schema `variant` is needed, and `unit` says who asked. Beside it a log may have `experiment`,
`variant_share` (the probability with which the unit got its variant), `error` and `fallback` (0 or 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.core.base import Floats, Ints
from banditroute.errors import LogError
from banditroute.offline.logs import table
from banditroute.offline.logs.cells import FACTORS
from banditroute.offline.logs.files import (
    SCHEMA,
    counted,
    some,
    source_columns,
    suggestion,
    unreadable,
)
from banditroute.offline.logs.judged import judged_rows
from banditroute.offline.logs.queries import Progress, codes, fetch, floats, ints
from banditroute.offline.logs.reading import NEEDED
from banditroute.offline.logs.source import LogFile, open_log
from banditroute.reports.ab import ABReport, Exposures, ab_report
from banditroute.reports.ab_asked import AS_DECLARED, AskedAB, UnknownExperiment
from banditroute.reports.ab_columns import NO_RATES, OWN, declared_shares, widen
from banditroute.types import Weights

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_RATES = ("error", "fallback")
MOST_VARIANTS = 20


@dataclass(frozen=True, slots=True)
class ReadExposures:
    """The requests of an experiment, its name where the log has one, whether the log has times, and what
    was left out or taken for granted."""

    exposures: Exposures
    experiment: str
    timed: bool
    notes: tuple[str, ...]


def ab_of_log(
    log: str | Path,
    experiment: str | None = None,
    asked: AskedAB = AS_DECLARED,
    *,
    settings: Settings | None = None,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    shares: Mapping[str, float | str] | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> ABReport:
    """The report on an experiment of a log file; `settings` say what is worth how much, and what the
    experiment declared where they have it. The other arguments are those of `read_exposures`."""
    read = read_exposures(
        log,
        experiment,
        weights=None if settings is None else settings.reward.weights,
        columns=columns,
        where=where,
        shares=shares,
        skip_bad=skip_bad,
        progress=progress,
    )
    for own in () if settings is None else settings.experiments:
        asked = asked.of(own) if own.name == read.experiment else asked
    report = ab_report(read.exposures, experiment=read.experiment, **asked.told())
    if not read.timed:
        report = structs.replace(report, first_at=None, last_at=None)
    return structs.replace(report, notes=(*read.notes, *report.notes))


def read_exposures(
    path: str | Path,
    experiment: str | None = None,
    *,
    weights: Weights | None = None,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    shares: Mapping[str, float | str] | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> ReadExposures:
    """Reads the requests of an experiment; which one may be left open where the log holds no other.

    `columns` maps names of the schema to the file's own, `where` keeps the rows whose columns equal the
    values, `shares` declares the variants' probabilities where no column says them, and `weights` make the
    reward. Raises LogError where the log cannot tell.
    """
    import duckdb

    path = Path(path)
    given = dict(columns or {})
    own = {name: given.pop(name, name) for name in OWN}
    named = {*given.values(), *own.values(), *(where or {})}
    file = open_log(path, named - set(SCHEMA), optional=[*SCHEMA, *own.values()])
    try:
        for name, column in own.items():
            if column != name and column not in file.columns:
                raise LogError(
                    f"--columns says {name}={column}, but the log has no column '{column}'; it has "
                    f"{some(file.columns)}.{suggestion(column, file.columns)}"
                )
        found = source_columns(file.columns, given, (*NEEDED, "variant"), file.unseen)
        found.pop("prompt", None)
        rows = table.make(file, found, where or {}, (), skip_bad=skip_bad, progress=progress)
        there = {name: column for name, column in own.items() if column in file.columns}
        return _Reader(file, rows, there, weights).read(experiment, shares)
    except duckdb.Error as error:
        raise unreadable(path, error) from error
    finally:
        file.connection.close()


@dataclass(frozen=True, slots=True)
class _Reader:
    """The checked rows of a log, and those of OWN that it has."""

    file: LogFile
    rows: table.Rows
    own: Mapping[str, str]
    weights: Weights | None

    @property
    def connection(self) -> DuckDBPyConnection:
        return self.rows.connection

    def read(self, experiment: str | None, shares: Mapping[str, float | str] | None) -> ReadExposures:
        rewarded = widen(self.file, self.rows, self.own, self.weights)
        name = self._experiment(experiment)
        notes = [*self.rows.notes, *self._select()]
        variant, names = codes(self.connection, "variant", "exposed")
        self._check(names)
        share, declared, told = self._shares(variant, names, shares)
        known = [*(m for m in FACTORS if m in self.rows.found), *(m for m in _RATES if m in self.own)]
        known += ["reward"] if rewarded else []
        unit, before = self._units(known)
        judged = judged_rows(self.rows, "exposed")
        metrics = {name: floats(self.connection, name, "exposed") for name in known}
        if "unit" not in self.rows.found:
            notes.append("The log has no column unit: every request counts as a unit of its own.")
        if self.weights is None and {"quality", "usd"} <= metrics.keys():
            notes.append(NO_RATES)
        cls, classes = codes(self.connection, "class", "exposed")
        timed, people = "at" in self.rows.found, metrics.get("quality")
        exposures = Exposures(
            variants=tuple(names),
            shares=declared,
            at=floats(self.connection, "decided_at" if timed else "0", "exposed"),
            unit=unit,
            variant=variant,
            share=share,
            request_class=cls,
            classes=tuple(classes),
            metrics=metrics,
            judged=None if judged is None else judged.score,
            before=before,
            people=people if judged is None or people is None else judged.people(people),
        )
        first = names.index("control") if "control" in names else 0
        return ReadExposures(exposures.with_control(names[first]), name, timed, (*notes, *told))

    def _experiment(self, wanted: str | None) -> str:
        """Makes `ours`, the rows of one experiment; gives its name, empty where the log has none."""
        known: list[str] = []
        if "experiment" in self.own:
            query = "SELECT DISTINCT experiment FROM widened WHERE experiment IS NOT NULL ORDER BY 1"
            known = [name for (name,) in fetch(self.connection, query)]
        if wanted is not None and wanted not in known:
            raise UnknownExperiment(wanted, known)
        if wanted is None and len(known) > 1:
            raise LogError(
                f"The log holds {len(known)} experiments; name one with --experiment: {some(known)}."
            )
        name = wanted or (known[0] if known else "")
        self.connection.execute("SET VARIABLE experiment = $name", {"name": name})
        ours = "experiment = getvariable('experiment')" if name else "true"
        self.connection.execute(
            f"CREATE TEMP VIEW ours AS SELECT *, coalesce({ours}, false) AND variant IS NOT NULL AS ours "
            "FROM widened"
        )
        return name

    def _select(self) -> list[str]:
        """Makes `exposed`, the rows of the experiment in order of time."""
        n, requests, others = fetch(
            self.connection,
            "SELECT count(*) FILTER (ours), count(DISTINCT request_id) FILTER (ours), "
            "count(*) FILTER (NOT ours) FROM ours",
        )[0]
        if not n:
            raise LogError(
                f"No row of the log names a variant; the column {self.rows.found['variant']} is empty. Name "
                "another with --columns variant=COLUMN."
            )
        if requests < n:
            raise LogError(
                f"{counted(n - requests, 'row repeats a request', 'rows repeat a request')}; an experiment "
                "needs one row per request, with the answer that the user got."
            )
        order = "decided_at, row" if "at" in self.rows.found else "row"
        self.connection.execute(
            f"CREATE TEMP TABLE exposed AS SELECT * FROM ours WHERE ours ORDER BY {order}"
        )
        if not others:
            return []
        return [f"{counted(others, 'request')} of the log took no part in the experiment."]

    def _check(self, names: list[str]) -> None:
        if len(names) == 1:
            raise LogError(
                f"The log holds one variant only, {names[0]}; a comparison needs a control and a treatment."
            )
        if len(names) > MOST_VARIANTS:
            raise LogError(
                f"The column {self.rows.found['variant']} holds {len(names):,} variants ({some(names, 3)}); "
                f"an experiment has at most {MOST_VARIANTS}. Name another with --columns variant=COLUMN."
            )

    def _shares(
        self, variant: Ints, names: list[str], given: Mapping[str, float | str] | None
    ) -> tuple[Floats, Floats, list[str]]:
        """The probability of every request's variant `(n,)`, the declared ones `(v,)`, what was assumed."""
        if given is not None:
            declared = declared_shares(given, names)
            return declared[variant], declared, []
        if "variant_share" not in self.own:
            declared = np.full(len(names), 1.0 / len(names))
            told = (
                "The log does not say with which probability a unit got its variant: equal shares are "
                "assumed; declare others with --shares."
            )
            return declared[variant], declared, [told]
        share = floats(self.connection, "variant_share", "exposed")
        if np.isnan(share).any():
            raise LogError(
                f"{np.isnan(share).sum():,} requests of the experiment have no {self.own['variant_share']}; "
                "give it for all, or declare the shares with --shares."
            )
        mean = np.bincount(variant, share, len(names)) / np.bincount(variant, minlength=len(names))
        return share, mean / mean.sum(), []

    def _units(self, known: list[str]) -> tuple[Ints, dict[str, Floats] | None]:
        """A code of every request's unit `(n,)`; and where units have a past, their means of the `known`
        metrics then, by code."""
        if "unit" not in self.rows.found:
            return np.arange(len(ints(self.connection, "row", "exposed"))), None
        self.connection.execute(
            "CREATE TEMP TABLE units AS SELECT name, row_number() OVER () - 1 AS code, first FROM "
            "(SELECT coalesce(unit, 'r:' || request_id) AS name, "
            f"min({'decided_at' if 'at' in self.rows.found else 'row'}) AS first FROM exposed GROUP BY 1)"
        )
        joined = "exposed e JOIN units u ON coalesce(e.unit, 'r:' || e.request_id) = u.name"
        order = "decided_at, row" if "at" in self.rows.found else "row"
        unit = ints(self.connection, "code", f"(SELECT code, row FROM {joined} ORDER BY {order})")
        return unit, self._before(known)

    def _before(self, names: list[str]) -> dict[str, Floats] | None:
        if "at" not in self.rows.found or not names:
            return None
        means = ", ".join(f"avg({name})" for name in names)
        rows = fetch(
            self.connection,
            f"SELECT u.code, {means} FROM ours o JOIN units u ON o.unit = u.name "
            "WHERE NOT o.ours AND o.decided_at < u.first GROUP BY 1",
        )
        if not rows:
            return None
        ((units,),) = fetch(self.connection, "SELECT count(*) FROM units")
        before = np.full((len(names), units), np.nan)
        code, *columns = zip(*rows, strict=True)
        before[:, list(code)] = np.array(columns, np.float64)
        return dict(zip(names, before, strict=True))
