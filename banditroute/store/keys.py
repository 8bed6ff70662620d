"""API keys, kept beside the events of a log: who may do what, and in whose name.

A key reads `br_ID_SECRET`. The secret is 256 random bits, so the SHA-256 of the key is all that needs to
be stored: there is nothing to guess, and no salt or slow hash to gain by. A key is made, and perhaps
revoked; nothing else about it ever changes.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from banditroute.store import tables
from banditroute.store.engine import WRITES, failures
from banditroute.store.scopes import SCOPES, check, claimable

PREFIX = "br_"
"""How every key begins."""

_ID_BYTES, _SECRET_BYTES = 6, 32
ID_LENGTH = len(PREFIX) + 2 * _ID_BYTES
"""Characters of a key up to the end of its id."""
KEY_LENGTH = ID_LENGTH + 1 + 2 * _SECRET_BYTES
"""Characters of a whole key."""

_k = tables.keys.c
_all = select(
    _k.id, _k.name, _k.scopes, _k.sources, _k.requests_per_minute, _k.created_at, _k.revoked_at, _k.digest
)
_held = _all.where(_k.revoked_at.is_(None))
_changes = select(func.count() + func.count(_k.revoked_at)).select_from(tables.keys)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key. `name` is the principal of what it sends; several keys may share it.

    `sources` are those it may claim for feedback. `requests_per_minute` None is the service's own rate,
    0 no limit. Times are seconds since the epoch. `digest` is the SHA-256 of the whole key, in hex.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...]
    requests_per_minute: float | None
    created_at: float
    revoked_at: float | None = None
    digest: str = field(default="", repr=False)

    @property
    def text_id(self) -> str:
        """How the key's text begins; no secret."""
        return f"{PREFIX}{self.id}"


class KeyStore:
    """The keys on the engine of an event log, which somebody else owns and closes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        sources: Sequence[str] = (),
        requests_per_minute: float | None = None,
    ) -> tuple[Key, str]:
        """Makes a key; gives it with its text, which is nowhere else and cannot be had again.

        Without `sources` it may claim all that its scopes allow. Raises RequestError for a name, a scope, a
        source or a rate that cannot be.
        """
        check(name, scopes, requests_per_minute)
        key_id = secrets.token_hex(_ID_BYTES)
        text = f"{PREFIX}{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
        kept = tuple(scope for scope in SCOPES if scope in scopes)
        spoken = claimable(kept, sources)
        key = Key(key_id, name, kept, spoken, requests_per_minute, time.time(), None, digest(text.encode()))
        row = {
            "id": key.id,
            "name": key.name,
            "digest": key.digest,
            "scopes": " ".join(kept),
            "sources": " ".join(spoken),
            "requests_per_minute": requests_per_minute,
            "created_at": key.created_at,
        }
        with failures("the key cannot be stored"), self._writing() as connection, connection.begin():
            connection.execute(insert(tables.keys), row)
        return key, text

    def revoke(self, key_id: str) -> Key | None:
        """Takes a key back, for good; gives it as it is now, or None where there is no such key. Of a key
        that was revoked before, the first time stands."""
        revoked = update(tables.keys).where(_k.id == key_id, _k.revoked_at.is_(None))
        with failures("the key cannot be revoked"), self._writing() as connection, connection.begin():
            connection.execute(revoked.values(revoked_at=time.time()))
            row = connection.execute(_all.where(_k.id == key_id)).one_or_none()
        return row and _key(row)

    def all(self) -> list[Key]:
        """Every key that was ever made, the oldest first."""
        return self._read(_all)

    def held(self) -> list[Key]:
        """The keys that hold: all that were not revoked."""
        return self._read(_held)

    def changes(self) -> int:
        """A number that moves whenever a key is made or revoked; 0 before the first."""
        with failures("the keys cannot be read"), self._engine.connect() as connection:
            return int(connection.scalar(_changes) or 0)

    def _read(self, wanted: Any) -> list[Key]:
        with failures("the keys cannot be read"), self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(wanted.order_by(_k.created_at, _k.id))]

    def _writing(self) -> Any:
        return self._engine.connect().execution_options(**{WRITES: True})


def digest(text: bytes) -> str:
    """The SHA-256 of a whole key, in hex."""
    return hashlib.sha256(text).hexdigest()


def id_of(text: str) -> str:
    """The id in a key's text; a text that is an id already stays as it is."""
    return text[len(PREFIX) : ID_LENGTH] if text.startswith(PREFIX) else text


def _key(row: Any) -> Key:
    key_id, name, scopes, sources, *rest = row
    return Key(key_id, name, tuple(scopes.split()), tuple(sources.split()), *rest)
