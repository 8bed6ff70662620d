"""A log as one typed table in duckdb, and the checks that it must pass before anything is computed.

Every number is kept beside the text that was no number, so that a refusal can count and show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from banditroute.errors import LogError
from banditroute.offline.logfiles import quoted, some, suggestion, where_clause
from banditroute.types import OTHER

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FACTORS: tuple[Literal["quality", "usd", "seconds", "output_tokens"], ...] = (
    "quality",
    "usd",
    "seconds",
    "output_tokens",
)
"""What a log says about the answer of one model to one request."""

LARGEST = 10**9
"""What no cell needs to exceed; what is computed from several of them stays finite."""

LATEST = 10**11
"""The same for times, in seconds since the epoch: milliseconds are beyond it."""

_AMOUNT = (f"a number from 0 to {LARGEST:,}", f"{{0}} < 0 OR {{0}} > {LARGEST}")

NUMBERS = {
    "quality": ("a number in [0, 1]", "{0} < 0 OR {0} > 1"),
    "usd": _AMOUNT,
    "seconds": _AMOUNT,
    "output_tokens": _AMOUNT,
    "input_tokens": _AMOUNT,
    "propensity": ("a probability in (0, 1]", "{0} <= 0 OR {0} > 1"),
}
"""Numeric columns: what each must be, and the SQL condition under which it is not."""

MIN_MODELS, MAX_MODELS = 2, 64
MAX_CLASS_LENGTH = 200


def feature_names(features: Sequence[str]) -> list[str]:
    """The table's columns of the caller's features."""
    return [f"feature_{position}" for position in range(len(features))]


def make(
    connection: DuckDBPyConnection,
    present: Mapping[str, str],
    found: Mapping[str, str],
    where: Mapping[str, str],
    features: Sequence[str],
) -> None:
    """Makes the temporary table `outcomes` of the wanted rows; `row` counts the rows of the file from 1.

    A column that the log lacks is null throughout. A time is in seconds since the epoch.
    """
    condition, values = where_clause(present, found, where)
    for name in features:
        if name not in present:
            raise LogError(
                f"--features names '{name}', but the log has no such column; it has {some(present)}."
                f"{suggestion(name, present)}"
            )
    select = [
        f"{_text(found['request_id'])} AS request_id",
        f"{_text(found['model'])} AS model",
        f"coalesce({_text(found['request_class'])}, '{OTHER}') AS class",
        f"{_text(found.get('unit'))} AS unit",
        *_number(_time(found.get("at"), present), found.get("at"), "decided_at"),
    ]
    for name, column in [
        *((name, found.get(name)) for name in NUMBERS),
        *zip(feature_names(features), features, strict=True),
    ]:
        number = f"TRY_CAST({quoted(column)} AS DOUBLE)" if column else "CAST(NULL AS DOUBLE)"
        select += _number(number, column, name)
    connection.execute(
        f"CREATE TEMP TABLE outcomes AS SELECT row, {', '.join(select)} "
        f"FROM (SELECT row_number() OVER () AS row, * FROM file) WHERE {condition}",
        values,
    )
    if _rows(connection, "SELECT 1 FROM outcomes LIMIT 1"):
        return
    if not where:
        raise LogError("The log has no rows; it needs one per request and model.")
    named = ",".join(f"{name}={value}" for name, value in where.items())
    raise LogError(f"No row of the log has {named}. {_values_there(connection, present, found, where)}")


def check_rows(connection: DuckDBPyConnection, found: Mapping[str, str], features: Sequence[str]) -> None:
    """Refuses what cannot be right in a single row, or in the rows of one request and model."""
    for name in ("request_id", "model"):
        _refuse(connection, f"{name} IS NULL", f"no {found[name]}", "''", "every row needs one")
    _refuse(
        connection,
        f"length(class) > {MAX_CLASS_LENGTH}",
        f"a class of over {MAX_CLASS_LENGTH} characters",
        "class[:40] || '...'",
        "a class is a short name; map the right column with --columns request_class=COLUMN",
    )
    for name, (must, wrong) in NUMBERS.items():
        if name in found:
            condition = f"bad_{name} IS NOT NULL OR {wrong.format(name)}"
            shown = f"coalesce(bad_{name}, CAST({name} AS VARCHAR))"
            _refuse(connection, condition, f"a {found[name]} that is not {must}", shown, _scale(name))
    if "at" in found:
        _refuse(
            connection,
            f"decided_at IS NULL OR bad_decided_at IS NOT NULL OR abs(decided_at) > {LATEST}",
            f"a {found['at']} that is no time",
            "coalesce(bad_decided_at, CAST(decided_at AS VARCHAR), 'nothing')",
            "write ISO 8601 or seconds since the epoch in every row, or leave the column out",
        )
    for name, column in zip(features, feature_names(features), strict=True):
        wrong = f"{column} IS NULL OR bad_{column} IS NOT NULL OR abs({column}) > {LARGEST}"
        shown = f"coalesce(bad_{column}, CAST({column} AS VARCHAR), 'nothing')"
        _refuse(connection, wrong, f"no number in {name}", shown,
                f"a feature must be a number of at most {LARGEST:,} in every row")  # fmt: skip
    double = _rows(
        connection,
        "SELECT request_id, model, count(*) FROM outcomes GROUP BY ALL HAVING count(*) > 1 ORDER BY min(row)",
    )
    if double:
        request, model, times = double[0]
        raise LogError(
            f"{len(double):,} pairs of request and model have several rows (the first: request {request}, "
            f"model {model}, {times} rows); keep one row per pair."
        )
    torn = _rows(
        connection,
        "SELECT request_id FROM outcomes GROUP BY request_id "
        "HAVING min(class) <> max(class) ORDER BY min(row)",
    )
    if torn:
        raise LogError(
            f"{len(torn):,} requests have rows of different classes (the first: request {torn[0][0]}); "
            "a request has one class, known before it is answered."
        )


def prompts(connection: DuckDBPyConnection, column: str) -> list[str]:
    """The prompt of each request, from the first of its rows; read apart, since prompts are long."""
    numbered = f"SELECT row_number() OVER () AS row, {_text(column)} AS prompt FROM file"
    query = f"SELECT prompt FROM requests JOIN ({numbered}) USING (row) ORDER BY i"
    return [text or "" for (text,) in _rows(connection, query)]


def models(connection: DuckDBPyConnection) -> tuple[str, ...]:
    """The models of the log, sorted."""
    names = [name for (name,) in _rows(connection, "SELECT DISTINCT model FROM outcomes ORDER BY model")]
    if len(names) < MIN_MODELS:
        raise LogError(
            f"The log has one model only, {names[0]}; a comparison needs outcomes of at least {MIN_MODELS}."
        )
    if len(names) > MAX_MODELS:
        raise LogError(
            f"The log has {len(names):,} models, more than {MAX_MODELS}: is --columns model=COLUMN right? "
            "Otherwise keep the models that matter."
        )
    return tuple(names)


def kind(
    connection: DuckDBPyConnection, found: Mapping[str, str], k: int
) -> Literal["full_information", "logged", "observational"]:
    """What the log can answer, from how many rows its requests have. Refuses a mixture."""
    per_request = "SELECT count(*) AS c FROM outcomes GROUP BY request_id"
    ((requests, fewest, most, short),) = _rows(
        connection,
        f"SELECT count(*), min(c), max(c), count(*) FILTER (c < {k}) FROM ({per_request})",
    )
    if fewest == k:
        return "full_information"
    if most > 1:
        raise LogError(
            f"{short:,} of {requests:,} requests lack a row for some of the {k} models; full information "
            "needs a row for every model of every request, so leave those requests or models out of the log."
        )
    ((unknown,),) = _rows(connection, "SELECT count(*) FROM outcomes WHERE propensity IS NULL")
    if unknown and unknown < requests:
        raise LogError(
            f"{unknown:,} of {requests:,} decisions have no propensity; give it for every row, or leave "
            "those rows out."
        )
    return "observational" if unknown else "logged"


def _refuse(connection: DuckDBPyConnection, wrong: str, what: str, shown: str, remedy: str) -> None:
    """Refuses the log if any row is wrong: how many, which is the first, what to do."""
    ((count, row, value),) = _rows(
        connection,
        f"SELECT count(*), min(row), arg_min({shown}, row) FROM outcomes WHERE {wrong}",
    )
    if count:
        rows = "1 row has" if count == 1 else f"{count:,} rows have"
        example = f": {value}" if value else ""
        raise LogError(f"{rows} {what} (the first is row {row:,}{example}); {remedy}.")


def _scale(name: str) -> str:
    if name == "quality":
        return "scale scores to [0, 1], and leave a cell empty where there is none"
    return "mend it, and leave a cell empty where there is none"


def _rows(connection: DuckDBPyConnection, query: str) -> list[Any]:
    return connection.execute(query).fetchall()


def _text(column: str | None) -> str:
    """A column as trimmed text, null where it is empty."""
    return f"nullif(trim(CAST({quoted(column)} AS VARCHAR)), '')" if column else "CAST(NULL AS VARCHAR)"


def _number(number: str, column: str | None, name: str) -> list[str]:
    """Two columns: the number, null where there is none; and the text that was no finite number."""
    bad = f"CASE WHEN {number} IS NULL OR NOT isfinite({number}) THEN {_text(column)} END"
    return [f"{number} AS {name}", f"{bad} AS bad_{name}"]


def _time(column: str | None, present: Mapping[str, str]) -> str:
    """Seconds since the epoch of a time, a number or a text of either."""
    if not column:
        return "CAST(NULL AS DOUBLE)"
    if present[column].startswith(("TIMESTAMP", "DATE")):
        return f"CAST(epoch({quoted(column)}) AS DOUBLE)"
    text = _text(column)
    return f"coalesce(TRY_CAST({text} AS DOUBLE), epoch(TRY_CAST({text} AS TIMESTAMP)))"


def _values_there(
    connection: DuckDBPyConnection,
    present: Mapping[str, str],
    found: Mapping[str, str],
    where: Mapping[str, str],
) -> str:
    """What the columns of a fruitless `where` do hold."""
    sentences = []
    for name in where:
        column = quoted(name if name in present else found[name])
        values = _rows(
            connection, f"SELECT DISTINCT CAST({column} AS VARCHAR) v FROM file ORDER BY v LIMIT 13"
        )
        sentences.append(f"{name} has {some((value for (value,) in values), 12)}")
    return "; ".join(sentences) + "."
