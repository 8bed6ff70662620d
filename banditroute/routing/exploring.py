"""What exploring was foreseen to cost, counted when decisions are made, by every service on the log.

The state is a fold of outcomes: an application that never reports any would explore without end. So with a
budget for exploring, what receipts foresee is counted at once here, and what other processes decide is read
from the log every few seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.core.decide import State
from banditroute.core.spending import DAYS_KEPT, day_of
from banditroute.core.steering.trials import EXPLORED
from banditroute.errors import StoreError
from banditroute.store.base import Store
from banditroute.types import Decision

REFRESH_SECONDS = 5.0
"""How often the log is asked for what others decided."""

_PAGE = 1_000

_log = logging.getLogger(__name__)


class Exploring:
    """USD that receipts foresee for exploring, by UTC day. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._days: dict[int, float] = {}
        self._own: dict[str, float] = {}
        self._read = self._begin(time.time())
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="banditroute-exploring", daemon=True)
        self._thread.start()

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Counts decisions that this process makes, before they are stored."""
        with self._lock:
            for decision in decisions:
                if (usd := decision.parameters.get(EXPLORED, 0.0)) > 0.0:
                    self._own[decision.id] = decision.at
                    self._count(decision.at, usd)

    def known_to(self, state: State) -> State:
        """The state that a choice is made by, which knows what was foreseen until now."""
        purse = state.watch.purse
        if purse is None:
            return state
        with self._lock:
            known = structs.replace(purse, decided=dict(self._days))
        return replace(state, watch=structs.replace(state.watch, purse=known))

    def refresh(self) -> None:
        """Reads what was stored since, of which other processes decided some."""
        while (page := self._store.decided(self._read, _PAGE)).upto > self._read:
            self._hear([record.decision for record in page.records])
            self._read = page.upto

    def close(self) -> None:
        """Ends the thread; the store may be closed then."""
        self._closing.set()
        self._thread.join()

    def _begin(self, now: float) -> int:
        """Counts what was decided before, back to the beginning of the day; gives the last decision read."""
        last = before = self._store.counts()["decisions"]
        while before > 0:
            page = self._store.decided(before := max(0, before - _PAGE), min(_PAGE, last - before))
            today = [own.decision for own in page.records if day_of(own.decision.at) >= day_of(now)]
            self._hear(today)
            if len(today) < len(page.records):
                break
            last = before
        return last

    def _hear(self, decisions: Sequence[Decision]) -> None:
        with self._lock:
            for decision in decisions:
                usd = decision.parameters.get(EXPLORED, 0.0)
                if self._own.pop(decision.id, None) is None and usd > 0.0:
                    self._count(decision.at, usd)

    def _count(self, at: float, usd: float) -> None:
        day = day_of(at)
        if day not in self._days:  # what is over is forgotten, also decisions that were never stored
            oldest = day - DAYS_KEPT + 1
            self._days = {known: sum_ for known, sum_ in self._days.items() if known >= oldest}
            self._own = {name: then for name, then in self._own.items() if day_of(then) >= oldest}
        self._days[day] = self._days.get(day, 0.0) + usd

    def _run(self) -> None:
        failing = False
        while not self._closing.wait(REFRESH_SECONDS):
            try:
                self.refresh()
                failing = False
            except StoreError as error:
                if not failing:
                    _log.warning("What others explored cannot be read from the event log: %s", error)
                failing = True


def exploring(settings: Settings, store: Store) -> Exploring | None:
    """What counts, where there is a budget for exploring."""
    return None if settings.budget.exploration_usd_per_day is None else Exploring(store)
