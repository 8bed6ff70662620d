"""The hot statements of the writer, handed to the driver itself.

SQLAlchemy compiles them and holds the connection and its transaction; but what it does around every
execution takes as long as SQLite does, and a group commit under load is five small statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, Table, exc, insert

_LARGEST = 64
"""Rows of the largest insert; databases limit the number of parameters."""


def execute(connection: Connection, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
    """Executes SQL of the driver's own dialect within the transaction; gives the rows, if there are any.

    Raises SQLAlchemy's error of the same name in place of the driver's.
    """
    dbapi = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []
    except dbapi.Error as error:
        kind = getattr(exc, type(error).__name__, exc.DBAPIError)
        raise kind(statement, None, error) from error
    finally:
        cursor.close()


class Inserter:
    """Inserts rows by few statements of many rows each; `tail` is what follows the rows, such as what to do
    where one is there already.

    The driver lets go of the interpreter lock in every statement and must win it back from the event
    loop: one statement per row would wait for that once per row. Sizes are powers of two, so that a
    handful of prepared statements serves every group.
    """

    def __init__(self, engine: Engine, table: Table, names: list[str], tail: str = "") -> None:
        one = str(insert(table).compile(dialect=engine.dialect, column_keys=names))
        self._head, _, self._row = one.partition(" VALUES ")
        self._tail = tail
        self._statements: dict[int, str] = {}

    def __call__(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        start = 0
        while start < len(rows):
            size = min(_LARGEST, 1 << ((len(rows) - start).bit_length() - 1))
            values = tuple(chain.from_iterable(rows[start : start + size]))
            execute(connection, self._statement(size), values)
            start += size

    def _statement(self, size: int) -> str:
        known = self._statements.get(size)
        if known is None:
            rows = ", ".join([self._row] * size)
            known = self._statements[size] = f"{self._head} VALUES {rows}{self._tail}"
        return known
