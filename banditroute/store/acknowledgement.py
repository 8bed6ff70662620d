"""The promise an append gives, which threads wait for, coroutines await and event loops are told of.

Not a `concurrent.futures.Future`: that makes a lock and a condition for every event, which takes longer
than a group commit's share of one.
"""

from __future__ import annotations

import logging
import threading
from asyncio import AbstractEventLoop, get_running_loop
from asyncio import Future as Waiter
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from banditroute.errors import BanditrouteError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class _Pending:
    """Stands where the answer will be."""


_PENDING = _Pending()


class Acknowledgement(Generic[T]):
    """Resolves once the event is durable: take `.result()`, or `await` it.

    A commit wakes each event loop once, whatever the number of events in it. It cannot be cancelled: an
    event that was handed in is written, also when nobody waits for it any more.
    """

    __slots__ = ("_answer", "_calls")

    def __init__(self) -> None:
        self._answer: T | BanditrouteError | _Pending = _PENDING
        self._calls: list[tuple[AbstractEventLoop | None, Callable[[], object]]] = []

    def done(self) -> bool:
        """Whether it is known what became of the event."""
        return self._answer is not _PENDING

    def result(self, timeout: float | None = None) -> T:
        """Waits, in this thread; raises what refuses the event, or TimeoutError after `timeout` seconds."""
        self._wait(timeout)
        answer = self.answer()
        if isinstance(answer, BanditrouteError):
            raise answer
        return answer

    def exception(self, timeout: float | None = None) -> BanditrouteError | None:
        """Waits likewise; what refuses the event, None where it is durable."""
        self._wait(timeout)
        answer = self.answer()
        return answer if isinstance(answer, BanditrouteError) else None

    def answer(self) -> T | BanditrouteError:
        """What it was resolved with: a result, or the error that refuses the event."""
        assert not isinstance(self._answer, _Pending), "asked before it was resolved"
        return self._answer

    def add_done_callback(self, call: Callable[[Acknowledgement[T]], object]) -> None:
        """Calls `call` with this once it is resolved: by the thread that resolves it, or at once."""
        self._add(None, partial(call, self))

    def then(self, loop: AbstractEventLoop, call: Callable[[], object]) -> None:
        """Calls back in an event loop once this is resolved; to be asked from the loop's own thread."""
        self._add(loop, call)

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            loop = get_running_loop()
            waiter = loop.create_future()
            self.then(loop, partial(_wake, waiter))
            yield from waiter
        return self.result()

    def _add(self, loop: AbstractEventLoop | None, call: Callable[[], object]) -> None:
        entry = loop, call
        self._calls.append(entry)
        if self.done():  # perhaps too late for whoever resolved it to have seen: the one who takes it calls
            try:
                self._calls.remove(entry)
            except ValueError:
                return
            if loop is None:
                _call([call])
            else:
                loop.call_soon(call)

    def _wait(self, timeout: float | None) -> None:
        if not self.done():
            resolved = threading.Event()
            self._add(None, resolved.set)
            if not resolved.wait(timeout):
                raise TimeoutError(f"the event was not durable within {timeout:g} s")


def settled(answer: T | BanditrouteError) -> Acknowledgement[T]:
    """One that is resolved already: with a result, or with the error that refuses the event."""
    acknowledgement: Acknowledgement[T] = Acknowledgement()
    resolve([(acknowledgement, answer)])
    return acknowledgement


def resolve(answers: Iterable[tuple[Acknowledgement[Any], object]]) -> None:
    """Gives every acknowledgement its result or error, then wakes each waiting event loop once."""
    here: list[Callable[[], object]] = []
    elsewhere: dict[AbstractEventLoop, list[Callable[[], object]]] = {}
    for acknowledgement, answer in answers:
        acknowledgement._answer = answer
        while acknowledgement._calls:
            loop, call = acknowledgement._calls.pop(0)
            (here if loop is None else elsewhere.setdefault(loop, [])).append(call)
    _call(here)
    for loop, calls in elsewhere.items():
        try:
            loop.call_soon_threadsafe(_call, calls)
        except RuntimeError:  # the loop was closed, and whoever waited in it is gone
            continue


def _wake(waiter: Waiter[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _call(calls: Iterable[Callable[[], object]]) -> None:
    for call in calls:
        try:
            call()
        except Exception:  # noqa: BLE001 (one that is told badly shall not keep the others from being told)
            _log.exception("What waited for an event failed when it was told.")
