"""What the figures mean to those who pay: what routing saved, what an experiment says, how the week was.

What notebooks call; names load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from banditroute.reports.ab import ABReport, Exposures, ab_report, plan, simulated_exposures
    from banditroute.reports.ab_asked import AskedAB
    from banditroute.reports.ab_live import ab_of_views
    from banditroute.reports.ab_logs import ab_of_log, read_exposures
    from banditroute.reports.beliefs import beliefs_of
    from banditroute.reports.quality import quality_of_store, quality_report
    from banditroute.reports.quality_simulated import simulated_answers
    from banditroute.reports.receipts import receipt_of
    from banditroute.reports.weekly import weekly_report

__all__ = [
    "ABReport",
    "AskedAB",
    "Exposures",
    "ab_of_log",
    "ab_of_views",
    "ab_report",
    "beliefs_of",
    "plan",
    "quality_of_store",
    "quality_report",
    "read_exposures",
    "receipt_of",
    "simulated_answers",
    "simulated_exposures",
    "weekly_report",
]

_HOMES = {
    "ABReport": "ab",
    "AskedAB": "ab_asked",
    "Exposures": "ab",
    "ab_of_log": "ab_logs",
    "ab_of_views": "ab_live",
    "ab_report": "ab",
    "beliefs_of": "beliefs",
    "plan": "ab",
    "quality_of_store": "quality",
    "quality_report": "quality",
    "read_exposures": "ab_logs",
    "receipt_of": "receipts",
    "simulated_answers": "quality_simulated",
    "simulated_exposures": "ab",
    "weekly_report": "weekly",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
