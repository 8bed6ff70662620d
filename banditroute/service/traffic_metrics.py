"""What this process has served, and what the read model makes of it, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)

import banditroute
from banditroute.config.settings import Settings
from banditroute.router import AsyncRouter
from banditroute.routing.tally import Tally
from banditroute.service.observing import Tracer
from banditroute.service.traffic import BOUNDS, Traffic
from banditroute.store import Store
from banditroute.store.views import DAY, Views
from banditroute.types import OTHER

_FOR_EVER = 1e12
"""Seconds since the epoch before which every decision is made."""

_LABELS = ("model", "request_class")


def traffic_metrics(traffic: Traffic, settings: Settings) -> Iterator[Metric]:
    """What was answered since the process began."""
    yield from _http(traffic)
    served = traffic.served.copy()
    decided: Counter[tuple[str, ...]] = Counter()
    kinds: Counter[tuple[str, ...]] = Counter()
    for experiment in settings.experiments:
        for one in experiment.variants:
            kinds["experiment", experiment.name, one.name] = 0
    for (model, request_class, kind, part_of, variant), n in served.items():
        decided[model, request_class] += n
        kinds["kind", kind] += n
        if part_of:
            kinds["experiment", part_of, variant] += n
    yield counter("banditroute_routed_requests", "Requests that were given a model.", _LABELS, decided)
    yield counter(
        "banditroute_routed_requests_by_kind",
        "The same by how the choice came about.",
        ("kind",),
        {key[1:]: n for key, n in kinds.items() if key[0] == "kind"},
    )
    if settings.experiments:
        yield counter(
            "banditroute_experiment_decisions",
            "Requests that took part in an experiment, by variant.",
            ("experiment", "variant"),
            {key[1:]: n for key, n in kinds.items() if key[0] == "experiment"},
        )
    yield from _feedback(traffic)


def _http(traffic: Traffic) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "banditroute_http_requests", "Answers, by route and status.", labels=["method", "route", "status"]
    )
    seconds = HistogramMetricFamily(
        "banditroute_http_request_duration_seconds",
        "From when a request was read to its answer, by route.",
        labels=["method", "route"],
    )
    for (method, path), route in sorted(traffic.routes.copy().items()):
        for status, n in sorted(route.statuses.copy().items()):
            requests.add_metric([method, path, str(status)], n)
        bounds = [str(bound) for bound in BOUNDS] + ["+Inf"]
        sums = accumulate(route.bins.copy())
        seconds.add_metric([method, path], list(zip(bounds, map(float, sums), strict=True)), route.seconds)
    yield requests
    yield seconds


def _feedback(traffic: Traffic) -> Iterator[Metric]:
    facts = {(factor, source): n for source, of in traffic.facts.items() for factor, n in of.items()}
    yield counter(
        "banditroute_feedback_facts",
        "Facts in feedback that was taken, by what they are about and who said so.",
        ("factor", "source"),
        facts,
    )
    yield counter(
        "banditroute_feedback_lists",
        "Lists of feedback: taken, known before (repeated), or refused.",
        ("outcome",),
        {(end,): n for end, n in traffic.feedback.copy().items()},
    )
    yield CounterMetricFamily("banditroute_feedback_retractions", "Facts taken back.", traffic.retracted)


class Results:
    """What requests came to, by model and class, counted since the process began.

    Of what the read model gains while this looks on. What it still has to take in of the time before is left
    out, and since a revision may lower a sum, and a counter must not fall, the highest so far stands.
    """

    def __init__(self, store: Store, settings: Settings, tally: Tally) -> None:
        self._store = store
        self._tally = tally
        self._views = Views(store, settings)
        self._models = frozenset(model.id for model in settings.models)
        self._classes = frozenset(own.name for own in settings.classes)
        self._before = store.counts()["decisions"]
        self._begun = False
        self._base: dict[tuple[str, str], list[float]] = {}
        self._most: dict[tuple[str, str], list[float]] = {}
        self._look()

    def collect(self) -> Iterator[Metric]:
        """The metrics, of the read model as it is now."""
        tallied = self._look()
        gained = {
            key: [high - low for high, low in zip(most, self._base.get(key, [0.0] * len(most)), strict=True)]
            for key, most in self._most.items()
        }
        usd = {key: row[0] for key, row in gained.items()}
        yield counter("banditroute_spent_usd", "USD, as reported or at list prices.", _LABELS, usd)
        tokens = {
            (*key, way): row[place]
            for key, row in gained.items()
            for way, place in (("input", 1), ("output", 2))
        }
        yield counter("banditroute_tokens", "Tokens read and written.", (*_LABELS, "direction"), tokens)
        failed = {key: row[3] for key, row in gained.items()}
        yield counter("banditroute_failed_requests", "Requests whose call failed.", _LABELS, failed)
        told = {key: row[4] for key, row in gained.items()}
        yield counter("banditroute_told_requests", "Requests that anything was told of.", _LABELS, told)
        yield _summary("banditroute_quality", "Scores of answers, from 0 to 1.", gained, 5)
        yield _summary("banditroute_answer_duration_seconds", "What models took to answer.", gained, 7)
        yield GaugeMetricFamily(
            "banditroute_untallied_decisions",
            "Decisions in the log that pages and reports do not show yet.",
            max(self._store.counts()["decisions"] - tallied, 0),
        )
        yield GaugeMetricFamily(
            "banditroute_tally_failing",
            "1 while pages and reports cannot be brought up to date, else 0.",
            float(self._tally.failure is not None),
        )

    def _look(self) -> int:
        """Takes in what the read model holds; gives the number of its decisions."""
        now: dict[tuple[str, str], list[float]] = {}
        requests = 0
        for own in self._views.summary(0.0, _FOR_EVER, level=DAY):
            requests += own.requests
            key = (_known(own.model, self._models), _known(own.request_class, self._classes))
            row = [
                own.usd, own.input_tokens, own.output_tokens, own.errors, own.told,
                own.scored, own.quality, own.timed, own.seconds,
            ]  # fmt: skip
            known = now.get(key)
            now[key] = row if known is None else [a + b for a, b in zip(known, row, strict=True)]
        if not self._begun:
            self._base, self._most = now, dict(now)
            self._begun = requests >= self._before
        for key, row in now.items():
            most = self._most.get(key)
            self._most[key] = row if most is None else [max(a, b) for a, b in zip(most, row, strict=True)]
        return requests


def health_metrics(router: AsyncRouter) -> Iterator[Metric]:
    """Whether the log takes what is written, and learning takes what the log holds."""
    yield GaugeMetricFamily(
        "banditroute_store_waiting_writes", "Writes that wait for the next commit.", router.store.waiting
    )
    yield GaugeMetricFamily(
        "banditroute_store_failing",
        "1 while the event log cannot be written, else 0.",
        float(router.unwritten is not None),
    )
    yield GaugeMetricFamily(
        "banditroute_folding_failing",
        "1 while outcomes cannot be folded into the state, else 0.",
        float(router.failure is not None),
    )


def build_info(router: AsyncRouter) -> Iterator[Metric]:
    """What is running."""
    yield InfoMetricFamily(
        "banditroute_build",
        "The version and the policy of this process.",
        {"version": banditroute.__version__, "policy": router.settings.policy.name},
    )


def telemetry_metrics(tracer: Tracer | None) -> Iterator[Metric]:
    """Whether traces keep up with what is served; nothing where none are made."""
    if tracer is not None:
        yield CounterMetricFamily(
            "banditroute_dropped_traces",
            "Requests that were not traced because too many waited to be.",
            tracer.dropped,
        )


def counter(
    name: str, says: str, labels: tuple[str, ...], values: Mapping[Any, float]
) -> CounterMetricFamily:
    """A counter by the values of several labels, one tuple each."""
    family = CounterMetricFamily(name, says, labels=labels)
    for key, number in sorted(values.items()):
        family.add_metric(key, number)
    return family


def _summary(
    name: str, says: str, rows: Mapping[tuple[str, str], list[float]], place: int
) -> SummaryMetricFamily:
    """Count and sum of what stands in rows from `place` on."""
    family = SummaryMetricFamily(name, says, labels=_LABELS)
    for key, row in sorted(rows.items()):
        family.add_metric(key, round(row[place]), row[place + 1])
    return family


def _known(name: str | None, known: frozenset[str]) -> str:
    return name if name is not None and name in known else OTHER
