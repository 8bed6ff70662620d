"""Following the log: the current state, kept folded up to the last event by a thread of its own.

The state is immutable and swapped by reference: readers take it and need no lock. A fold starts as
soon as something was appended and the last fold is done, and rests in proportion to what it cost,
so that learning never takes more than a share of the machine from serving.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from banditroute.config.settings import Settings
from banditroute.core.decide import State, initial_state, learn
from banditroute.core.feedback.fold import observations
from banditroute.core.feedback.heard import first_heard
from banditroute.core.feedback.resets import NO_RESETS, Resets, resets_of, without_history
from banditroute.core.snapshot import dump_state, fingerprint, load_state
from banditroute.core.steering.pacing import token_prices
from banditroute.errors import StoreError
from banditroute.routing.acknowledging import seen_to
from banditroute.routing.probing import with_probes
from banditroute.store.acknowledgement import Acknowledgement
from banditroute.store.base import Changes, Snapshot, Store
from banditroute.store.controls import Controls

PAGE = 2_000
"""Outcomes folded at once."""

POLL_SECONDS = 1.0
"""How often the log is looked at without a nudge: another process may have appended to it."""

REST = 19.0
"""A fold is followed by a rest of this many times its duration, at most `LONGEST_REST` seconds."""

LONGEST_REST = 0.5

Progress = Callable[[int, int], None]
"""Called with the events folded so far and their number."""

_log = logging.getLogger(__name__)


def fold(state: State, changes: Changes, settings: Settings, resets: Resets = NO_RESETS) -> State:
    """The state after one page of the log. Its time is that of the events, never the clock's."""
    pairs = [(record.decision, record.outcomes) for record in changes.records]
    counts_as = settings.reward.error_quality
    news = observations(
        pairs, after_seq=state.seq, error_quality=counts_as,
        rater_correlation=settings.trust.rater_correlation,
        prices=token_prices([model.id for model in state.models], state.frame.prices),
    )  # fmt: skip
    if resets.since:
        news = [own for own in news if resets.counts(own)]
    heard = first_heard(pairs, after_seq=state.seq, error_quality=counts_as) if state.watch.listens else ()
    at = max((outcome.at for _, outcomes in pairs for outcome in outcomes), default=state.at)
    return learn(state, news, seq=changes.upto, at=at, heard=heard)


def fold_up_to(
    last: int,
    store: Store,
    settings: Settings,
    state: State,
    progress: Progress | None = None,
    resets: Resets = NO_RESETS,
) -> State:
    """Folds what the log holds up to event `last` and the state does not hold yet."""
    state = _as_told(state, store, settings)
    while state.seq < last:
        changes = store.changes(state.seq, min(PAGE, last - state.seq))
        state = fold(_as_told(state, store, settings), changes, settings, resets)
        if progress is not None:
            progress(state.seq, last)
    return state


def _as_told(state: State, store: Store, settings: Settings) -> State:
    """The state under what people have said until now. To be asked after a page was read and before it is
    folded: whoever was decided for after an acknowledgement is in no earlier page than one read after it."""
    return with_probes(seen_to(state, store), store, settings)


def resets_in(store: Store, settings: Settings) -> Resets:
    """What operators have reset up to now."""
    events = store.controls.after(0, "reset")
    return resets_of(initial_state(settings), events) if events else NO_RESETS


def first_state(settings: Settings, resets: Resets) -> State:
    """The state before any outcome."""
    return without_history(initial_state(settings), resets)


def folded_under(settings: Settings, resets: Resets) -> str:
    """What a snapshot must have been folded under to be of use."""
    return fingerprint(settings) + resets.digest


def stored_state(store: Store, settings: Settings, resets: Resets = NO_RESETS) -> State | None:
    """The state of the last snapshot; None where there is none that these settings can read, or where
    something was reset since.

    A damaged one is told and passed over: it is a cache, and the log holds everything.
    """
    snapshot = store.load_snapshot()
    if snapshot is None or snapshot.fingerprint != folded_under(settings, resets):
        return None
    try:
        return without_history(load_state(snapshot.payload, settings), resets)
    except Exception as error:  # noqa: BLE001 (broken bytes break the reading in any way)
        _log.warning(
            "The snapshot at event %s is damaged (%s: %s) and not used; the log is folded from the start.",
            snapshot.seq,
            type(error).__name__,
            error,
        )
        return None


def save_state(store: Store, settings: Settings, state: State, resets: Resets = NO_RESETS) -> None:
    """Makes the state the snapshot that the next start begins with."""
    under = folded_under(settings, resets)
    store.save_snapshot(Snapshot(state.seq, state.at, under, dump_state(state))).result()


