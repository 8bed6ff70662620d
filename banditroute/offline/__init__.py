"""Learning from what is already known: logs, their replay under any policy, and what it shows.

Names load when they are first used: reading a log needs duckdb, a replay needs the compiled core.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from banditroute.offline.estimators import PolicyValue, estimate
    from banditroute.offline.evaluation.result import Evaluation
    from banditroute.offline.evaluation.run import evaluate
    from banditroute.offline.history.fit import fit
    from banditroute.offline.logs.decisionlog import DecisionLog
    from banditroute.offline.logs.reading import Log, read_log
    from banditroute.offline.simulation.result import SimulationResult
    from banditroute.offline.simulation.run import simulate
    from banditroute.offline.tradeoff.run import frontier
    from banditroute.offline.worlds.run import simulate_scenario

__all__ = [
    "DecisionLog",
    "Evaluation",
    "Log",
    "PolicyValue",
    "SimulationResult",
    "estimate",
    "evaluate",
    "fit",
    "frontier",
    "read_log",
    "simulate",
    "simulate_scenario",
]

_HOMES = {
    "DecisionLog": "logs.decisionlog",
    "Evaluation": "evaluation.result",
    "Log": "logs.reading",
    "PolicyValue": "estimators",
    "SimulationResult": "simulation.result",
    "estimate": "estimators",
    "evaluate": "evaluation.run",
    "fit": "history.fit",
    "frontier": "tradeoff.run",
    "read_log": "logs.reading",
    "simulate": "simulation.run",
    "simulate_scenario": "worlds.run",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
