"""Logs in the log schema already: what `banditroute export` wrote, or another file that has its columns."""

from __future__ import annotations

from banditroute.offline.logs.files import SCHEMA
from banditroute.offline.logs.importers.source import Source, Table
from banditroute.offline.logs.source import ROW


def banditroute(source: Source) -> Table:
    """The log schema (see docs/logs.md): every column is taken as it is, checked, and written in the format
    of the new file."""
    cells = source.open(SCHEMA, ("request_id", "model"))
    columns = {name: (name, cells(name)) for name in SCHEMA if cells.has(name)}
    return Table(columns, "raw", f"raw.{ROW}", cells.file)
