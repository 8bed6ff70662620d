"""Writing logs: CSV, JSONL or Parquet by extension, as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.logs.queries import Progress, run

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OPTIONS = {
    ".csv": "FORMAT csv, HEADER",
    ".jsonl": "FORMAT json",
    ".ndjson": "FORMAT json",
    ".parquet": "FORMAT parquet",
    ".csv.gz": "FORMAT csv, HEADER, COMPRESSION gzip",
    ".jsonl.gz": "FORMAT json, COMPRESSION gzip",
}
"""File name extension -> how duckdb is told to write it."""


def check_target(path: Path) -> None:
    """Refuses before the work what could not be written after it."""
    if _ending(path) is None:
        raise LogError(f"{path.name} has an extension that is not known; a log is .csv, .jsonl or .parquet.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise LogError(f"{path} cannot be written: it must be a file in a folder that exists.")


def write_log(
    connection: DuckDBPyConnection, query: str, path: Path, progress: Progress | None = None
) -> None:
    """Writes the answer of a query as a log: beside its place first, so that there never is half a log."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    place = str(beside).replace("'", "''")
    try:
        run(connection, f"COPY ({query}) TO '{place}' ({OPTIONS[_ending(path) or '']})", progress, "writing")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _ending(path: Path) -> str | None:
    return next((ending for ending in sorted(OPTIONS, key=len) if path.name.lower().endswith(ending)), None)
