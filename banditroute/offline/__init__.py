"""Learning from what is already known: logs, their replay under any policy, and what it shows.

Names load when they are first used: reading a log needs duckdb, a replay needs the compiled core.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from banditroute.offline.logs import Log, read_log
    from banditroute.offline.result import SimulationResult
    from banditroute.offline.simulation import simulate

__all__ = ["Log", "SimulationResult", "read_log", "simulate"]

_HOMES = {"Log": "logs", "SimulationResult": "result", "read_log": "logs", "simulate": "simulation"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
