"""The promise an append gives: a `concurrent.futures.Future` that can also be awaited."""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from asyncio import Future as Waiter
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from banditroute.errors import BanditrouteError

T = TypeVar("T")


class Acknowledgement(Future[T]):
    """Resolves once the event is durable: take `.result()`, or `await` it.

    Awaiting costs less than `asyncio.wrap_future`: a commit wakes each event loop once, whatever
    the number of events in it. It is running from the start, so that it cannot be cancelled: an
    event that was handed in is written, also when nobody waits for it any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._awaiting: list[tuple[AbstractEventLoop, Waiter[None]]] = []

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            loop = get_running_loop()
            waiter = loop.create_future()
            self._awaiting.append((loop, waiter))
            if not self.done():  # else resolved meanwhile, perhaps too early to see the waiter
                yield from waiter
        return self.result()


def settled(answer: T | BanditrouteError) -> Acknowledgement[T]:
    """One that is resolved already: with a result, or with the error that refuses the event."""
    acknowledgement: Acknowledgement[T] = Acknowledgement()
    resolve([(acknowledgement, answer)])
    return acknowledgement


def resolve(answers: Iterable[tuple[Acknowledgement[Any], object]]) -> None:
    """Gives every acknowledgement its result or error, then wakes each waiting event loop once."""
    waiting: dict[AbstractEventLoop, list[Waiter[None]]] = {}
    for acknowledgement, answer in answers:
        if isinstance(answer, BanditrouteError):
            acknowledgement.set_exception(answer)
        else:
            acknowledgement.set_result(answer)
        for loop, waiter in acknowledgement._awaiting:
            waiting.setdefault(loop, []).append(waiter)
    for loop, waiters in waiting.items():
        try:
            loop.call_soon_threadsafe(_wake, waiters)
        except RuntimeError:  # the loop was closed, and whoever waited in it is gone
            continue


def _wake(waiters: Iterable[Waiter[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
