"""`GET /metrics`: the service in numbers, for Prometheus.

Counters count what the event log holds, so they outlive the process. No label has more values than the
configuration has models, or than there are kinds of alarms.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from banditroute.router import AsyncRouter

PENDING = 10_000
"""Of so many of the last decisions it is counted how many nobody has scored yet."""


def add_metrics(app: FastAPI, router: AsyncRouter) -> None:
    """`GET /metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(router))

    @app.get("/metrics", summary="The service in numbers, for Prometheus")
    async def metrics() -> Response:
        page = await asyncio.to_thread(generate_latest, registry)
        return Response(page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class _Numbers(Collector):
    """Reads the numbers when they are asked for."""

    def __init__(self, router: AsyncRouter) -> None:
        self._router = router

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        store, state, alerts = self._router.store, self._router.state, self._router.alerts
        counts = store.counts()
        yield CounterMetricFamily("banditroute_decisions", "Decisions in the event log.", counts["decisions"])
        yield CounterMetricFamily("banditroute_outcomes", "Outcomes in the event log.", counts["outcomes"])
        yield GaugeMetricFamily(
            "banditroute_pending_decisions",
            f"Decisions, of the last {PENDING:,}, that nobody has scored yet.",
            store.pending(PENDING),
        )
        yield CounterMetricFamily("banditroute_folded_events", "The last event in the state.", state.seq)
        yield GaugeMetricFamily(
            "banditroute_unfolded_events",
            "Events in the log that the state does not hold yet.",
            max(store.last_seq() - state.seq, 0),
        )
        alarms = CounterMetricFamily("banditroute_alarms", "Alarms raised, by kind.", labels=["kind"])
        for kind, number in sorted(self._alarms().items()):
            alarms.add_metric([kind], number)
        yield alarms
        changed = GaugeMetricFamily(
            "banditroute_changes", "What stands as changed at the moment, by kind.", labels=["kind"]
        )
        for kind in ("model", "traffic", "judge-or-difficulty"):
            changed.add_metric([kind], sum(change.kind == kind for change in state.testimony.changes))
        yield changed
        yield CounterMetricFamily(
            "banditroute_webhook_failures", "Attempts to tell the webhook that failed.", alerts.failures
        )

    def _alarms(self) -> Counter[str]:
        events = self._router.store.controls.after(0, "alarm")
        return Counter(str(event.body["kind"]) for event in events)
