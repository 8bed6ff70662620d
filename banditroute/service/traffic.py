"""What this process has served, counted as it happens.

The counters are plain numbers in plain dictionaries, written by the thread that serves and read, as copies,
by whoever asks for `/metrics`: counting takes a fraction of what a request costs, and nobody waits for it.
Names that a caller makes up count as `other`: configuration and program bound the number of counters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import get_args

from banditroute.config.settings import Settings
from banditroute.routing.fields import FeedbackFields
from banditroute.types import OTHER, Decision, Factor, Receipt

BOUNDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds in seconds of the bins in which answers are counted; the last bin has none."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Served = tuple[str, str, str, str, str]
"""Model, request class, kind, experiment, variant; the last two are empty where there is none."""

FACTORS = get_args(Factor)
SOURCES = ("user", "metric", "judge")
ENDS = ("taken", "repeated", "refused")


class Route:
    """The answers of one route: how many of each status, how long they took."""

    __slots__ = ("bins", "seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.bins = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """Counts an answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.bins[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Traffic:
    """Everything that is counted as it is served."""

    def __init__(self, settings: Settings) -> None:
        self._classes = {own.name: own.name for own in settings.classes}
        self.routes: dict[tuple[str, str], Route] = {}
        self.served: dict[Served, int] = {}
        self.refused: dict[str, int] = {}
        self.facts = {source: dict.fromkeys(FACTORS, 0) for source in SOURCES}
        self.feedback = dict.fromkeys(ENDS, 0)
        self.retracted = 0

    def route(self, method: str, path: str) -> Route:
        """The counters of a route; `path` is its pattern, never what a caller asked for."""
        key = (method if method in METHODS else OTHER, path)
        known = self.routes.get(key)
        if known is None:
            known = self.routes[key] = Route()
        return known

    def decided(self, decision: Decision) -> None:
        """Counts a decision that was answered."""
        request_class = self._classes.get(decision.context.request_class, OTHER)
        experiment = decision.experiment or ""
        variant = (decision.variant or "") if experiment else ""
        key = (decision.model, request_class, decision.kind, experiment, variant)
        self.served[key] = self.served.get(key, 0) + 1

    def told(self, items: Sequence[FeedbackFields], receipt: Receipt) -> None:
        """Counts feedback that was stored; of what was known before, only that it came."""
        if not receipt.accepted:
            self.feedback["repeated"] += 1
            return
        self.feedback["taken"] += 1
        for item in items:
            self._heard(item)

    def judged(self) -> None:
        """Counts a verdict of the judge that works in this process."""
        self.facts["judge"]["quality"] += 1

    def _heard(self, item: FeedbackFields) -> None:
        # Field by field: a loop over their names takes four times as long.
        facts = self.facts[item.source or "user"]
        if item.quality is not None:
            facts["quality"] += 1
        if item.latency_ms is not None:
            facts["seconds"] += 1
        if item.ttft_ms is not None:
            facts["ttft_seconds"] += 1
        if item.input_tokens is not None:
            facts["input_tokens"] += 1
        if item.output_tokens is not None:
            facts["output_tokens"] += 1
        if item.usd is not None:
            facts["usd"] += 1
        if item.error is not None:
            facts["error"] += 1
        if item.retract is not None:
            self.retracted += len(item.retract)
