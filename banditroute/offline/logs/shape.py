"""The shape of a log: a row for every model of every request, one row per request, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from banditroute.errors import LogError
from banditroute.offline.logs.cells import feature_names
from banditroute.offline.logs.files import counted, refused_rows, some
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.table import Rows, keep_requests

MAX_MODELS = 64


def requests_of(rows: Rows, skip_bad: bool, complete: bool = True) -> tuple[str, ...] | None:
    """Makes the relation `requests` of a log with several models for a request, and gives its models, sorted;
    None where every request has one row.

    Refuses rows that contradict one another, and where requests have to be `complete`, a mixture; `skip_bad`
    leaves those requests out.
    """
    connection = rows.connection
    total, requests = fetch(connection, "SELECT count(*), count(DISTINCT request_id) FROM outcomes")[0]
    if not total:
        raise LogError("Nothing is left of the log without its broken rows; mend them.")
    if total == requests:
        return None
    models = _models(rows)
    _make_requests(rows)
    problems = [*_double(rows), *_torn(rows)]
    if problems:
        if not skip_bad:
            raise refused_rows(rows.path, *problems[0])
        rows.notes.extend(
            f"Left out with all rows of their requests: {'; '.join(problem)}." for problem in problems
        )
        keep_requests(rows, "SELECT request_id FROM requests WHERE rows = seen AND torn = 0")
        connection.execute("DROP TABLE requests; DROP TYPE texts_of_model")
        return requests_of(rows, skip_bad, complete)
    _note_lengths(rows)
    if fetch(connection, f"SELECT 1 FROM requests WHERE rows < {len(models)} LIMIT 1"):
        _settle_partial(rows, models, requests, skip_bad, complete)
    return models


def _models(rows: Rows) -> tuple[str, ...]:
    query = "SELECT DISTINCT model FROM outcomes ORDER BY model"
    names = [name for (name,) in fetch(rows.connection, query)]
    check_models(names)
    rows.connection.execute(f"CREATE TYPE texts_of_model AS ENUM ({query})")
    return tuple(names)


def check_models(names: list[str]) -> None:
    """Refuses what cannot be a set of models to choose from."""
    unprintable = [name for name in names if not name.isprintable()]
    if unprintable:
        raise LogError(
            f"The model {unprintable[0]!r} has characters in its name that cannot be printed; rename it, "
            "or name another column with --columns model=COLUMN."
        )
    if len(names) > MAX_MODELS:
        raise LogError(
            f"The log has {len(names):,} models, more than {MAX_MODELS}: is --columns model=COLUMN right? "
            "Otherwise keep the models that matter."
        )


def _make_requests(rows: Rows) -> None:
    """One row per request: what all its rows share, how many there are and of how many models, and the first
    of `_shared` that they disagree on (`torn`, from 1; 0 for none)."""
    kept = ["min(class) AS class"]
    kept += ["min(unit) AS unit"] if "unit" in rows.found else []
    kept += ["min(decided_at) AS decided_at"] if "at" in rows.found else []
    kept += [f"min({name}) AS {name}" for name in feature_names(rows.features)]
    if "input_tokens" in rows.found:
        kept += ["max(input_tokens) AS input_tokens", "min(input_tokens) < max(input_tokens) AS unlike"]
    disagree = " ".join(
        f"WHEN min({shared.name}) < max({shared.name}) THEN {number}"
        for number, shared in enumerate(_shared(rows), 1)
    )
    rows.connection.execute(
        f"CREATE TEMP TABLE requests AS SELECT request_id, {', '.join(kept)}, count(*) AS rows, "
        f"min(row) AS row, CASE {disagree} ELSE 0 END AS torn, "
        "bit_count(bit_or(1::UBIGINT << enum_code(CAST(model AS texts_of_model)))) AS seen "
        "FROM outcomes GROUP BY request_id"
    )


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all rows of a request must agree on: a column of `outcomes`, how a refusal names what differs, and
    why it must not."""

    name: str
    what: str
    remedy: str


def _shared(rows: Rows) -> list[_Shared]:
    named = [_Shared("class", "of different classes", "a request has one class, known before it is answered")]
    if "unit" in rows.found:
        unit = rows.found["unit"]
        named.append(_Shared("unit", f"with different values of {unit}", "a request comes from one unit"))
    return named + [
        _Shared(
            name,
            f"with different values of {feature}",
            "a feature is known before the answer, so it has one value per request; leave out of --features "
            "what differs between models",
        )
        for name, feature in zip(feature_names(rows.features), rows.features, strict=True)
    ]


def _double(rows: Rows) -> Iterator[tuple[str, str]]:
    """What to say of pairs of request and model that have several rows, and the way out."""
    if not fetch(rows.connection, "SELECT 1 FROM requests WHERE rows > seen LIMIT 1"):
        return
    double = fetch(
        rows.connection,
        "SELECT request_id, model, count(*) FROM outcomes WHERE request_id IN "
        "(SELECT request_id FROM requests WHERE rows > seen) "
        "GROUP BY ALL HAVING count(*) > 1 ORDER BY min(row)",
    )
    request, model, times = double[0]
    pairs = counted(len(double), "pair of request and model has", "pairs of request and model have")
    yield (
        f"{pairs} several rows (the first: request {request}, model {model}, {times} rows)",
        "keep one row per pair",
    )


def _torn(rows: Rows) -> Iterator[tuple[str, str]]:
    """What to say of requests whose rows disagree on what is known before the answer, and the way out."""
    shared = _shared(rows)
    query = "SELECT torn, count(*), arg_min(request_id, row) FROM requests WHERE torn > 0 GROUP BY torn"
    for number, count, first in fetch(rows.connection, f"{query} ORDER BY torn"):
        one = shared[number - 1]
        has = counted(count, "request has", "requests have")
        yield f"{has} rows {one.what} (the first: request {first})", one.remedy


def _note_lengths(rows: Rows) -> None:
    """Says where models count the tokens of one request differently: each has a tokenizer of its own."""
    if "input_tokens" not in rows.found:
        return
    ((count,),) = fetch(rows.connection, "SELECT count(*) FROM requests WHERE unlike")
    if count:
        has = counted(count, "request has", "requests have")
        rows.notes.append(f"{has} {rows.found['input_tokens']} that differ by model: the largest counts.")


def _settle_partial(
    rows: Rows, models: tuple[str, ...], requests: int, skip_bad: bool, complete: bool
) -> None:
    """Refuses requests that lack a row for some of the models, or leaves them out, or takes them as they are
    where they need not be `complete`."""
    k = len(models)
    ((short, first),) = fetch(
        rows.connection, f"SELECT count(*), arg_min(request_id, row) FROM requests WHERE rows < {k}"
    )
    lack = "lacks" if short == 1 else "lack"
    what = f"{short:,} of {counted(requests, 'request')} {lack} a row for some of the {k} models"
    if not complete:
        rows.notes.append(f"{what}: what there is counts.")
        rows.partial = True
        return
    there = {
        model
        for (model,) in rows.connection.execute(
            "SELECT model FROM outcomes WHERE request_id = $first", {"first": first}
        ).fetchall()
    }
    missing = some((model for model in models if model not in there), 3)
    what += f" (the first: request {first} has none of {missing})"
    if not skip_bad or short == requests:
        raise refused_rows(
            rows.path,
            what,
            "full information needs a row for every model of every request (fit does not)",
            others=short < requests,
        )
    rows.notes.append(f"Left out: {what}.")
    rows.connection.execute(f"DELETE FROM requests WHERE rows < {k}")
