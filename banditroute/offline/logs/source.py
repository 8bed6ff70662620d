"""Opening a log file with duckdb: which format it is, and its rows as a view, in bounded memory.

Nothing from outside becomes SQL text except column names, which are quoted; paths are bound.
"""

from __future__ import annotations

import csv
import glob
import gzip
import io
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import msgspec

from banditroute.errors import LogError
from banditroute.offline.logs.files import NUMBERS, SCHEMA, quoted, some, unreadable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

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

MEMORY = "160MB"
"""What duckdb may hold while a log is read; beyond it, it works on disk."""

HEAD_BYTES = 1 << 20
"""How much of a file is looked at to tell what it is; the header of a CSV file must fit."""

SAMPLE = 2_000
"""Rows of a JSON file that are looked at for the names of its columns."""

ROW = '"row of the file"'
"""The column of the view `file` that counts the rows from 1."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """An open log: a `view` of `connection`, with `ROW` and the `columns` as name -> SQL type.

    CSV and JSON come as text and are cast later, so that a bad cell can be counted and shown; of JSON
    the types of `columns` say how the sample wrote them. `unseen` are columns of JSON that the sample
    lacks and the rest may have.
    """

    path: Path
    form: str
    connection: DuckDBPyConnection
    columns: Mapping[str, str]
    unseen: frozenset[str] = frozenset()
    view: str = "file"


def connect() -> DuckDBPyConnection:
    """A database in memory that works on disk beyond `MEMORY`, fetches no extension, and can be asked
    how far a query is."""
    import duckdb

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": tempfile.gettempdir(),
        }
    )
    with suppress(duckdb.InvalidInputException):  # in a notebook without ipywidgets nobody can ask
        connection.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    connection.execute("SET TimeZone = 'UTC'")  # what a time without a zone is in
    return connection


def open_log(
    path: Path | Sequence[Path],
    named: Iterable[str] = (),
    *,
    optional: Iterable[str] = SCHEMA,
    connection: DuckDBPyConnection | None = None,
    view: str = "file",
) -> LogFile:
    """Opens a log, of one file or of several of one format, as a `view`, by default in a database of its own.

    `named` are columns that JSON is looked through for where the sample lacks them; `optional` are those
    that it may have anywhere. Lines of CSV that do not parse are set aside in the table
    `rejects_of_{view}`, lines of JSON are rows of nulls.
    """
    import duckdb

    paths = [path] if isinstance(path, Path) else list(path)
    form, names = _format(paths[0]), [glob.escape(str(one)) for one in paths]
    for other in paths[1:]:
        if _format(other) != form:
            raise LogError(f"{paths[0]} and {other} are of two formats; give them one.")
    own, unseen = connection or connect(), frozenset[str]()
    try:
        if form == "csv":
            file = _csv(own, paths[0], names, view)
            columns = _types(file)
        elif form == "json":
            file, columns, unseen = _json(own, paths[0], names, named, optional)
        else:
            file = own.read_parquet(names, file_row_number=True)
            columns = _types(file)
            del columns["file_row_number"]
        number = "file_row_number + 1" if form == "parquet" else "row_number() OVER ()"
        listed = ", ".join(quoted(column) for column in (*columns, *sorted(unseen)))
        file.create_view(f"source_of_{view}")
        own.execute(f"CREATE TEMP VIEW {view} AS SELECT {number} AS {ROW}, {listed} FROM source_of_{view}")
        return LogFile(paths[0], form, own, columns, unseen, view)
    except duckdb.Error as error:
        if connection is None:
            own.close()
        raise unreadable(paths[0], error) from error
    except LogError:
        if connection is None:
            own.close()
        raise


def _types(file: DuckDBPyRelation) -> dict[str, str]:
    return dict(zip(file.columns, (str(kind) for kind in file.types), strict=True))


def _csv(connection: DuckDBPyConnection, path: Path, names: list[str], view: str) -> DuckDBPyRelation:
    """Every column as text, without a guess: what a sniffer makes of a torn line is no line number."""
    raw = _head(path)
    if b"\0" in raw.partition(b"\n")[0] or raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise LogError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8, or export it again.")
    head = raw.decode("utf-8-sig", "replace")
    separator = max(",;\t|", key=head.partition("\n")[0].count)
    header = next(csv.reader(io.StringIO(head, newline=""), delimiter=separator), [])
    if not any(column.strip() for column in header):
        raise LogError(
            f"The first line of {path} is blank, and it must name the columns; remove blank lines before the "
            "header, or export the log again."
        )
    if not all(column.isprintable() and "\ufffd" not in column for column in header):
        raise LogError(
            f"The header of {path.name} holds what cannot be printed; save it as CSV in UTF-8, or export "
            "it again."
        )
    double = sorted({column for column in header if header.count(column) > 1})
    if double:
        raise LogError(f"{path.name} has several columns named {some(double)}; rename all but one of each.")
    return connection.read_csv(
        names,  # type: ignore[arg-type] # likewise
        columns=dict.fromkeys(header, "VARCHAR"),
        auto_detect=False,
        header=True,
        sep=separator,
        quotechar='"',
        escapechar='"',
        ignore_errors=True,
        store_rejects=True,
        rejects_table=f"rejects_of_{view}",
        rejects_scan=f"scans_of_{view}",
    )


def _json(
    connection: DuckDBPyConnection,
    path: Path,
    names: list[str],
    named: Iterable[str],
    optional: Iterable[str],
) -> tuple[DuckDBPyRelation, dict[str, str], frozenset[str]]:
    """Every column as text: the names that the sample has, and those that the rest may have."""
    lines = path.suffixes[-2 if path.suffix.lower() == ".gz" else -1].lower() != ".json"

    def read(texts: Iterable[str]) -> DuckDBPyRelation:
        return connection.read_json(
            names,  # type: ignore[arg-type] # the stubs know of one file only
            columns=dict.fromkeys(texts, "VARCHAR"),
            format="newline_delimited" if lines else "auto",
            ignore_errors=lines,
        )

    columns = _sampled(path) if lines else _numeric(_types(connection.read_json(names, format="auto")))  # type: ignore[arg-type]
    if not columns or list(columns) == ["json"]:
        raise LogError(f"{path} cannot be read: none of its first rows is a JSON object; write one per row.")
    for column in named:
        there = f"{quoted(column)} IS NOT NULL"
        if column not in columns and read([column]).filter(there).limit(1).fetchall():
            columns[column] = "VARCHAR"
    unseen = frozenset(optional).difference(columns)
    return read([*columns, *sorted(unseen)]), columns, unseen


def _sampled(path: Path) -> dict[str, str]:
    """The columns of the first rows of JSONL; rows that are no object are passed over here."""
    values: dict[str, list[object]] = {}
    try:
        with _opened(path) as file:
            for line in islice(file, SAMPLE):
                try:
                    row = msgspec.json.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue
                for name, value in row.items() if isinstance(row, dict) else ():
                    values.setdefault(name, []).append(value)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error
    number = (int, float, type(None))
    return {
        name: "DOUBLE" if all(isinstance(x, number) and not isinstance(x, bool) for x in told) else "VARCHAR"
        for name, told in values.items()
    }


def _numeric(types: Mapping[str, str]) -> dict[str, str]:
    return {column: kind if kind in NUMBERS else "VARCHAR" for column, kind in types.items()}


def _opened(path: Path) -> IO[bytes]:
    """A file, uncompressed."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


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
        with _opened(path) as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error
