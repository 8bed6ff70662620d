"""banditroute: a router that learns which language model to use for which request.

The public face. Names load when they are first used, so that `import banditroute` stays instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from banditroute.client import AsyncClient, Client
    from banditroute.offline import evaluate, fit, simulate
    from banditroute.router import AsyncRouter, Router

__version__ = "0.1.0"

__all__ = ["AsyncClient", "AsyncRouter", "Client", "Router", "__version__", "evaluate", "fit", "simulate"]

_HOMES = {
    "AsyncClient": "banditroute.client",
    "AsyncRouter": "banditroute.router",
    "Client": "banditroute.client",
    "Router": "banditroute.router",
    "evaluate": "banditroute.offline",
    "fit": "banditroute.offline",
    "simulate": "banditroute.offline",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
