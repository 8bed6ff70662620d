"""The one thread that writes: adaptive group commit.

Whatever is queued while one commit runs becomes the next group. No event waits for a timer: alone,
it is committed at once; under load, one commit is shared by many. Only what is no event, and is patient,
waits a moment for a group to join, one at a time, so that no event ever waits for a commit of its.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

from banditroute.errors import StoreError
from banditroute.store.acknowledgement import Acknowledgement, resolve, settled

T = TypeVar("T")

CLOSED = "the event log is closed: open it again."

MAX_GROUP = 1_024
"""More than that in one commit gains nothing and makes the first wait for the last."""

PATIENCE = 0.05
"""Seconds that a patient item waits for a group to join."""


class GroupWriter(Generic[T]):
    """Hands groups of items to `write`, which makes them durable and gives one answer for each:
    a result, or the BanditrouteError that refuses that item alone.

    `write` raises StoreError when the group as a whole could not be written, and all its items
    fail. After any other error each item is tried by itself, so that one bad item harms nobody.
    """

    def __init__(self, write: Callable[[Sequence[T]], Sequence[object]]) -> None:
        self._write = write
        self._queue: SimpleQueue[tuple[T, Acknowledgement[Any]] | None] = SimpleQueue()
        self._patient: deque[tuple[T, Acknowledgement[Any]]] = deque()
        self._lock = Lock()
        self._closed = False
        self._thread = Thread(target=self._run, name="banditroute-store", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many items wait for a commit, about."""
        return self._queue.qsize() + len(self._patient)

    def put(self, item: T, *, patient: bool = False) -> Acknowledgement[Any]:
        """Queues an item; resolves after its commit. A `patient` one takes part in the next group of others,
        or is alone where there is none for a while."""
        with self._lock:
            if not self._closed:
                acknowledgement: Acknowledgement[Any] = Acknowledgement()
                if patient:
                    self._patient.append((item, acknowledgement))
                else:
                    self._queue.put((item, acknowledgement))
                return acknowledgement
        return settled(StoreError(CLOSED))

    def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            try:
                first = self._queue.get(timeout=PATIENCE)
            except Empty:
                if self._patient:
                    self._commit([self._patient.popleft()])
                continue
            if first is None:
                break
            group, last = self._gather(first)
            if self._patient:
                group.append(self._patient.popleft())
            self._commit(group)
        while self._patient:
            self._commit([self._patient.popleft()])

    def _commit(self, group: list[tuple[T, Acknowledgement[Any]]]) -> None:
        answers = self._answers([item for item, _ in group])
        resolve(zip((acknowledgement for _, acknowledgement in group), answers, strict=True))

    def _gather(
        self, first: tuple[T, Acknowledgement[Any]]
    ) -> tuple[list[tuple[T, Acknowledgement[Any]]], bool]:
        """Everything that is queued by now, and whether the end was among it."""
        group = [first]
        try:
            while len(group) < MAX_GROUP:
                entry = self._queue.get_nowait()
                if entry is None:
                    return group, True
                group.append(entry)
        except Empty:
            pass
        return group, False

    def _answers(self, items: Sequence[T]) -> Sequence[object]:
        try:
            return self._write(items)
        except StoreError as error:
            return [StoreError(str(error)) for _ in items]
        except Exception as error:  # noqa: BLE001 (whatever it is, the waiting are told and the thread lives)
            if len(items) == 1:
                return [StoreError(f"the event log refused an event: {error}.")]
            return [answer for item in items for answer in self._answers([item])]
