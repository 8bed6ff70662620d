"""The keys that hold at the moment, in memory: a request is told apart without asking the store.

A thread asks the store twice a second whether a key was made or revoked, also by another process. So a
revoked key is refused within a second in every service on the log.
"""

from __future__ import annotations

import logging
import math
import time
from hmac import compare_digest
from threading import Event, Thread

from banditroute.errors import TooManyRequests
from banditroute.store.keys import ID_LENGTH, KEY_LENGTH, Key, KeyStore, digest
from banditroute.store.scopes import RESERVED

POLL_SECONDS = 0.5
"""How often the store is asked; one count of a small table."""

_log = logging.getLogger(__name__)


class Bucket:
    """A token bucket: `per_minute` requests are there at first, and come back evenly over a minute.

    Belongs to one event loop.
    """

    def __init__(self, per_minute: float) -> None:
        self._per_minute = per_minute
        self._most = max(1.0, per_minute)
        self._level = self._most
        self._at = time.monotonic()

    def take(self) -> None:
        """Takes one request. Raises TooManyRequests while there is none."""
        now, per_second = time.monotonic(), self._per_minute / 60.0
        self._level = min(self._most, self._level + (now - self._at) * per_second)
        self._at = now
        if self._level < 1.0:
            wait = (1.0 - self._level) / per_second
            raise TooManyRequests(
                f"This key may send {self._per_minute:g} requests a minute, and these are used up; "
                f"send the next one in {math.ceil(wait)} s.",
                retry_after=wait,
            )
        self._level -= 1.0

    def owe(self, requests: int) -> None:
        """Takes what was used beyond one request; where there is not enough, the next one waits longer."""
        self._level -= requests


class Caller:
    """Who sends a request: `name` is the principal, empty for those without a key."""

    __slots__ = ("bucket", "name", "scopes", "sources")

    def __init__(
        self, name: str, scopes: frozenset[str], sources: frozenset[str], bucket: Bucket | None
    ) -> None:
        self.name = name
        self.scopes = scopes
        self.sources = sources
        self.bucket = bucket


class Keyring:
    """The callers of all keys that hold. `failure` says why the store cannot be asked at the moment; the
    keys that were known then go on to hold."""

    def __init__(self, store: KeyStore, requests_per_minute: float = 0.0) -> None:
        self.failure: Exception | None = None
        self._store = store
        self._rate = requests_per_minute
        self._held: dict[bytes, tuple[str, Caller]] = {}
        self._changes = 0
        self._ended = Event()
        self._thread = Thread(target=self._follow, name="banditroute-keys", daemon=True)
        self.refresh()

    @property
    def used(self) -> bool:
        """Whether a key was ever made."""
        return self._changes > 0

    def __len__(self) -> int:
        return len(self._held)

    def find(self, text: bytes) -> Caller | None:
        """The caller whose key this is. What is compared, in constant time, are digests of whole keys; what
        is looked up is the id, which is no secret."""
        if len(text) != KEY_LENGTH:
            return None
        sent = digest(text)
        known, caller = self._held.get(text[:ID_LENGTH], ("", None))
        return caller if compare_digest(sent, known) else None

    def start(self) -> None:
        """Begins to follow the store."""
        self._thread.start()

    def close(self) -> None:
        """Stops following it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Asks the store for what is new, at once."""
        changes = self._store.changes()
        if changes != self._changes:
            self._held = {key.text_id.encode(): (key.digest, self._caller(key)) for key in self._store.held()}
            self._changes = changes

    def _caller(self, key: Key) -> Caller:
        """The caller of a key: the one there was, whose requests are counted already, or a new one."""
        digest_, caller = self._held.get(key.text_id.encode(), ("", None))
        if caller is not None and digest_ == key.digest:
            return caller
        rate = self._rate if key.requests_per_minute is None else key.requests_per_minute
        name = key.name
        if name.casefold() in RESERVED:  # the bare name is that of the service's own worker
            name = f"{name} {key.text_id}"
        return Caller(name, frozenset(key.scopes), frozenset(key.sources), Bucket(rate) if rate else None)

    def _follow(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                self.refresh()
                self.failure = None
            except Exception as error:  # noqa: BLE001 (told by /readyz and the log; tried again)
                if self.failure is None:
                    _log.warning("The keys cannot be read, so those known before hold on: %s", error)
                self.failure = error
