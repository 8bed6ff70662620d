"""Keys for the tests of the gate: one of each kind, and the headers that carry them."""

from __future__ import annotations

from dataclasses import replace

from banditroute.config.settings import AuthSettings
from banditroute.store import Store
from banditroute.store.keys import KeyStore
from tests.router.setting import SETTINGS

REQUIRED = replace(SETTINGS, auth=AuthSettings(required=True))

SCOPES = {
    "app": ("route", "feedback"),
    "router": ("route",),
    "voice": ("feedback",),
    "panel": ("judge",),
    "reader": ("read",),
    "operator": ("admin",),
}


def made(store: Store) -> dict[str, str]:
    """Name -> key, for every one of SCOPES; and one that was revoked."""
    keys = KeyStore(store.engine)
    texts = {name: keys.create(name, scopes)[1] for name, scopes in SCOPES.items()}
    gone, texts["gone"] = keys.create("gone", ("route", "feedback", "read"))
    keys.revoke(gone.id)
    return texts


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
