"""The hot statements of the writer, handed to the driver itself.

SQLAlchemy compiles them and holds the connection and its transaction; but what it does around every
execution takes as long as SQLite does, and a group commit under load is five small statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exc


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
