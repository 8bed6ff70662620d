"""The rows of a log as one typed relation in duckdb, and the checks that each row must pass.

Each row carries the number of the first check that it fails, 0 where it is right; so bad rows can be
counted, shown and refused, or left out where that was asked for. Nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.logs.cells import FACTORS, NO_TIME, TYPED, Check, row_checks, typed_columns
from banditroute.offline.logs.files import counted, quoted, refused_rows, some, suggestion, where_clause
from banditroute.offline.logs.queries import Progress, fetch, run
from banditroute.offline.logs.source import ROW, LogFile
from banditroute.types import OTHER

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SLIP = 0.85
"""How like a name must be, by `difflib`, to be taken for a slip of the pen."""


@dataclass(slots=True)
class Rows:
    """The right rows of the log at `path`: the relation `outcomes` of `connection`, in the order of the file.

    `found` maps the columns of the log schema that are there to the file's own. `notes` say what was left
    out; `partial` that some requests lack some of the models.
    """

    path: Path
    connection: DuckDBPyConnection
    found: Mapping[str, str]
    features: Sequence[str]
    notes: list[str]
    partial: bool = False


def make(
    file: LogFile,
    found: dict[str, str],
    where: Mapping[str, str],
    features: Sequence[str],
    *,
    skip_bad: bool,
    progress: Progress | None,
    prompts: bool = False,
    scaled: bool = False,
    notes: Sequence[str] = (),
) -> Rows:
    """Makes the relation `outcomes` of the wanted rows.

    Text is parsed once, into a table; a Parquet file is read again for each column, which is cheaper
    than to keep it. With `prompts` they are a column too; `scaled` says that scores were put on [0, 1] by
    --scale, and `notes` what was left out before. Raises LogError for bad rows, unless `skip_bad` leaves them
    out.
    """
    connection = file.connection
    condition, values = where_clause(file.columns, found, where)
    for name in features:
        if name in {found.get(outcome) for outcome in FACTORS}:
            raise LogError(
                f"--features names '{name}', which is known only after the answer; a feature is known "
                "before it."
            )
        if name not in file.columns:
            raise LogError(
                f"--features names '{name}', but the log has no such column; it has {some(file.columns)}."
                f"{suggestion(name, file.columns)}"
            )
    for name, value in values.items():
        connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
    checks = row_checks(file, found, features, scaled)
    faults = " ".join(f"WHEN {check.wrong} THEN {number}" for number, check in enumerate(checks, 1))
    typed = [
        f"{ROW} AS row",
        *typed_columns(file, found, features, prompts),
        f"CASE {faults} ELSE 0 END AS fault",
    ]
    relation = "VIEW" if file.form == "parquet" else "TABLE"
    run(
        connection,
        f"CREATE TEMP {relation} typed AS SELECT {', '.join(typed)} FROM file WHERE {condition}",
        progress,
        "reading the log",
    )
    _forget_unseen(file, found, checks)
    kept = ", ".join(f"{name}={value}" for name, value in where.items())
    said = [*notes, f"Only rows with {kept}."] if kept else [*notes]
    rows = Rows(file.path, connection, found, features, said)
    _settle_classes(file, rows)
    _settle_lines(file, rows, skip_bad)
    _settle_faults(file, rows, checks, where, skip_bad)
    return rows


def keep_requests(rows: Rows, wanted: str) -> None:
    """Keeps the rows of the requests that the query `wanted` names, in their order."""
    connection = rows.connection
    connection.execute(
        f"CREATE TEMP TABLE kept AS SELECT * FROM outcomes WHERE request_id IN ({wanted}) ORDER BY row"
    )
    connection.execute("CREATE OR REPLACE TEMP VIEW outcomes AS SELECT * FROM kept")


def _settle_classes(file: LogFile, rows: Rows) -> None:
    """Says so where no column tells the classes; refuses what may be a slip of the pen in its name."""
    column = rows.found.get("request_class")
    if column in file.columns:
        return
    if column is not None and fetch(rows.connection, f"SELECT 1 FROM typed WHERE class <> '{OTHER}' LIMIT 1"):
        return  # rows of JSON beyond the sample have it
    free = [name for name in file.columns if name not in rows.found.values()]
    if close := [name for name in free if get_close_matches(name.lower(), ["request_class"], cutoff=SLIP)]:
        raise LogError(
            f"The log has no column request_class, but '{close[0]}': if that is meant, say --columns "
            f"request_class={close[0]}, or else rename it."
        )
    rows.notes.append(
        f"The log has no column request_class: every request counts as {OTHER}. If another column has the "
        "classes, name it with --columns request_class=COLUMN."
    )


def _settle_lines(file: LogFile, rows: Rows, skip_bad: bool) -> None:
    """Refuses lines of CSV that do not parse, or notes that they are left out."""
    if file.form != "csv":
        return
    ((count, line, reason, torn),) = fetch(
        rows.connection,
        "SELECT count(DISTINCT line), min(line), arg_min(error_message, (line, column_idx)), "
        f"count(*) FILTER (error_type = 'UNQUOTED VALUE') FROM rejects_of_{file.view} "
        f"WHERE scan_id = (SELECT max(scan_id) FROM rejects_of_{file.view})",
    )
    if not count:
        return
    first = f"the first is line {line:,}: {reason.strip().rstrip('.')}"
    what = f"{counted(count, 'line')} of {file.path} cannot be read ({first})"
    if torn:
        raise LogError(f"{what}; a quote that is opened and not closed hides what follows it: close it.")
    if not skip_bad:
        raise LogError(f"{what}; mend them, or leave them out with --skip-bad.")
    rows.notes.append(f"Left out: {what}.")


def _settle_faults(
    file: LogFile, rows: Rows, checks: Sequence[Check], where: Mapping[str, str], skip_bad: bool
) -> None:
    """Refuses rows that fail a check, or leaves them out; makes the relation `outcomes` of the others."""
    connection = rows.connection
    counts = fetch(connection, "SELECT fault, count(*), min(row) FROM typed GROUP BY fault ORDER BY fault")
    if not counts:
        raise LogError(_nothing_found(file, rows, where))
    bad = [(checks[fault - 1], count, row) for fault, count, row in counts if fault]
    if not bad:
        connection.execute("CREATE TEMP VIEW outcomes AS SELECT * EXCLUDE (fault) FROM typed")
        return
    told = [_sentence(file, *one) for one in bad]
    if not skip_bad or len(bad) == len(counts):
        raise refused_rows(file.path, *told[0], others=len(bad) < len(counts))
    rows.notes.extend(f"Left out: {sentence}." for sentence, _ in told)
    connection.execute("CREATE TEMP VIEW outcomes AS SELECT * EXCLUDE (fault) FROM typed WHERE fault = 0")


def _sentence(file: LogFile, check: Check, count: int, row: int) -> tuple[str, str]:
    """How many rows fail a check, which is the first, and what it holds; and the way out."""
    rows = counted(count, "row has", "rows have")
    first = f"SELECT {check.shown} FROM file WHERE {ROW} = {row} ORDER BY {check.wrong} DESC LIMIT 1"
    ((value,),) = fetch(file.connection, first)
    example = f": {value}" if value else ""
    sentence = f"{rows} {check.what} (the first is row {place_in_file(file, row):,}{example})"
    return sentence, check.way_out(value or "")


def place_in_file(file: LogFile, row: int) -> int:
    """The number of a row among all rows of the file, those that were set aside included."""
    if file.form == "csv":
        aside = f"SELECT DISTINCT line - 1 FROM rejects_of_{file.view} ORDER BY 1"
        for (line,) in fetch(file.connection, aside):
            row += line <= row
    return row


def _forget_unseen(file: LogFile, found: dict[str, str], checks: Sequence[Check]) -> None:
    """Drops columns that no row of a JSON file has. Times that begin after the sample lack in its rows."""
    names = [
        name
        for name, column in found.items()
        if column in file.unseen and name not in ("request_id", "request_class", "model")
    ]
    if not names:
        return
    listed = ", ".join(f"count({TYPED.get(name, name)})" for name in names)
    (counts,) = fetch(file.connection, f"SELECT {listed} FROM typed")
    for name, count in zip(names, counts, strict=True):
        if not count:
            del found[name]
    if "at" in names and "at" in found:
        fault = next(number for number, check in enumerate(checks, 1) if check.what.startswith(NO_TIME))
        file.connection.execute(f"UPDATE typed SET fault = {fault} WHERE fault = 0 AND decided_at IS NULL")


def _nothing_found(file: LogFile, rows: Rows, where: Mapping[str, str]) -> str:
    """Why no row is left: none there, or none but those that notes tell of, or what the columns of a
    fruitless `where` do hold."""
    if not where:
        return " ".join(["The log has no rows; it needs one per request and model.", *rows.notes])
    sentences = []
    for name in where:
        column = quoted(name if name in file.columns else rows.found[name])
        query = f"SELECT DISTINCT CAST({column} AS VARCHAR) v FROM file ORDER BY v LIMIT 13"
        sentences.append(f"{name} has {some((value for (value,) in fetch(file.connection, query)), 12)}")
    named = ",".join(f"{name}={value}" for name, value in where.items())
    return f"No row of the log has {named}. {'; '.join(sentences)}."
