"""The prompts of a collection: read from a table or from lines of text, and sampled.

A sample is the first N of an order that is a function of the seed and the request ids. So it does not
depend on the order of the file, and a larger sample contains the smaller one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from banditroute.errors import LogError
from banditroute.offline.logs.cells import MAX_CLASS_LENGTH, text
from banditroute.offline.logs.files import counted, source_columns, unreadable, where_clause
from banditroute.offline.logs.prompts import prompts_of
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.source import ROW, LogFile, open_log

USED = ("prompt", "request_id", "request_class")

PLAIN = ("", ".txt")
"""Extensions of text with one prompt per line."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked; without a class, the classifier says which one it is."""

    request_id: str
    text: str
    request_class: str | None = None


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a sample in the order in which they are asked, of how many, and what was left out."""

    sample: Sequence[Prompt]
    total: int
    notes: tuple[str, ...] = ()


def read_prompts(
    path: Path,
    *,
    sample: int | None = None,
    seed: int = 0,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    skip_bad: bool = False,
) -> Prompts:
    """The prompts of a CSV, JSONL or Parquet file, or of a text file with one per line.

    Of a table the columns `prompt`, `request_id` and `request_class` are used, the last two where it has
    them; a request without an id is called as its row is numbered. Several rows of one request, as a log
    has them, are one prompt. Raises LogError where rows have no prompt, or contradict one another;
    `skip_bad` leaves them out.
    """
    if path.suffix.lower() not in PLAIN:
        return _of_table(path, sample, seed, columns, where, skip_bad)
    if columns or where:
        raise LogError(f"{path} is plain text and has no columns; leave --columns and --where out.")
    try:
        return prompts_of_text(path.read_text(encoding="utf-8-sig"), sample=sample, seed=seed)
    except UnicodeDecodeError:
        raise LogError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise LogError(f"{path} cannot be read ({error.strerror}); check the path.") from None


def prompts_of_text(content: str, *, sample: int | None = None, seed: int = 0) -> Prompts:
    """The lines of a text as prompts, numbered from 1; empty ones are passed over."""
    lines = [(str(number), line.strip()) for number, line in enumerate(content.splitlines(), 1)]
    found = [Prompt(number, line) for number, line in lines if line]
    if not found:
        raise LogError("There is no prompt in the text; write one per line.")
    chosen = sampled([prompt.request_id for prompt in found], sample, seed)
    return Prompts([found[place] for place in chosen], len(found))


def sampled(ids: Sequence[str], sample: int | None, seed: int) -> list[int]:
    """The places of the sample: the first of the order that keyed digests of the ids give."""
    key = seed.to_bytes(16, "little", signed=True)
    order = sorted(range(len(ids)), key=lambda place: blake2b(ids[place].encode(), key=key).digest())
    return order[:sample]


def _of_table(
    path: Path,
    sample: int | None,
    seed: int,
    columns: Mapping[str, str] | None,
    where: Mapping[str, str] | None,
    skip_bad: bool,
) -> Prompts:
    import duckdb

    named = {*(columns or {}).values(), *(where or {})}
    file = open_log(path, named - set(USED), optional=USED)
    try:
        found = source_columns(file.columns, columns, ("prompt",), file.unseen)
        notes = _settle(file, found, where or {}, skip_bad)
        rows = fetch(file.connection, "SELECT row, id, class FROM asked ORDER BY row")
        if not rows:
            raise LogError(f"There is no prompt in {path}{' that --where keeps' if where else ''}.")
        chosen = [rows[place] for place in sampled([id for _, id, _ in rows], sample, seed)]
        texts = prompts_of(file, found, np.array([row for row, _, _ in chosen], dtype=np.int64))
        asked = [Prompt(id, prompt, name) for (_, id, name), prompt in zip(chosen, texts, strict=True)]
        return Prompts(asked, len(rows), notes)
    except duckdb.Error as error:
        raise unreadable(path, error) from error
    finally:
        file.connection.close()


def _settle(
    file: LogFile, found: Mapping[str, str], where: Mapping[str, str], skip_bad: bool
) -> tuple[str, ...]:
    """Makes the relation `asked` of the requests that can be asked; says what was left out of it."""
    connection, present = file.connection, file.columns
    condition, values = where_clause(present, found, where)
    for name, value in values.items():
        connection.execute(f"SET VARIABLE {name} = $value", {"value": value})

    def cell(name: str, default: str) -> str:
        return f"coalesce({text(found[name], present)}, {default})" if name in found else default

    prompt = text(found["prompt"], present)
    connection.execute(
        f"CREATE TEMP TABLE told AS SELECT {ROW} AS row, {cell('request_id', f'CAST({ROW} AS VARCHAR)')} "
        f"AS id, {cell('request_class', 'NULL')} AS class, {prompt} IS NULL AS empty, md5({prompt}) AS words "
        f"FROM file WHERE {condition}"
    )
    connection.execute(
        "CREATE TEMP TABLE asked AS SELECT id, min(row) AS row, arg_min(class, row) AS class FROM told "
        f"WHERE NOT empty AND length(coalesce(class, '')) <= {MAX_CLASS_LENGTH} GROUP BY id "
        "HAVING count(DISTINCT words) = 1 AND count(DISTINCT class) <= 1"
    )
    wrong = [note for note in (_torn(file), *_faults(file)) if note]
    if wrong and not skip_bad:
        raise LogError(f"{wrong[0]}; mend them, or leave them out with --skip-bad.")
    return tuple(f"Left out: {note}." for note in wrong)


def _torn(file: LogFile) -> str | None:
    """What to say of lines of CSV that do not parse."""
    if file.form != "csv":
        return None
    query = f"SELECT count(DISTINCT line), min(line) FROM rejects_of_{file.view}"
    ((count, line),) = fetch(file.connection, query)
    return f"{count:,} lines of {file.path} cannot be read (the first is line {line:,})" if count else None


def _faults(file: LogFile) -> list[str]:
    ((empty, first, long, place),) = fetch(
        file.connection,
        "SELECT count(*) FILTER (empty), min(row) FILTER (empty), "
        f"count(*) FILTER (length(class) > {MAX_CLASS_LENGTH}), "
        f"min(row) FILTER (length(class) > {MAX_CLASS_LENGTH}) FROM told",
    )
    torn = fetch(
        file.connection,
        "SELECT id, min(row) FROM told WHERE NOT empty GROUP BY id "
        "HAVING count(DISTINCT words) > 1 OR count(DISTINCT class) > 1 ORDER BY 2",
    )
    notes = []
    if empty:
        notes.append(f"{counted(empty, 'row has', 'rows have')} no prompt (the first is row {first:,})")
    if long:
        which = f"over {MAX_CLASS_LENGTH} characters (the first is row {place:,})"
        notes.append(f"{counted(long, 'row has', 'rows have')} a class of {which}")
    if torn:
        which = f"different prompts or classes (the first is {torn[0][0]})"
        notes.append(f"{counted(len(torn), 'request has', 'requests have')} rows with {which}")
    return notes
