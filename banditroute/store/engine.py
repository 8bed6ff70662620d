"""Opening the database behind an event log: address, pragmas, migrations, and errors for people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from banditroute.config.address import log_file
from banditroute.config.checks import Refused
from banditroute.errors import StoreError
from banditroute.store.tables import HEAD, metadata

BUSY_SECONDS = 5.0
"""How long a write waits for another process that is writing."""

WRITES = "banditroute_writes"
"""The execution option of connections that write: they take the write lock when they begin, since
one that begins by reading can be refused it later."""

ITEM_ERRORS = (IntegrityError, DataError, InterfaceError, ProgrammingError)
"""Errors that a single row causes, as against a database that cannot write."""

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(url: str, base: Path | None) -> Engine:
    """An engine for a `sqlite:///file` address (relative to `base`), migrated to the newest tables."""
    path = _sqlite_file(url, base)
    check_place(path)
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        with failures(f"the event log {path} cannot be opened"):
            _migrate(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def memory_engine() -> Engine:
    """An engine with the newest tables in memory, gone with it: for what is kept beside the events of a
    log in memory. Its one connection is lent to one caller at a time, since the tables live in it."""
    engine = create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    metadata.create_all(engine)
    return engine


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Turns the database's errors into one StoreError sentence that begins with `what`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise explained(what, error) from error


def explained(what: str, error: SQLAlchemyError) -> StoreError:
    """The sentence for an error of the database: what could not be done, why, and the way out."""
    if not isinstance(error, DBAPIError):
        return StoreError(f"{what}: {error}.")
    reason = str(error.orig)
    return StoreError(f"{what}: {reason}; {_way_out(reason)}.")


def _way_out(message: str) -> str:
    if "not a database" in message or "malformed" in message:
        return "restore a backup, or name another file in [store] url"
    if "locked" in message:
        return "another process holds it: end that one, or try again"
    if "full" in message:
        return "make room on the disk"
    if "readonly" in message or "unable to open" in message:
        return "give this user the right to write the file and its folder"
    if "decisions.id" in message:
        return "give every decision its own id"
    return "see that the disk is well and the file is an event log of banditroute"


def _sqlite_file(url: str, base: Path | None) -> Path:
    try:
        file = log_file(url)
    except Refused as refusal:
        raise StoreError(f"the address of the event log {refusal}") from None
    if file is None:
        raise StoreError("a log in memory has no tables; open it with open_store.")
    return (base or Path()).joinpath(file).absolute()


def check_place(path: Path) -> None:
    """What SQLite would only call "unable to open database file"."""
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} of the event log does not exist: create it.")
    if path.is_dir():
        raise StoreError(f"the event log {path} is a folder: name a file in [store] url.")
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.R_OK | os.W_OK):
            raise StoreError(f"{place} cannot be written: give this user the right, or name another place.")


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """A log on disk is durable after every commit, and read while it is written."""
    connection.isolation_level = None  # `_begin` begins, not the driver
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine, path: Path) -> None:
    """Brings the tables to HEAD; at HEAD already, one query says so and Alembic is not even imported."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        revision = _revision(connection)  # another process may have been faster
        if revision != HEAD:
            _upgrade(connection, revision, path)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection, revision: str | None, path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"the event log {path} was written by a newer banditroute (its tables are at {revision!r}, "
            f"this version knows {HEAD!r}): upgrade banditroute."
        )
    command.upgrade(config, "head")
