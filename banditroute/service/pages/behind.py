"""What takes long, made behind the scenes: a page shows the last one there is and waits for none."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from banditroute.errors import BanditrouteError

PATIENCE = 0.05
"""Seconds that a page waits for the very first one."""

FRESH = 30.0
"""Seconds at least from the end of one to the beginning of the next."""

REST = 10.0
"""The same, in times of how long it took to make: a long one is made seldom."""

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


@dataclass(slots=True)
class _Turn(Generic[Made]):
    """One that is being made, or was; `ended` is when."""

    asked: Future[Made]
    began: float
    ended: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether it is time for the next one."""
        if self.ended is None:
            return False
        return now >= self.ended + max(FRESH, REST * (self.ended - self.began))


class Behind(Generic[Key, Made]):
    """The last one of each key, while the next is made. `begin` begins to make one, elsewhere."""

    def __init__(self, begin: Callable[[Key], Future[Made]]) -> None:
        self._begin = begin
        self._turns: dict[Key, _Turn[Made]] = {}
        self._last: dict[Key, Made] = {}

    def get(self, key: Key) -> Made | None:
        """The last one, or None while the first is being made. Raises why it could not be made, where there
        is none from before."""
        turn = self._turns.get(key)
        if turn is None or turn.is_due(time.monotonic()):
            turn = self._turns[key] = self._turn(key)
        try:
            self._last[key] = turn.asked.result(0.0 if key in self._last else PATIENCE)
        except TimeoutError:
            return self._last.get(key)
        except BanditrouteError:
            if key not in self._last:
                raise
        return self._last[key]

    def _turn(self, key: Key) -> _Turn[Made]:
        turn = _Turn(self._begin(key), time.monotonic())

        def end(_: Future[Made]) -> None:
            turn.ended = time.monotonic()

        turn.asked.add_done_callback(end)
        return turn
