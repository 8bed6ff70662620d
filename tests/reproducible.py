"""Routers that decide the same in every run: ids and seeds that are made up, and the clock at a noon.

A test that asserts something of what was drawn would else fail by chance, now and then, for nobody's fault.
Run as a module, this is `banditroute` whose routers do: for tests of a service in a process of its own.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from banditroute.cli import main
from banditroute.routing.identity import Identities

NOON = 1_728_043_200.0
SECONDS_PER_DAY = 86_400.0


class MadeUp(Identities):
    """Ids that sort as they were made and 64-bit seeds, both from one number and not from the time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._making = threading.Lock()
        self._made = 0
        self._entropy = random.Random(seed)

    def new(self, at: float) -> tuple[str, int]:
        with self._making:
            self._made += 1
            return f"{self._made:016x}{self._entropy.getrandbits(64):016x}", self._entropy.getrandbits(64)


@contextmanager
def reproducible(seed: int = 0) -> Iterator[None]:
    """Routers that are made meanwhile share ids and seeds that are the same in every run. What they decide
    is too, if what they hear is folded at the same places: wait for `catch_up` where it matters."""
    made_up = MadeUp(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("banditroute.routing.engine.Identities", lambda: made_up)
        yield


@contextmanager
def at_noon() -> Iterator[None]:
    """The clock stands: no test of a day ends in the next one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: NOON)
        yield


def clear_of_midnight(seconds: float) -> None:
    """Waits for the next day (UTC) where this one has no more than so many seconds left: for processes, whose
    clock is the machine's, and which count by the day."""
    left = SECONDS_PER_DAY - time.time() % SECONDS_PER_DAY
    if left <= seconds:
        time.sleep(left)


if __name__ == "__main__":
    with reproducible():
        main()
