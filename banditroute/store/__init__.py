"""The event log: decisions and outcomes, appended and never changed, in SQL or in memory."""

from __future__ import annotations

from pathlib import Path

from banditroute.store.base import Changes, Decided, Entry, Record, Snapshot, Store
from banditroute.types import Receipt

__all__ = ["Changes", "Decided", "Entry", "Receipt", "Record", "Snapshot", "Store", "open_store", "upgrade"]

_MEMORY = "memory://"


def open_store(url: str, *, base: Path | None = None) -> Store:
    """Opens the event log at `url`, its tables brought up to date: `sqlite:///file.db` (relative to
    `base`, by default the working directory) or `memory://`. Raises StoreError with the way out."""
    if url == _MEMORY:
        from banditroute.store.memory import MemoryStore

        return MemoryStore()
    from banditroute.store.engine import open_engine
    from banditroute.store.sql import SqlStore

    return SqlStore(open_engine(url, base))


def upgrade(url: str, *, base: Path | None = None) -> None:
    """Brings the tables of the event log at `url` up to date, and does nothing else."""
    if url != _MEMORY:
        from banditroute.store.engine import open_engine

        open_engine(url, base).dispose()