class Follower:
    """Holds the state and keeps it up to date. `listen` is called as often, with the control events."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        progress: Progress | None = None,
        listen: Callable[[Controls], None] | None = None,
    ) -> None:
        self._listen = listen
        if listen is not None:
            listen(store.controls)
        self._store = store
        self._settings = settings
        self._folding = threading.Lock()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._waiting: list[tuple[int, Future[State]]] = []
        self._waiting_lock = threading.Lock()
        self.failure: Exception | None = None
        self.unwritten: StoreError | None = None
        events = store.controls.after(0, "reset")
        self._heard = events[-1].seq if events else 0
        self._resets = resets_in(store, settings)
        known = stored_state(store, settings, self._resets)
        self._saved = 0 if known is None else known.seq
        if known is None:
            known = first_state(settings, self._resets)
        else:
            progress = None  # only the tail is left, not worth a line
        self.state = fold_up_to(store.last_seq(), store, settings, known, progress, self._resets)
        self._thread = threading.Thread(target=self._run, name="banditroute-follow", daemon=True)
        self._thread.start()

    def nudge(self) -> None:
        """Says that something was appended."""
        self._news.set()

    def written(self, done: Acknowledgement[Any]) -> None:
        """Hears how a write of others ended, and remembers the last failure until a write succeeds."""
        error = done.exception()
        if error is None:
            self.unwritten = None
        elif isinstance(error, StoreError):
            self.unwritten = error

    def folded(self, seq: int) -> Future[State]:
        """A future of the first state that holds event `seq`; cancel it to stop waiting."""
        future: Future[State] = Future()
        with self._waiting_lock:
            if self.state.seq >= seq:
                future.set_result(self.state)
            else:
                self._waiting = [entry for entry in self._waiting if not entry[1].done()]
                self._waiting.append((seq, future))
        self._news.set()
        return future

    def catch_up(self) -> State:
        """Folds what is new, now, in the calling thread."""
        with self._folding:
            if self._listen is not None:
                self._listen(self._store.controls)
            self._hear_resets()
            while True:
                changes = self._store.changes(self.state.seq, PAGE)
                known = _as_told(self.state, self._store, self._settings)
                if changes.upto == known.seq:
                    self.state = known
                    break
                self.state = fold(known, changes, self._settings, self._resets)
                self._release()
            if self.state.seq - self._saved >= self._settings.store.snapshot_every:
                self._save()
            return self.state

    def close(self) -> None:
        """Folds what is left, saves a snapshot where the log can be written, and ends the thread."""
        self._closing.set()
        self._news.set()
        self._thread.join()
        try:
            self.catch_up()
            if self.state.seq > self._saved:
                self._save()
        except StoreError as error:  # a snapshot is a cache: nothing is lost
            _log.warning("No snapshot was saved, so the next start folds more of the event log: %s", error)

    def _save(self) -> None:
        state = self.state
        save_state(self._store, self._settings, state, self._resets)
        self._saved = state.seq

    def _hear_resets(self) -> None:
        """Folds the log anew where something was reset: whatever the sums are made of, what results is what
        a rebuild gives. Choosing goes on by the last state meanwhile."""
        events = self._store.controls.after(self._heard, "reset")
        if not events:
            return
        resets = resets_in(self._store, self._settings)
        begun, last = first_state(self._settings, resets), self.state.seq
        self.state = fold_up_to(last, self._store, self._settings, begun, resets=resets)
        self._resets = resets
        self._heard = events[-1].seq
        self._saved = 0  # the last snapshot is of no use any more

    def _run(self) -> None:
        while True:
            self._news.wait(POLL_SECONDS)  # another process may have appended without a nudge
            if self._closing.is_set():
                return
            self._news.clear()
            started = time.perf_counter()
            try:
                self.catch_up()
                self.failure = None
                if self.unwritten is not None:
                    self._try_to_write()
            except Exception as error:  # noqa: BLE001 (serving goes on by the last state, /readyz tells)
                if self.failure is None:
                    _log.exception("Outcomes could not be folded; trying again.")
                self.failure = error
                self._closing.wait(POLL_SECONDS)
            if not self._waiting:
                self._closing.wait(min(REST * (time.perf_counter() - started), LONGEST_REST))

    def _try_to_write(self) -> None:
        """Finds out whether the log can be written again; a service that is not ready may be sent
        nothing that would tell."""
        try:
            with self._folding:
                self._save()
            self.unwritten = None
        except StoreError as error:
            self.unwritten = error

    def _release(self) -> None:
        state = self.state
        with self._waiting_lock:
            reached = [future for seq, future in self._waiting if seq <= state.seq]
            self._waiting = [(seq, future) for seq, future in self._waiting if seq > state.seq]
        for future in reached:
            try:
                future.set_result(state)
            except InvalidStateError:  # nobody waits for it any more
                continue
