"""Logs of past requests: one row per (request, model outcome), read into arrays and checked.

What a log can answer follows from its shape, its `kind`: with a row for every model of every
request it is full information, and any policy can be replayed on it exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from banditroute.offline import logfiles, logtable
from banditroute.offline.logtable import FACTORS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEEDED = ("request_id", "request_class", "model", "quality")
"""Columns without which nothing can be replayed."""

LogKind = Literal["full_information", "logged", "observational"]


@dataclass(frozen=True, slots=True)
class Log:
    """n requests and k models. Outcome arrays are `(n, k)`, nan where the log says nothing.

    Requests are in time order where the log has `at`, else in order of their ids; models and classes
    are sorted. `features` are numeric columns `(n,)` that the caller asked for. `kind` says what
    the log can answer: `full_information` (a row for every model), `logged` (one row per request,
    with its propensity) or `observational` (one row, no propensity).
    """

    kind: LogKind
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

    def __len__(self) -> int:
        return len(self.class_index)


def read_log(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    features: Sequence[str] = (),
) -> Log:
    """Reads a CSV, JSONL or Parquet log. Raises LogError, with the way out, where it cannot be trusted.

    `columns` maps names of the log schema to the file's own, `where` keeps the rows whose columns
    equal the values. A missing class counts as `other`.
    """
    import duckdb

    path = Path(path)
    connection, present = logfiles.open_log(path)
    try:
        found = logfiles.source_columns(present, columns, NEEDED)
        try:
            logtable.make(connection, present, found, where or {}, features)
        except duckdb.Error as error:
            raise logfiles.unreadable(path, error) from error
        logtable.check_rows(connection, found, features)
        return _assemble(connection, found, features)
    finally:
        connection.close()


def _assemble(connection: DuckDBPyConnection, found: Mapping[str, str], features: Sequence[str]) -> Log:
    """The arrays of a checked table: one row of arrays per request, one column per model."""
    models = logtable.models(connection)
    kind = logtable.kind(connection, found, len(models))
    connection.execute(
        "CREATE TEMP TABLE requests AS "
        "SELECT *, row_number() OVER (ORDER BY decided_at, request_id) - 1 AS i FROM ("
        "SELECT request_id, min(class) AS class, min(decided_at) AS decided_at, arg_min(unit, row) AS unit, "
        "min(row) AS row, max(input_tokens) AS input_tokens"
        + "".join(f", arg_min({name}, row) AS {name}" for name in logtable.feature_names(features))
        + " FROM outcomes GROUP BY request_id)"
    )
    requests = connection.execute("SELECT * FROM requests ORDER BY i").fetchnumpy()
    cells = connection.execute(
        f"SELECT i, list_position($models, model) - 1 AS m, {', '.join(FACTORS)} "
        "FROM outcomes JOIN requests USING (request_id)",
        {"models": list(models)},
    ).fetchnumpy()
    n = len(requests["request_id"])
    where = np.asarray(cells["i"], dtype=np.int64), np.asarray(cells["m"], dtype=np.int64)
    tables = {name: np.full((n, len(models)), np.nan) for name in FACTORS}
    for name, table in tables.items():
        table[where] = _floats(cells[name])
    classes, class_index = np.unique(requests["class"].astype(str), return_inverse=True)
    return Log(
        kind=kind,
        request_ids=np.asarray(requests["request_id"]),
        models=models,
        classes=tuple(classes.tolist()),
        class_index=class_index.astype(np.int64),
        input_tokens=_floats(requests["input_tokens"]),
        at=_floats(requests["decided_at"]) if "at" in found else None,
        unit=_texts(requests["unit"]) if "unit" in found else None,
        prompts=logtable.prompts(connection, found["prompt"]) if "prompt" in found else None,
        features={
            name: _floats(requests[column])
            for name, column in zip(features, logtable.feature_names(features), strict=True)
        },
        **tables,
    )


def _floats(column: NDArray[np.float64] | np.ma.MaskedArray) -> Floats:
    """A fetched column as floats, nan where it was null."""
    return np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan)


def _texts(column: NDArray[np.object_] | np.ma.MaskedArray) -> list[str | None]:
    """A fetched column as texts, None where it was null."""
    return list(np.ma.filled(np.ma.asarray(column, dtype=object), None))
