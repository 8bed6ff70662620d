"""Decision ids and seeds: the shell's randomness, handed to the core as plain data."""

from __future__ import annotations

import os
import threading

_TICKS_PER_SECOND = 1_000_000


class Identities:
    """Makes decision ids and 64-bit seeds. Ids begin with the time, so that they sort as the decisions
    were made: strictly from one maker, to the microsecond between several, and 64 random bits keep
    them apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new(self, at: float) -> tuple[str, int]:
        """An id and a seed for a decision made at a time."""
        entropy = os.urandom(16)
        with self._lock:
            self._last = tick = max(int(at * _TICKS_PER_SECOND), self._last + 1)
        return f"{tick:016x}{entropy[:8].hex()}", int.from_bytes(entropy[8:], "big")
