"""Keeping the read model up to date: what the dashboard, reports and experiments read of the log.

A step reads one page of decisions and one of outcomes, works out what their results are now, and stores the
difference with the cursor (`store.tallied`). A result takes the place of the one that is stored, and its
difference alone enters the sums; so revisions, retractions, late outcomes and repeated pages give the same
as the clean sequence would, and it never matters who does a step, nor who dies in one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.routing.results import facts_of, result_of
from banditroute.store.base import Changes, Decided, Store
from banditroute.store.results import Result
from banditroute.store.rollups import Additions
from banditroute.store.tallied import Cursor, Tallied, cursor_of, forget, known_results

PAGE = 64
"""Decisions, and outcomes, of one step: the log's writer is busy with them for some milliseconds."""

LARGE_PAGE = 2_000
"""The same where nobody is served meanwhile."""

POLL_SECONDS = 1.0
"""How often the log is looked at."""

REST = 5.0
"""A step is followed by a rest of this many times the processor time it took, where nobody else works …"""

REST_BESIDE = 60.0
"""… and of so many more times where the rest of the process keeps a core busy: whoever looks can wait, those
who are served cannot."""

LONGEST_REST = 0.5

Progress = Callable[[int, int], None]
"""Called with how many of the new decisions are tallied, and their number."""

_log = logging.getLogger(__name__)


def step(store: Store, settings: Settings, page: int = PAGE, *, patient: bool = False) -> bool:
    """Tallies the next page; False where that was all there was. A `patient` step is stored together with
    events that come anyway, so that none of them waits for a commit of its."""
    cursor = cursor_of(store.engine)
    if cursor is None:
        # What is told up to here is told of decisions that are read later, with all that was told of them.
        begun = Cursor(0, store.last_seq(), 0.0)
        store.append_tallied(Tallied(None, begun)).result()
        return True
    changes = store.changes(cursor.seq, page)  # read first: a decision then comes with all of these
    decided = store.decided(cursor.decided, page, prompts=False)
    if not decided.records and not changes.records:
        return False
    known = known_results(store.engine, [told.decision.id for told in changes.records])
    classes = frozenset(own.name for own in settings.classes)
    news = tallied(cursor, changes, decided, known, classes)
    stored = store.append_tallied(news, patient=patient).result()
    return not stored or max(len(decided.records), changes.upto - cursor.seq) >= page


def tallied(
    cursor: Cursor, changes: Changes, decided: Decided, known: dict[str, Result], classes: frozenset[str]
) -> Tallied:
    """What pages of news make of the read model. `known` are the stored results of the decisions that the
    changes are about; those that have none come later, with all their outcomes."""
    added = Additions()
    results: list[Result] = []
    for told in changes.records:
        before = known.get(told.decision.id)
        if before is None:
            continue
        facts = facts_of(told.decision.context, told.outcomes)
        now = structs.replace(before, **structs.asdict(facts))
        if now != before:
            added.add(now, before)
            results.append(now)
    for seq, record in zip(decided.seqs, decided.records, strict=True):
        now = result_of(seq, record.decision, record.outcomes, classes)
        added.add(now)
        results.append(now)
    newest = _newest(cursor.newest, (record.decision.at for record in decided.records))
    upto = Cursor(decided.upto, changes.upto, newest)
    return Tallied(cursor, upto, results, added.sums(newest), added.latencies(newest))


def catch_up(
    store: Store,
    settings: Settings,
    *,
    breathe: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> None:
    """Tallies what the log holds by now, in this thread. Who serves requests meanwhile takes a breath
    after every page; without one pages are large."""
    begun = cursor_of(store.engine) if progress is not None else None
    before = 0 if begun is None else begun.decided
    known = store.counts()["decisions"] - before if progress is not None else 0
    more = True
    while more:
        serving = breathe is not None
        more = step(store, settings, PAGE if serving else LARGE_PAGE, patient=serving)
        cursor = cursor_of(store.engine) if progress is not None else None
        if cursor is not None and progress is not None:
            progress(min(cursor.decided - before, known), known)
        if breathe is not None:
            breathe()


def rebuild_views(store: Store, settings: Settings, progress: Progress | None = None) -> None:
    """Drops the read model and tallies the whole log anew. A service beside goes on and takes its part."""
    forget(store.engine)
    catch_up(store, settings, progress=progress)


class Tally:
    """A thread that keeps the read model up to date. Serving goes on without it: a failure is told once,
    and it tries again."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="banditroute-tally", daemon=True)
        self.failure: Exception | None = None

    def start(self) -> None:
        """Begins to tally."""
        self._thread.start()

    def close(self) -> None:
        """Ends after the page under way."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        began, spent = time.perf_counter(), time.process_time()
        while not self._closing.is_set():
            started = time.thread_time()
            more = False
            try:
                more = step(self._store, self._settings, patient=True)
                self.failure = None
            except Exception as error:  # noqa: BLE001 (serving needs none of this)
                if self.failure is None:
                    _log.exception("The dashboard's figures could not be brought up to date; trying again.")
                self.failure = error
            worked = time.thread_time() - started
            now, by_all = time.perf_counter(), time.process_time()
            beside = min(max(by_all - spent - worked, 0.0) / max(now - began, 1e-9), 1.0)
            began, spent = now, by_all
            self._closing.wait(_rest(worked, beside) if more else POLL_SECONDS)


def _rest(worked: float, beside: float) -> float:
    """Seconds of rest after so many seconds of work, where everything else kept the share `beside` of a core
    busy meanwhile."""
    return min((REST + REST_BESIDE * beside) * worked, LONGEST_REST)


def _newest(newest: float, made: Iterable[float]) -> float:
    """When the newest decision was made, taken for no later than now: a clock that was once wrong shall not
    end every chart of the last hours."""
    return max(newest, min(max(made, default=newest), time.time()))
