"""Waiting for what may never answer, a receiver or an operator's own code, no longer than is allowed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(TimeoutError):
    """As many calls as may be are left behind, and all of them hang."""


class Bounded:
    """Makes calls in threads of their own, from one thread at a time.

    A call that takes too long cannot be ended: it goes on by itself, and the next one has a new thread. While
    `most` are left behind, all further ones fail at once. One hangs that has run for `hangs_after` seconds:
    whoever was given less may only be slow.
    """

    def __init__(self, name: str, *, most: int = 1, hangs_after: float = 0.0) -> None:
        self._name = name
        self._most = most
        self._hangs_after = hangs_after
        self._left_behind: list[tuple[Thread, float]] = []

    def __call__(self, seconds: float, call: Callable[[], T]) -> T:
        """What the call gives or raises; TimeoutError where it takes longer than so many seconds, or is not
        even made because others still run, and `Stuck` where these hang."""
        begun = time.monotonic()
        self._left_behind = [(thread, since) for thread, since in self._left_behind if thread.is_alive()]
        if len(self._left_behind) >= self._most:
            hang = all(begun - since >= self._hangs_after for _, since in self._left_behind)
            raise (Stuck if hang else TimeoutError)("the last call has not ended yet")
        answer: Future[T] = Future()
        thread = Thread(target=_answer, args=(answer, call), name=self._name, daemon=True)
        thread.start()
        try:
            return answer.result(max(seconds, 0.0))
        except TimeoutError:
            if answer.done():  # the call's own
                raise
            self._left_behind.append((thread, begun))
            raise TimeoutError(f"no answer within {seconds:.1f} s") from None


def _answer(answer: Future[Any], call: Callable[[], object]) -> None:
    try:
        answer.set_result(call())
    except Exception as error:  # noqa: BLE001 (raised again where it is waited for)
        answer.set_exception(error)
