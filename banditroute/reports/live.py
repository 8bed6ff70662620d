"""The savings report of a running router, from the sums that are kept of its event log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from banditroute.config.settings import Settings
from banditroute.reports.cells import DAY
from banditroute.reports.decisions import savings_of_cells
from banditroute.reports.findings import SavingsReport
from banditroute.reports.ledger import live_cells
from banditroute.reports.savings import ANYTHING, Asked
from banditroute.routing.tally import Progress, catch_up
from banditroute.store import Store
from banditroute.store.views import Views


class LiveSavings:
    """Reports on the event log of a store. What is not in the sums yet is added first: the whole log where
    nobody has tallied it, else its tail.

    Safe to share between threads: one at a time works. `breathe` is called between the pieces of the work,
    `progress` while there is much to add.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        breathe: Callable[[], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._breathe = breathe
        self._progress = progress
        self._views = Views(store, settings)
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
            catch_up(self._store, self._settings, breathe=self._breathe, progress=self._progress)
            cells, span = live_cells(self._views, self._settings, since), self._span(since)
        return savings_of_cells(
            cells,
            self._settings,
            asked,
            span=span,
            breathe=self._breathe or (lambda: None),
        )

    def _span(self, since: float | None) -> tuple[float, float] | None:
        """When the first and the last decision of the sums were made."""
        first, last = self._views.first_at(), self._views.last_at()
        if first is None or last is None:
            return None
        return (first if since is None else max(first, since // DAY * DAY)), last
