"""Texts on their way into the event log: redacted by a thread of its own, so that serving waits for none.

A decision is stored at once and its prompt follows. Feedback with a text waits for its redaction, for at most
`PATIENCE`: then the text is left out. Of answers, only those that are stored are redacted at all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from msgspec import structs

from banditroute.errors import BanditrouteError, StoreError
from banditroute.routing.redaction import Redactor
from banditroute.store.acknowledgement import Acknowledgement, resolve
from banditroute.store.base import Answered, Entry, Store, Texts
from banditroute.types import Receipt

PATIENCE = 5.0
"""Seconds that a list of feedback waits for the redaction of its texts, those before it included."""

Append = Callable[[Sequence[Entry]], Acknowledgement[Receipt]]
"""Hands a list to the event log."""

_log = logging.getLogger(__name__)


class Keeper:
    """Redacts texts in the order in which they come, and stores what is left. Without anything to redact
    it does nothing by itself and has no thread."""

    def __init__(self, redactor: Redactor, store: Store) -> None:
        self.redactor = redactor
        self._store = store
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = not redactor.active
        self._thread = threading.Thread(target=self._run, name="banditroute-texts", daemon=True)
        if redactor.active:
            self._thread.start()

    def prompts(self, texts: Texts, durable: Acknowledgement[None]) -> None:
        """Stores the texts of decisions once these are durable themselves."""
        deadline = time.monotonic() + PATIENCE

        def follow(done: Acknowledgement[None]) -> None:
            if done.exception() is None:
                self._put(lambda: self._add(texts, deadline))

        durable.add_done_callback(follow)

    def report(self, entries: Sequence[Entry], append: Append) -> Acknowledgement[Receipt]:
        """Redacts the texts of a list and appends it."""
        deadline = time.monotonic() + PATIENCE
        promised: Acknowledgement[Receipt] = Acknowledgement()
        self._put(lambda: self._append(entries, deadline, append, promised))
        return promised

    def close(self) -> None:
        """Stores what waits, then ends the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _put(self, job: Callable[[], None]) -> None:
        with self._lock:
            if not self._closed:
                self._queue.put(job)
                return
        job()  # the event log is closed too, and says so

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            job()

    def _add(self, texts: Texts, deadline: float) -> None:
        kept = {key: self.redactor(kinds, deadline) for key, kinds in texts.items()}
        added = self._store.append_list([Entry((), {key: kinds for key, kinds in kept.items() if kinds})])
        added.add_done_callback(_tell_failure)

    def _append(
        self,
        entries: Sequence[Entry],
        deadline: float,
        append: Append,
        promised: Acknowledgement[Receipt],
    ) -> None:
        try:
            spoken = {key for entry in entries for key in entry.answers}
            asked = self._store.asked(sorted(spoken)) if spoken else {}
            done = append([self._ready(entry, asked, deadline) for entry in entries])
        except BanditrouteError as error:
            resolve([(promised, error)])
        except Exception:  # noqa: BLE001 (a defect; those who wait must hear of it)
            _log.exception("Feedback could not be stored.")
            resolve([(promised, StoreError("the feedback could not be stored: see the service's log."))])
        else:
            done.add_done_callback(lambda told: resolve([(promised, told.answer())]))

    def _ready(self, entry: Entry, asked: dict[str, Answered], deadline: float) -> Entry:
        """The entry as it may be stored. The event log refuses what is not asked for; redacting it is
        spared here."""
        answers = {
            key: self.redactor(kinds, deadline)
            for key, kinds in entry.answers.items()
            if key in asked and asked[key].at >= entry.answers_since
        }
        texts = {key: self.redactor(kinds, deadline) for key, kinds in entry.texts.items()}
        return structs.replace(entry, texts=texts, answers=answers)


def _tell_failure(done: Acknowledgement[Receipt]) -> None:
    if (error := done.exception()) is not None:
        _log.warning("The prompt of a decision is not stored, so it cannot be judged: %s", error)
