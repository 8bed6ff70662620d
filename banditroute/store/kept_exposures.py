"""The requests of experiments, kept in memory from one look to the next: only what is new is read.

A look reads the decisions that were made since the last one, and those that outcomes came of. What was read
before stands as long as the read model does; once that was dropped and made anew, all is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock

from banditroute.config.settings import Settings
from banditroute.store.base import Store
from banditroute.store.exposure_columns import Columns, Reader
from banditroute.store.exposures import Exposed
from banditroute.store.tallied import cursor_of, times_forgotten

MOST = 2_000_000
"""Requests and units that are kept, of all experiments together: some 190 bytes each, and a request without a
unit is one too. The experiment that nobody has looked at for longest goes first; one that is larger by
itself is read anew at every look."""

PAGE = 2_000
"""Outcomes whose decisions are looked up at once."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look found: with all outcomes up to event `heard`, after the read model was dropped so often."""

    forgotten: int
    heard: int
    columns: Columns

    @property
    def size(self) -> int:
        """Requests and units."""
        return len(self.columns.seq) + len(self.columns.first)


class KeptExposures:
    """Experiments by name. Safe to share between threads: one at a time reads."""

    def __init__(self, store: Store, settings: Settings, *, most: int = MOST) -> None:
        self._store = store
        self._settings = settings
        self._most = most
        self._lock = Lock()
        self._looks: dict[str, _Look] = {}

    def get(self, experiment: str, breathe: Callable[[], None]) -> Exposed:
        """The requests of an experiment by now; `breathe` is called after every page."""
        with self._lock:
            # Asked first: what changes while it is read is read again by the next look.
            forgotten, cursor = times_forgotten(self._store.engine), cursor_of(self._store.engine)
            heard = 0 if cursor is None else cursor.seq
            reader = Reader(self._store.engine, self._settings, experiment, breathe)
            known, before = Columns(), self._looks.get(experiment)
            if before is not None and before.forgotten == forgotten:
                known = reader.revised(before.columns, self._told(before.heard, heard))
            columns = reader.grown(known)
            self._keep(experiment, _Look(forgotten, heard, columns))
            return columns.exposed()  # before another look gives it more names

    def _told(self, after: int, upto: int) -> Iterator[tuple[str, ...]]:
        """Pages of the decisions that something was said of."""
        while after < upto:
            last, ids = self._store.touched(after, PAGE)
            if last == after:
                return
            yield ids
            after = last

    def _keep(self, experiment: str, look: _Look) -> None:
        self._looks.pop(experiment, None)
        if not 0 < look.size <= self._most:
            return
        self._looks[experiment] = look
        while sum(kept.size for kept in self._looks.values()) > self._most:
            del self._looks[next(iter(self._looks))]
