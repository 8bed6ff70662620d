"""The savings report of a running router, kept fresh by the tail of its event log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from banditroute.config.settings import Settings
from banditroute.reports.cells import DAY
from banditroute.reports.decisions import savings_of_cells
from banditroute.reports.findings import SavingsReport
from banditroute.reports.ledger import Ledger
from banditroute.reports.savings import ANYTHING, Asked
from banditroute.store import Store


class LiveSavings:
    """Reports on the event log of a store. The first one folds the whole log, later ones its tail.

    Safe to share between threads: one at a time works. `breathe` is called between the pieces of the work.
    """

    def __init__(
        self, settings: Settings, store: Store, *, breathe: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._store = store
        self._breathe = breathe
        self._ledger = Ledger(settings)
        self._working = threading.Lock()

    def report(
        self,
        days: int | None = None,
        asked: Asked = ANYTHING,
        *,
        now: float | None = None,
    ) -> SavingsReport:
        """The report on the last `days` days (UTC, today included), on everything by default."""
        now = time.time() if now is None else now
        since = None if days is None else now - (days - 1) * DAY
        with self._working:
            self._ledger.follow(self._store, self._breathe)
            cells, span = self._ledger.cells(since), self._ledger.span(since)
        return savings_of_cells(
            cells,
            self._settings,
            asked,
            span=span,
            breathe=self._breathe,
        )
