"""What importers share: opening files, and taking cells of them without a guess.

A cell that is no number or time stays the text it is, so that the checks of the log refuse and show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from banditroute.errors import LogError
from banditroute.offline.logs.files import counted, quoted, some
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.source import ROW, LogFile, open_log
from banditroute.offline.logs.table import place_in_file

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN = 5
"""Rows that a note names."""

JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


@dataclass(frozen=True, slots=True)
class Cells:
    """A view of a file, or of several, and its columns as SQL: `view.column`, null where there is none."""

    file: LogFile

    def __call__(self, *names: str) -> str:
        """The first of the columns that says something."""
        there = [f"{self.file.view}.{quoted(name)}" for name in names if self.has(name)]
        if not there:
            return "CAST(NULL AS VARCHAR)"
        texts = [f"nullif(trim(CAST({cell} AS VARCHAR)), '')" for cell in there]
        return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"

    def has(self, name: str) -> bool:
        return name in self.file.columns or name in self.file.unseen

    def inner(self, name: str, *path: str) -> str:
        """A value inside a JSON cell, as text; null where the cell is no JSON."""
        steps = "".join(f'."{step}"' for step in path)
        cell = self(name)
        return f"CASE WHEN json_valid({cell}) THEN json_extract_string({cell}, '${steps}') END"


@dataclass(frozen=True, slots=True)
class Table:
    """What an importer found: for columns of the log schema, their names in the format and their SQL, over
    `relation`; `row` is the number of a row in the file."""

    columns: dict[str, tuple[str, str]]
    relation: str
    row: str
    file: LogFile


@dataclass(slots=True)
class Source:
    """The path that is imported, and the score that is the quality, where a format has several.

    `notes` say what of the format has no place in a log and was passed over.
    """

    connection: DuckDBPyConnection
    path: Path
    quality: str | None = None
    notes: list[str] = field(default_factory=list)

    def open(
        self, names: Sequence[str], needed: Sequence[str], path: Path | None = None, view: str = "raw"
    ) -> Cells:
        """The rows of the file, or of the JSONL files of the folder, as a view.

        `names` are the columns that are used; each of `needed`, alternatives with bars between them, must be
        there.
        """
        path = path or self.path
        cells = Cells(open_log(files_of(path), optional=names, connection=self.connection, view=view))
        for wanted in needed:
            if not any(name in cells.file.columns for name in wanted.split("|")):
                raise LogError(
                    f"{path} has no {wanted.replace('|', ' and no ')}; it has {some(cells.file.columns)}. "
                    "Is it the format that was named?"
                )
        return cells

    def part(self, *names: str) -> Path | None:
        """The file or the folder of one of these names (without extension) in the folder that is imported."""
        if not self.path.is_dir():
            return None
        for name in names:
            for one in sorted(self.path.iterdir()):
                if one.name.split(".")[0].lower() == name.lower():
                    return one
        return None

    def passing_over(self, cells: Cells, passed: str, one: str, several: str = "") -> str:
        """The rows of a view without those of a condition, as a relation of the same name; a note says how
        many `one` or `several` those were, and in which rows the first of them are."""
        view = cells.file.view
        query = f"SELECT count(*), list({ROW} ORDER BY {ROW})[:{SHOWN}] FROM {view} WHERE {passed}"
        ((count, rows),) = fetch(self.connection, query)
        if count:
            places = ", ".join(f"{place_in_file(cells.file, row):,}" for row in rows)
            more = " and others" if count > len(rows) else ""
            where = f"row {places}" if count == 1 else f"rows {places}{more}"
            self.notes.append(f"Passed over: {counted(count, one, several)} ({where}).")
        return f"(SELECT * FROM {view} WHERE NOT coalesce({passed}, false)) AS {view}"

    def chosen_score(self, relation: str, name: str, what: str) -> str | None:
        """The one score that counts as the quality: the one asked for, or the only one there is."""
        query = f"SELECT DISTINCT {name} AS name FROM {relation} WHERE {name} IS NOT NULL ORDER BY 1"
        names = [found for (found,) in fetch(self.connection, query)]
        if self.quality is not None:
            if self.quality not in names:
                raise LogError(f"There is no {what} {self.quality}; there are {some(names) or 'none'}.")
            return self.quality
        if len(names) > 1:
            raise LogError(
                f"There are several {what}s ({some(names)}); say which one is the quality with "
                "--quality NAME."
            )
        return names[0] if names else None


def files_of(path: Path) -> list[Path]:
    """The file, or the JSONL files of a folder in order of their names."""
    if not path.is_dir():
        return [path]
    files = sorted(one for one in path.iterdir() if one.name.endswith(JSON_LINES))
    if not files:
        raise LogError(f"{path} is a folder without JSONL files; name a file, or the folder that has them.")
    return files


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def scaled(cell: str, by: float) -> str:
    """A number times `by`; a cell that is no number stays as it is."""
    return f"coalesce(CAST(TRY_CAST({cell} AS DOUBLE) * {by!r} AS VARCHAR), {cell})"


def onto_unit(cell: str, worst: float, best: float) -> str:
    """A score on a scale from `worst` to `best`, linear onto [0, 1]; what is not on the scale stays, and says
    so. The 0.0 is for the worst of a falling scale, which would be -0.0."""
    number, low, high = f"TRY_CAST({cell} AS DOUBLE)", min(worst, best), max(worst, best)
    share = f"CAST(({number} - {worst!r}) / {best - worst!r} + 0.0 AS VARCHAR)"
    off = f"{cell} || ' on a scale from {worst:g} to {best:g}'"
    return f"CASE WHEN {number} BETWEEN {low!r} AND {high!r} THEN {share} ELSE {off} END"


def between(start: str, end: str) -> str:
    """Seconds from one time to another; where one of them is no time, both are shown."""
    seconds = f"epoch(TRY_CAST({end} AS TIMESTAMPTZ)) - epoch(TRY_CAST({start} AS TIMESTAMPTZ))"
    return f"coalesce(CAST({seconds} AS VARCHAR), {start} || ' to ' || {end})"
