"""The columns of a log: those of the schema, those that the file has for them, those that rows are chosen by.

Nothing from outside becomes SQL text except column names, which are looked up in the file first and
then quoted; values are bound.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

from banditroute.errors import LogError

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
    "pmf",
    "kind",
    "judge",
    "judge_quality",
)
"""The columns of the log schema. The last four are written by `banditroute export`, those of judges
by `collect` too."""

NUMBERS = frozenset({"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT"})


def log_path(log: object) -> Path:
    """The path of a log that is to be read; refused where it can be none."""
    if not isinstance(log, str | PathLike):
        given = "None" if log is None else f"of type {type(log).__name__}"
        raise LogError(
            f"The log is {given}; give the path of a CSV, JSONL or Parquet file, or a log that read_log gave."
        )
    return Path(log)


def check_mappings(**options: object) -> None:
    """Refuses, by their names, `options` that are neither None nor a mapping."""
    for name, given in options.items():
        if given is not None and not isinstance(given, Mapping):
            raise LogError(f"{name} is {given!r}; give names with their values, as {{'usd': 'cost_usd'}}.")


def quoted(name: str) -> str:
    """A column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def some(names: Iterable[str], limit: int = 12) -> str:
    """Names for a sentence, cut off where they would become a wall."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(name if len(name) <= 60 else name[:57] + "..." for name in listed[:limit]) + more


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things in words: `1 row`, `2,000 rows`; `several` where a plural takes more than an s."""
    return f"1 {one}" if number == 1 else f"{number:,} {several or one + 's'}"


def refused_rows(path: Path, what: str, remedy: str, *, others: bool = True) -> LogError:
    """The refusal of rows that something is wrong with; where there are `others`, these can be left out."""
    way = " --skip-bad leaves out what is broken, and says how many." if others else ""
    return LogError(f"{path}: {what}; {remedy}.{way}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """' Did you mean …?' where something known is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def unreadable(path: Path, error: Exception) -> LogError:
    """The refusal of a file that does not parse."""
    reason = str(error).strip().splitlines()[0].rstrip(".:")
    return LogError(f"{path} cannot be read ({reason}); check the file, or export it again.")


def source_columns(
    present: Mapping[str, str],
    columns: Mapping[str, str] | None,
    needed: Iterable[str],
    unseen: Iterable[str] = (),
) -> dict[str, str]:
    """Schema name -> the file's column, for every schema column that the file has, or may have."""
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
    found = {name: column for name, column in found.items() if column in {*present, *unseen}}
    missing = [name for name in needed if found.get(name) not in present]
    if missing:
        raise LogError(
            f"The log has no column {' and no column '.join(missing)}; it has {some(present)}. "
            f"Say which column holds it with --columns {missing[0]}=COLUMN."
        )
    return found


def where_clause(
    present: Mapping[str, str], found: Mapping[str, str], where: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """An SQL condition on variables, and their values. Names are the file's columns, or the schema's."""
    conditions, values = [], {}
    for position, (name, value) in enumerate(where.items()):
        column = name if name in present else found.get(name)
        if column is None:
            raise LogError(
                f"--where names '{name}', but the log has no such column; it has {some(present)}."
                f"{suggestion(name, present)}"
            )
        values[f"where_{position}"] = str(value)
        wanted = f"getvariable('where_{position}')"
        as_text = f"CAST({quoted(column)} AS VARCHAR) = {wanted}"
        if present.get(column) in NUMBERS:
            as_text = f"({as_text} OR {quoted(column)} = TRY_CAST({wanted} AS DOUBLE))"
        conditions.append(as_text)
    return " AND ".join(conditions) or "true", values
