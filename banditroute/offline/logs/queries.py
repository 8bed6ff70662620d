"""Queries to duckdb: with progress told, and results as numpy arrays, one column at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Progress = Callable[[float, str], None]
"""Told how far a long step is, from 0 to 1, and what is being done."""

PATIENCE = 0.25
"""Seconds between two looks at how far a query is."""


def fetch(connection: DuckDBPyConnection, query: str) -> list[Any]:
    """The rows of a short answer."""
    return connection.execute(query).fetchall()


def run(connection: DuckDBPyConnection, query: str, progress: Progress | None, what: str) -> None:
    """Runs a statement; beyond `PATIENCE` the progress is told."""
    if progress is None:
        connection.execute(query)
        return
    errors: list[BaseException] = []

    def work() -> None:
        try:
            connection.execute(query)
        except BaseException as error:  # noqa: BLE001 (raised below, in the thread that asked)
            errors.append(error)

    worker = Thread(target=work, daemon=True)
    worker.start()
    try:
        worker.join(PATIENCE)
        while worker.is_alive():
            progress(max(0.0, connection.query_progress() / 100), what)
            worker.join(PATIENCE)
    except BaseException:
        connection.interrupt()
        worker.join()
        raise
    if errors:
        raise errors[0]
    progress(1.0, what)


def column(connection: DuckDBPyConnection, expression: str, relation: str) -> NDArray[Any]:
    """One column, in the order of the relation; masked where there are nulls."""
    return connection.execute(f"SELECT {expression} AS x FROM {relation}").fetchnumpy()["x"]


def ints(connection: DuckDBPyConnection, expression: str, relation: str) -> Ints:
    """A column of whole numbers without nulls."""
    return np.asarray(column(connection, f"CAST({expression} AS BIGINT)", relation), dtype=np.int64)


def floats(connection: DuckDBPyConnection, expression: str, relation: str) -> Floats:
    """A column of numbers, nan where it is null."""
    return plain_floats(column(connection, f"CAST({expression} AS DOUBLE)", relation))


def plain_floats(fetched: NDArray[Any]) -> Floats:
    """A fetched column as floats, nan where it was null."""
    return np.ma.filled(np.ma.asarray(fetched, dtype=np.float64), np.nan)


def texts(connection: DuckDBPyConnection, name: str, relation: str) -> list[str | None]:
    """A column of texts, None where it is null. Texts that come again are one object."""
    places, values = codes(connection, name, relation)
    listed: list[str | None] = [*values, None]  # the last one is what -1 points at
    return [listed[place] for place in places.tolist()]


def codes(connection: DuckDBPyConnection, name: str, relation: str) -> tuple[Ints, list[str]]:
    """A column of texts as places in the sorted list of its distinct texts; -1 where it is null."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE distinct_texts AS SELECT DISTINCT {name} AS x FROM {relation} "
        f"WHERE {name} IS NOT NULL"
    )
    values = [value for (value,) in fetch(connection, "SELECT x FROM distinct_texts ORDER BY x")]
    if not values:
        ((n,),) = fetch(connection, f"SELECT count(*) FROM {relation}")
        return np.full(n, -1, dtype=np.int64), values
    connection.execute("DROP TYPE IF EXISTS a_text")
    connection.execute("CREATE TYPE a_text AS ENUM (SELECT x FROM distinct_texts ORDER BY x)")
    fetched = column(connection, f"CAST(enum_code(CAST({name} AS a_text)) AS BIGINT)", relation)
    return np.ma.filled(np.ma.asarray(fetched, dtype=np.int64), -1), values
