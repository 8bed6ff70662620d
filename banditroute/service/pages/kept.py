"""Rendered pieces of pages, made in a few threads of their own and kept for some seconds.

However many people look, the store is read and a template filled once per piece and moment, and never in
the thread that routes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

THREADS = 2
"""Pieces that are made at once; others wait."""

KEPT = 128
"""Pieces that are kept at once; beyond, the one that was made first goes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A view that was rendered."""

    title: str
    status: int
    content: str


class Kept:
    """Pieces by key, each made once for all who ask while it is fresh."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="banditroute-pages")
        self._pieces: dict[str, tuple[float, asyncio.Future[Piece]]] = {}

    async def get(self, key: str, fresh: float, make: Callable[[], Piece]) -> Piece:
        """The piece of a key, at most `fresh` seconds old; raises what `make` raises. 0 makes it anew."""
        now = time.monotonic()
        until, made = self._pieces.get(key, (0.0, None))
        if made is None or (made.done() and (now >= until or made.cancelled() or made.exception())):
            made = asyncio.get_running_loop().run_in_executor(self._threads, make)
            self._pieces.pop(key, None)
            self._pieces[key] = now + fresh, made
            while len(self._pieces) > KEPT:
                self._pieces.pop(next(iter(self._pieces)))
        return await asyncio.shield(made)

    def forget(self) -> None:
        """Keeps none of those that were made until now."""
        self._pieces.clear()

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)
