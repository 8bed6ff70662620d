"""The one thread that writes: adaptive group commit.

Whatever is queued while one commit runs becomes the next group. Nothing waits for a timer: alone,
an event is committed at once; under load, one commit is shared by many.
"""

from __future__ import annotations

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


class GroupWriter(Generic[T]):
    """Hands groups of items to `write`, which makes them durable and gives one answer for each:
    a result, or the BanditrouteError that refuses that item alone.

    `write` raises StoreError when the group as a whole could not be written, and all its items
    fail. After any other error each item is tried by itself, so that one bad item harms nobody.
    """

    def __init__(self, write: Callable[[Sequence[T]], Sequence[object]]) -> None:
        self._write = write
        self._queue: SimpleQueue[tuple[T, Acknowledgement[Any]] | None] = SimpleQueue()
        self._lock = Lock()
        self._closed = False
        self._thread = Thread(target=self._run, name="banditroute-store", daemon=True)
        self._thread.start()

    def put(self, item: T) -> Acknowledgement[Any]:
        """Queues an item; resolves after its commit."""
        with self._lock:
            if not self._closed:
                acknowledgement: Acknowledgement[Any] = Acknowledgement()
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
        while (first := self._queue.get()) is not None:
            group, last = self._gather(first)
            answers = self._answers([item for item, _ in group])
            resolve(zip((acknowledgement for _, acknowledgement in group), answers, strict=True))
            if last:
                return

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
