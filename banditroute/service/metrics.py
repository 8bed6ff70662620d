"""`GET /metrics`: the service in numbers, for Prometheus.

One function per subject gives its metrics from a router, read when they are asked for; a new subject is one
more function in `PARTS`. Counters of events count what the event log holds, so they outlive the process; a
counter that is this process's own says so. Labels are models, classes and kinds that the configuration or the
program knows, never principals, instruments or whatever else callers may name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Lock

from fastapi import FastAPI, Response
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from banditroute.core.feedback.speakers import quarantined
from banditroute.router import AsyncRouter
from banditroute.routing.judging import judging_now
from banditroute.routing.redaction import REFUSALS
from banditroute.routing.tally import Tally
from banditroute.service.observing import Observer
from banditroute.service.traffic_metrics import (
    Results,
    build_info,
    health_metrics,
    telemetry_metrics,
    traffic_metrics,
)
from banditroute.store.jobs import JobStore

PENDING = 10_000
"""Of so many of the last decisions it is counted how many nobody has scored yet."""

Part = Callable[[AsyncRouter], Iterator[Metric]]
"""The metrics of one subject."""


def add_metrics(app: FastAPI, router: AsyncRouter, observer: Observer, tally: Tally) -> None:
    """`GET /metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(router, observer, Results(router.store, router.settings, tally)))
    for process in (ProcessCollector, PlatformCollector, GCCollector):
        process(registry=registry)

    @app.get("/metrics", summary="The service in numbers, for Prometheus")
    async def metrics() -> Response:
        page = await asyncio.to_thread(generate_latest, registry)
        return Response(page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class _Numbers(Collector):
    """Reads the numbers when they are asked for."""

    def __init__(self, router: AsyncRouter, observer: Observer, results: Results) -> None:
        self._router = router
        self._observer = observer
        self._results = results
        self._looking = Lock()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from traffic_metrics(self._observer.traffic, self._router.settings)
        yield from telemetry_metrics(self._observer.tracer)
        with self._looking:  # several may ask at once
            yield from self._results.collect()
        for part in PARTS:
            yield from part(self._router)


def _log(router: AsyncRouter) -> Iterator[Metric]:
    """What the event log holds, and how far the state follows it."""
    store, state = router.store, router.state
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


def _alarms(router: AsyncRouter) -> Iterator[Metric]:
    """What was found out, and who was told."""
    yield _counter(
        "banditroute_alarms",
        "Alarms raised, by kind.",
        "kind",
        router.raised.kinds(),
    )
    changes = router.state.testimony.changes
    yield _gauge(
        "banditroute_changes",
        "What stands as changed at the moment, by kind.",
        "kind",
        {
            kind: sum(change.kind == kind for change in changes)
            for kind in ("model", "traffic", "judge-or-difficulty")
        },
    )
    yield GaugeMetricFamily(
        "banditroute_untold_alarms",
        "Alarms that the webhook has not taken yet.",
        len(router.alerts.untold()),
    )
    yield CounterMetricFamily(
        "banditroute_webhook_failures",
        "Attempts of this process to tell the webhook that failed.",
        router.alerts.failures,
    )


def _guardrails(router: AsyncRouter) -> Iterator[Metric]:
    """How each promise stands: of its three states, one is 1."""
    guards = router.state.watch.guards
    if guards is None:
        return
    states = GaugeMetricFamily(
        "banditroute_guardrail_state",
        "1 for the state in which the guardrail of a class is, 0 for the others.",
        labels=["request_class", "state"],
    )
    now = time.time()
    for guard in guards.guards:
        status = guard.as_of(now).status
        for state in ("undecided", "confirmed", "breach"):
            states.add_metric([guard.request_class, state], float(state == status))
    yield states


def _pace(router: AsyncRouter) -> Iterator[Metric]:
    """Shadow prices of the budget."""
    pace = router.state.watch.pace
    if pace is None:
        return
    yield GaugeMetricFamily(
        "banditroute_shadow_price_utility_per_usd",
        "What a USD costs on top of its weight, in utility.",
        pace.usd.price,
    )
    yield GaugeMetricFamily(
        "banditroute_shadow_price_utility_per_second",
        "What a second costs on top of its weight, in utility.",
        pace.seconds.price,
    )


def _speakers(router: AsyncRouter) -> Iterator[Metric]:
    """How many give feedback, and how many of them are not believed."""
    state = router.state
    known, belief = state.testimony.speakers, None if state.weighed is None else state.weighed.speakers
    if known is None or belief is None:
        return
    yield GaugeMetricFamily("banditroute_speakers", "Principals who have given scores.", len(known.names))
    yield GaugeMetricFamily(
        "banditroute_speakers_doubted",
        "Principals who count for less than they said.",
        int((belief.weight < 1.0).sum()),
    )
    yield GaugeMetricFamily(
        "banditroute_speakers_quarantined",
        "Principals who count for nothing, for they disagree wildly with all others.",
        len(quarantined(known, belief)),
    )


def _judge(router: AsyncRouter) -> Iterator[Metric]:
    """What judging takes at the moment."""
    store = router.store
    taken = judging_now(router.settings, store, time.time())
    if taken is None:
        return
    yield _gauge(
        "banditroute_judge_sampling_ratio",
        "The share of answers that each draw takes at the moment.",
        "reason",
        {"base": taken.base_rate, "value": taken.value_rate},
    )
    yield _gauge(
        "banditroute_judge_waiting_answers",
        "Sampled answers that wait for a verdict.",
        "reason",
        {"base": taken.base_waiting, "value": taken.value_waiting},
    )
    jobs = JobStore(store.engine)
    yield _gauge("banditroute_judge_jobs", "Jobs of judges, by state.", "state", jobs.counts())
    yield _gauge(
        "banditroute_judge_spent_today_usd",
        "What verdicts of this UTC day cost; what is reserved counts as spent.",
        "reason",
        {"base": taken.base_spent_usd, "value": taken.value_spent_usd},
    )
    yield GaugeMetricFamily(
        "banditroute_judge_cap_usd", "What verdicts of one UTC day may cost.", taken.usd_per_day
    )
    yield _counter(
        "banditroute_judge_spent_usd",
        "What verdicts have cost; what is reserved counts as spent.",
        "reason",
        {"base": 0.0, "value": 0.0} | jobs.spent_in_all(),
    )
    yield _counter(
        "banditroute_refused_texts",
        "Texts that this process did not store because they could not be redacted.",
        "reason",
        {reason: router.refused_texts.get(reason, 0) for reason in REFUSALS},
    )


PARTS: tuple[Part, ...] = (build_info, _log, health_metrics, _alarms, _guardrails, _pace, _speakers, _judge)
"""Everything that is counted, in the order of the page."""


def _gauge(name: str, says: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """A gauge by the values of one label."""
    family = GaugeMetricFamily(name, says, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family


def _counter(name: str, says: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    """A counter by the values of one label."""
    family = CounterMetricFamily(name, says, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family
