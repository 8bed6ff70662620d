"""Logs of past requests: one row per (request, model outcome), read into arrays and checked.

What a log can answer follows from its shape, its `kind`: with a row for every model of every
request it is full information (`Log`), and any policy can be replayed on it exactly; with one row
per request it is a log of decisions (`DecisionLog`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from banditroute.errors import LogError
from banditroute.offline.logs import files, table
from banditroute.offline.logs.cells import FACTORS, feature_names
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.decisions import assemble_decisions
from banditroute.offline.logs.judged import Judged, judged_rows
from banditroute.offline.logs.prompts import prompts_of
from banditroute.offline.logs.queries import Progress, codes, ints, plain_floats, run
from banditroute.offline.logs.shape import requests_of
from banditroute.offline.logs.source import LogFile, open_log

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEEDED = ("request_id", "model")
"""Columns without which a file is no log."""


@dataclass(frozen=True, slots=True)
class Log:
    """n requests and k models, each with its outcome: arrays `(n, k)`, nan where the log says nothing.

    Requests are in time order where the log has `at`, else in order of their ids; models and classes
    are sorted. `features` are numeric columns `(n,)` that the caller asked for.
    """

    kind: Literal["full_information", "partial"]
    """Partial where some requests lack some of the models: then it tells outcomes, and compares nothing."""
    request_ids: NDArray[np.str_]
    models: tuple[str, ...]
    classes: tuple[str, ...]
    class_index: Ints
    quality: Floats
    usd: Floats
    seconds: Floats
    output_tokens: Floats
    input_tokens: Floats
    at: Floats | None = None
    unit: list[str | None] | None = None
    prompts: list[str] | None = None
    features: Mapping[str, Floats] = field(default_factory=dict)
    judged: Judged | None = None
    """Judges' scores, `(n, k)`; None where there are none."""
    notes: tuple[str, ...] = ()
    """What was left out of the log, and why."""

    def __len__(self) -> int:
        return len(self.class_index)


def read_log(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    features: Sequence[str] = (),
    prompts: bool = True,
    skip_bad: bool = False,
    drawn_only: bool = True,
    complete: bool = True,
    progress: Progress | None = None,
) -> Log | DecisionLog:
    """Reads a CSV, JSONL or Parquet log. Raises LogError, with the way out, where it cannot be trusted.

    `columns` maps names of the log schema to the file's own, `where` keeps the rows whose columns
    equal the values. A missing class counts as `other`; where no column tells any, every request does, with
    a note. Without `prompts` they are not read: they are most of the memory. Broken rows are refused, or left
    out with a note by `skip_bad`. Of decisions whose `kind` says that they were not drawn, `drawn_only`
    leaves out those without a propensity where others have one; otherwise such a log is observational. Where
    only what was seen matters, and not who was chosen or why, it need not be `complete`: requests may lack
    some models, decisions a propensity.
    """
    import duckdb

    path = files.log_path(path)
    files.check_mappings(columns=columns, where=where)
    named = {*(columns or {}).values(), *(where or {}), *features}
    file = open_log(path, named - set(files.SCHEMA))
    try:
        found = files.source_columns(file.columns, columns, NEEDED, file.unseen)
        if not prompts:
            found.pop("prompt", None)
        rows = table.make(file, found, where or {}, features, skip_bad=skip_bad, progress=progress)
        models = requests_of(rows, skip_bad, complete)
        if models is None:
            return assemble_decisions(file, rows, skip_bad=skip_bad, drawn_only=drawn_only, complete=complete)
        return _assemble(file, rows, models)
    except duckdb.Error as error:
        raise files.unreadable(path, error) from error
    finally:
        file.connection.close()


def _assemble(file: LogFile, rows: table.Rows, models: tuple[str, ...]) -> Log:
    """The arrays of complete requests: one row of arrays per request, one column per model."""
    connection, found = rows.connection, rows.found
    if "quality" not in found:
        raise LogError(
            f"The log has no column quality; it has {files.some(file.columns)}. "
            "Say which column holds it with --columns quality=COLUMN."
        )
    order = "decided_at, request_id" if "at" in found else "request_id"
    run(
        connection,
        f"CREATE TEMP TABLE places AS SELECT request_id, row, "
        f"row_number() OVER (ORDER BY {order}) - 1 AS i FROM requests",
        None,
        "",
    )
    requests = connection.execute(f"SELECT * EXCLUDE (row) FROM requests ORDER BY {order}").fetchnumpy()
    n = len(requests["request_id"])
    factors = [name for name in FACTORS if name in found]
    cells = connection.execute(
        f"SELECT CAST(i AS INTEGER) AS i, m, {', '.join(factors)} "
        f"FROM (SELECT request_id, enum_code(CAST(model AS texts_of_model)) AS m, {', '.join(factors)} "
        "FROM outcomes) JOIN places USING (request_id)"
    ).fetchnumpy()
    where = cells.pop("i"), cells.pop("m")
    tables = {name: np.full((n, len(models)), np.nan) for name in FACTORS}
    for name in factors:
        tables[name][where] = plain_floats(cells.pop(name))
    judged = _judged(rows, n, len(models))
    class_index, classes = codes(connection, "class", f"(SELECT * FROM requests ORDER BY {order})")
    units = requests.get("unit")
    return Log(
        kind="partial" if rows.partial else "full_information",
        request_ids=np.asarray(requests["request_id"]),
        models=models,
        classes=tuple(classes),
        class_index=class_index,
        input_tokens=plain_floats(requests["input_tokens"])
        if "input_tokens" in found
        else np.full(n, np.nan),
        at=plain_floats(requests["decided_at"]) if "at" in found else None,
        unit=None if units is None else list(np.ma.filled(np.ma.asarray(units, dtype=object), None)),
        prompts=prompts_of(file, found, _first_rows(rows, order)) if "prompt" in found else None,
        features={
            name: plain_floats(requests[column])
            for name, column in zip(rows.features, feature_names(rows.features), strict=True)
        },
        judged=judged,
        notes=tuple(rows.notes),
        **tables,
    )


def _judged(rows: table.Rows, n: int, k: int) -> Judged | None:
    """Judges' scores as tables `(n, k)`; the relations `places` and the models' type are there."""
    relation = "(SELECT outcomes.*, i FROM outcomes JOIN places USING (request_id) ORDER BY outcomes.row)"
    found = judged_rows(rows, relation)
    if found is None:
        return None
    request = ints(rows.connection, "i", relation)
    where = request, ints(rows.connection, "enum_code(CAST(model AS texts_of_model))", relation)
    judge, score, alone = np.full((n, k), -1), np.full((n, k), np.nan), np.zeros((n, k), np.bool_)
    judge[where], score[where], alone[where] = found.judge, found.score, found.alone
    return Judged(found.judges, judge, score, alone)


def _first_rows(rows: table.Rows, order: str) -> Ints:
    """The row of the file from which a request's prompt is taken, in the order of the requests."""
    column = rows.connection.execute(f"SELECT row FROM requests ORDER BY {order}").fetchnumpy()["row"]
    return np.asarray(column, dtype=np.int64)
