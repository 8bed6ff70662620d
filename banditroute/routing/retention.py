"""Texts are kept for `[judge] retention_days` of their decision's age, and deleted then.

It holds wherever an event log holds texts that it is not told to keep (`[store] prompts`), with a judge or
without. How long texts are kept is noted in the log while there is a judge, so that those which it leaves
behind are deleted when that was promised, also once `[judge]` is gone from the configuration.
"""

from __future__ import annotations

import logging
import threading
import time

from banditroute.config.settings import Settings
from banditroute.errors import StoreError
from banditroute.store.base import Store
from banditroute.store.controls import Control

TIDY_SECONDS = 3_600.0
"""How often texts are looked for that have been kept for long enough."""

RETRY_SECONDS = 60.0
"""The same after a failure."""

_PAGE = 1_000
_DAY = 86_400.0

_log = logging.getLogger(__name__)


class Retention:
    """Deletes texts whose time is over, in a thread of its own."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="banditroute-retention", daemon=True)

    def start(self) -> None:
        """Begins to look for old texts, unless the log keeps them all."""
        if not self._settings.store.prompts:
            self._thread.start()

    def close(self) -> None:
        """Ends the thread; the store may be closed then."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def tidy(self, at: float) -> int:
        """Deletes the texts of decisions that are too old at a time, and says of how many."""
        return forget_old_texts(self._store, at - self.days() * _DAY)

    def days(self) -> float:
        """For how many days texts are kept: as configured where there is a judge, else as was promised when
        there was one."""
        days = self._settings.judge.retention_days
        if self._settings.judge.model:
            self._store.controls.append_unless(
                lambda noted: bool(noted) and _days(noted[-1]) == days,
                "retention",
                "texts",
                body={"days": days},
            )
            return days
        noted = self._store.controls.after(0, "retention")
        return _days(noted[-1]) if noted else days

    def _run(self) -> None:
        failing, rest = False, 0.0
        while not self._closing.wait(rest):
            try:
                self.tidy(time.time())
                failing, rest = False, TIDY_SECONDS
            except StoreError as error:
                if not failing:
                    _log.warning("Old texts could not be deleted, trying again: %s", error)
                failing, rest = True, RETRY_SECONDS


def forget_old_texts(store: Store, before: float) -> int:
    """Deletes the texts of all decisions made before a time, and says of how many."""
    forgotten = 0
    while (page := store.forget_texts(before, _PAGE)) > 0:
        forgotten += page
    return forgotten


def _days(noted: Control) -> float:
    days = noted.body["days"]
    assert isinstance(days, int | float)
    return float(days)
