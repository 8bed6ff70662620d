"""`import`: a file of a known format, checked and written as a log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from banditroute.errors import LogError
from banditroute.offline.logs.cells import TYPED
from banditroute.offline.logs.files import SCHEMA, quoted, suggestion, unreadable
from banditroute.offline.logs.importers import IMPORTERS, SEVERAL_SCORES
from banditroute.offline.logs.importers.source import Source, Table, onto_unit
from banditroute.offline.logs.queries import Progress, fetch
from banditroute.offline.logs.shape import requests_of
from banditroute.offline.logs.source import ROW, LogFile, connect
from banditroute.offline.logs.table import Rows, make
from banditroute.offline.logs.writing import check_target, write_log


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written: how much, what such a log can answer (`kind`), and what was left out of it."""

    path: Path
    rows: int
    requests: int
    models: int
    kind: str
    notes: tuple[str, ...]


def import_log(
    form: str,
    path: str | Path,
    out: str | Path,
    *,
    quality: str | None = None,
    scale: tuple[float, float] | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Converts a file, or a folder where the format is one, of format `form` into the log `out` (CSV, JSONL
    or Parquet by its extension).

    `quality` names the score that is the quality, where the format has several, and `scale` the worst and the
    best score there can be, which become 0 and 1; without it, scores are in [0, 1] already. Broken rows are
    refused, or left out with a note by `skip_bad`. Raises LogError; then nothing is written.
    """
    import duckdb

    if form not in IMPORTERS:
        raise LogError(
            f"There is no format '{form}'; the formats are {', '.join(IMPORTERS)}."
            f"{suggestion(form, IMPORTERS)}"
        )
    if quality is not None and form not in SEVERAL_SCORES:
        raise LogError(
            f"{form} has one quality or none, so --quality {quality} chooses nothing; leave it out. Formats "
            f"with several scores take it: {', '.join(SEVERAL_SCORES)}."
        )
    path, out = Path(path), Path(out)
    check_target(out)
    if out.exists() and path.exists() and out.samefile(path):
        raise LogError(f"{out} is the file that is read; give the log another name.")
    connection = connect()
    try:
        source = Source(connection, path, quality)
        table = IMPORTERS[form](source)
        if quality is not None and "quality" not in table.columns:
            raise LogError(
                f"There are no scores beside these calls, so none is named {quality}; name the folder that "
                "has both, or leave --quality out."
            )
        if scale is not None:
            table = _scaled(table, form, scale)
        return _convert(source, table, out, skip_bad, progress, scaled=scale is not None)
    except duckdb.Error as error:
        raise unreadable(path, error) from error
    finally:
        connection.close()


def _scaled(table: Table, form: str, scale: tuple[float, float]) -> Table:
    """The same with its scores, the quality and what a judge gave, put on [0, 1]."""
    scores = {name: table.columns[name] for name in ("quality", "judge_quality") if name in table.columns}
    if not scores:
        raise LogError(f"There are no scores in {form}, or none beside these calls; leave --scale out.")
    put = {name: (label, onto_unit(cell, *scale)) for name, (label, cell) in scores.items()}
    return replace(table, columns=table.columns | put)


def _convert(
    source: Source, table: Table, out: Path, skip_bad: bool, progress: Progress | None, *, scaled: bool
) -> Imported:
    """Checks what the importer found as `read_log` would, and writes what is right."""
    connection = source.connection
    columns = {"request_class": ("request_class", "CAST(NULL AS VARCHAR)"), **table.columns}
    cells = ", ".join(f"{cell} AS {quoted(label)}" for label, cell in columns.values())
    connection.execute(f"CREATE TEMP VIEW file AS SELECT {table.row} AS {ROW}, {cells} FROM {table.relation}")
    labels = dict.fromkeys((label for label, _ in columns.values()), "VARCHAR")
    form = "csv" if table.file.form == "csv" else "json"
    file = LogFile(source.path, form, connection, labels, frozenset(labels), table.file.view)
    found = {name: label for name, (label, _) in columns.items()}
    rows = make(
        file,
        found,
        {},
        (),
        skip_bad=skip_bad,
        progress=progress,
        prompts=True,
        scaled=scaled,
        notes=source.notes,
    )
    complete = requests_of(rows, skip_bad)
    kept = (
        "outcomes" if complete is None else "(SELECT * FROM outcomes SEMI JOIN requests USING (request_id))"
    )
    written = ", ".join(f"{TYPED.get(name, name)} AS {name}" for name in SCHEMA if name in found)
    write_log(connection, f"SELECT {written} FROM {kept} AS kept ORDER BY row", out, progress)
    ((count, requests, models),) = fetch(
        connection, f"SELECT count(*), count(DISTINCT request_id), count(DISTINCT model) FROM {kept} AS kept"
    )
    kind = "full_information" if complete else _kind_of_decisions(rows)
    return Imported(out, count, requests, models, kind, tuple(rows.notes))


def _kind_of_decisions(rows: Rows) -> str:
    if "propensity" not in rows.found:
        return "observational"
    ((known,),) = fetch(rows.connection, "SELECT count(propensity) FROM outcomes")
    return "logged" if known else "observational"
