"""The columns of an experiment that the log schema does not have."""

from __future__ import annotations

from collections.abc import Mapping

from banditroute.errors import LogError
from banditroute.offline.logs.files import quoted
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.source import ROW, LogFile
from banditroute.offline.logs.table import Rows

OWN = ("experiment", "variant_share", "error", "fallback")
"""Columns of experiments that the log schema does not have."""

_MUST = {
    "variant_share": ("a probability in (0, 1]", "{0} > 0 AND {0} <= 1"),
    "error": ("0, 1, true or false", "{0} IN (0, 1)"),
    "fallback": ("0, 1, true or false", "{0} IN (0, 1)"),
}
"""What each must be, and the same as an SQL condition."""


def widen(file: LogFile, rows: Rows, own: Mapping[str, str]) -> None:
    """Makes the relation `widened`: the checked rows, with those of OWN beside them that the file has, by the
    names of its columns."""
    typed = []
    for name, column in own.items():
        text = f"nullif(trim(CAST(f.{quoted(column)} AS VARCHAR)), '')"
        if name in _MUST:
            _check_cells(file, name, column)
            text = _number(text)
        typed.append(f", {text} AS {name}")
    joined = f" JOIN {file.view} f ON f.{ROW} = o.row" if typed else ""
    rows.connection.execute(
        f"CREATE TEMP TABLE widened AS SELECT o.*{''.join(typed)} FROM outcomes o{joined}"
    )


def _check_cells(file: LogFile, name: str, column: str) -> None:
    must, right = _MUST[name]
    text = f"nullif(trim(CAST({quoted(column)} AS VARCHAR)), '')"
    wrong = f"{text} IS NOT NULL AND NOT coalesce({right.format(_number(text))}, false)"
    query = f"SELECT {text} FROM {file.view} WHERE {wrong} ORDER BY {ROW} LIMIT 1"
    for (value,) in fetch(file.connection, query):
        raise LogError(
            f"The column {column} holds '{value[:60]}', which is not {must}; name another with --columns "
            f"{name}=COLUMN, or mend it."
        )


def _number(text: str) -> str:
    """A text as a number, or true and false as 1 and 0; null where it is neither."""
    words = f"CASE lower({text}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END"
    return f"coalesce(TRY_CAST({text} AS DOUBLE), {words})"
