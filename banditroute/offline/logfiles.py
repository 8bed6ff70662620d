"""Opening a log file with duckdb: which format it is, which columns it has, which rows are wanted.

Nothing from outside becomes SQL text except column names, which are looked up in the file first and
then quoted; paths and values are bound.
"""

from __future__ import annotations

import difflib
import glob
import gzip
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
"""File name extension -> how it is read. CSV and JSON may be compressed: `history.csv.gz`."""

MEMORY = "1GB"
"""What duckdb may hold while a log is read; beyond it, it works on disk."""

SCHEMA = (
    "request_id",
    "at",
    "request_class",
    "prompt",
    "input_tokens",
    "model",
    "quality",
    "usd",
    "seconds",
    "output_tokens",
    "propensity",
    "candidates",
    "unit",
    "policy",
    "variant",
    "source",
)
"""The columns of the log schema."""

NUMBERS = frozenset({"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT"})


def quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def some(names: Iterable[str], limit: int = 12) -> str:
    """Names for a sentence, cut off where they would become a wall."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(name if len(name) <= 60 else name[:57] + "..." for name in listed[:limit]) + more


def suggestion(name: str, known: Iterable[str]) -> str:
    """' Did you mean …?' where something known is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def open_log(path: Path) -> tuple[DuckDBPyConnection, dict[str, str]]:
    """A connection with the file as the view `file`, and its columns as name -> SQL type.

    CSV comes as text and is cast later, so that a bad cell can be counted and shown. JSON is looked
    through as a whole for its types. No extension is ever fetched, no other file is read.
    """
    import duckdb

    form, name = _format(path), glob.escape(str(path))
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": tempfile.gettempdir(),
        }
    )
    try:
        if form == "csv":
            file = connection.read_csv(
                name, header=True, all_varchar=True, sep=_separator(path), quotechar='"', escapechar='"'
            )
        elif form == "json":
            file = connection.read_json(name, sample_size=-1, maximum_depth=2)
        else:
            file = connection.read_parquet(name)
        file.create_view("file")
        return connection, dict(zip(file.columns, (str(kind) for kind in file.types), strict=True))
    except duckdb.Error as error:
        connection.close()
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> LogError:
    """The refusal of a file that does not parse."""
    reason = str(error).strip().splitlines()[0].rstrip(".:")
    return LogError(f"{path} cannot be read ({reason}); check the file, or export it again.")


def source_columns(
    present: Mapping[str, str], columns: Mapping[str, str] | None, needed: Iterable[str]
) -> dict[str, str]:
    """Schema name -> the file's column, for every schema column that the file has."""
    for name, column in (columns or {}).items():
        if name not in SCHEMA:
            hint = (
                f" Write it as {column}={name}."
                if column in SCHEMA and name in present
                else suggestion(name, SCHEMA)
            )
            raise LogError(
                f"--columns names '{name}', which is not a column of the log schema "
                f"({', '.join(SCHEMA)}).{hint}"
            )
        if column not in present:
            raise LogError(
                f"--columns says {name}={column}, but the log has no column '{column}'; "
                f"it has {some(present)}.{suggestion(column, present)}"
            )
    found = {name: (columns or {}).get(name, name) for name in SCHEMA}
    found = {name: column for name, column in found.items() if column in present}
    missing = [name for name in needed if name not in found]
    if missing:
        raise LogError(
            f"The log has no column {' and no column '.join(missing)}; it has {some(present)}. "
            f"Say which column holds it with --columns {missing[0]}=COLUMN."
        )
    return found


def where_clause(
    present: Mapping[str, str], found: Mapping[str, str], where: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """An SQL condition with bound values. Names are the file's columns, or the schema's."""
    conditions, values = [], {}
    for position, (name, value) in enumerate(where.items()):
        column = name if name in present else found.get(name)
        if column is None:
            raise LogError(
                f"--where names '{name}', but the log has no such column; it has {some(present)}."
                f"{suggestion(name, present)}"
            )
        parameter = f"where_{position}"
        values[parameter] = str(value)
        as_text = f"CAST({quoted(column)} AS VARCHAR) = ${parameter}"
        if present[column] in NUMBERS:
            as_text = f"({as_text} OR {quoted(column)} = TRY_CAST(${parameter} AS DOUBLE))"
        conditions.append(as_text)
    return " AND ".join(conditions) or "true", values


def _format(path: Path) -> str:
    """csv, json or parquet, by extension; content that says otherwise is refused."""
    if path.is_dir():
        raise LogError(f"{path} is a directory; name one CSV, JSONL or Parquet file.")
    if not path.is_file():
        raise LogError(f"There is no log at {path}; check the path.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = suffixes[-1:] == [".gz"]
    extension = suffixes[-2 if compressed else -1] if len(suffixes) > compressed else ""
    if extension not in FORMATS or (compressed and FORMATS[extension] == "parquet"):
        raise LogError(
            f"{path.name} has an extension that is not known; a log is .csv, .jsonl or .parquet "
            "(CSV and JSONL also with .gz)."
        )
    if path.stat().st_size == 0:
        raise LogError(f"{path} is empty; a log needs a header and one row per request and model.")
    head = _head(path)
    form = FORMATS[extension]
    actual = "parquet" if head[:4] == b"PAR1" else "json" if head.lstrip()[:1] in (b"{", b"[") else "csv"
    if actual != form:
        raise LogError(
            f"{path.name} is named as {form}, but its content looks like {actual}; "
            f"rename it, or export it again as {form}."
        )
    return form


def _head(path: Path) -> bytes:
    """The first bytes of a file, uncompressed."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return file.read(16_384)
    except (OSError, EOFError) as error:
        raise LogError(f"{path} cannot be read: {error}.") from error


def _separator(path: Path) -> str:
    """What divides the columns of a CSV file: the candidate that its header has most of."""
    header = _head(path).partition(b"\n")[0].decode("utf-8", "replace")
    return max(",;\t|", key=header.count)
