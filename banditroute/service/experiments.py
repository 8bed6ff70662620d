"""`GET /v1/experiments` and `GET /v1/experiments/{name}`: what is compared, how it stands, and what it says.

Reports are made in a thread that rests as it goes, and kept for some seconds, as those of `reports` are.
"""

from __future__ import annotations

import time
from threading import Lock

from fastapi import FastAPI, Response

from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.reports.ab import ABReport
from banditroute.reports.ab_live import ab_of_views
from banditroute.router import AsyncRouter
from banditroute.routing.experiments import Standing, standings
from banditroute.routing.tally import catch_up
from banditroute.service import contract
from banditroute.service.errors import JSON
from banditroute.service.experiment_replies import ExperimentReply, ExperimentsReply, experiment_reply
from banditroute.service.reports import Breath, Reports
from banditroute.store import Store
from banditroute.store.views import Views

FRESH_SECONDS = 10.0
"""How long an answer is given again."""


class ExperimentReports:
    """The reports on a log's experiments. Safe to share between threads: one at a time works."""

    def __init__(self, settings: Settings, store: Store, views: Views) -> None:
        self._settings = settings
        self._store = store
        self._views = views
        self._working = Lock()
        self._made: dict[str, tuple[float, ABReport]] = {}

    def report(self, name: str) -> ABReport:
        """The report on one experiment. Raises UnknownExperiment, or LogError where there can be none."""
        with self._working:
            catch_up(self._store, self._settings, breathe=Breath())
            return self._report(name)

    def listed(self) -> ExperimentsReply:
        """Every configured experiment."""
        with self._working:
            catch_up(self._store, self._settings, breathe=Breath())
            found = standings(self._settings, self._store.controls, time.time())
            return ExperimentsReply([self._reply(one) for one in found])

    def _report(self, name: str) -> ABReport:
        made = self._made.get(name)
        if made is None or time.monotonic() >= made[0]:
            report = ab_of_views(self._views, self._settings, name, breathe=Breath())
            made = self._made[name] = time.monotonic() + FRESH_SECONDS, report
        return made[1]

    def _reply(self, one: Standing) -> ExperimentReply:
        try:
            report = self._report(one.experiment.name)
        except LogError as error:
            return experiment_reply(one, None, str(error))
        return experiment_reply(one, report, report.verdict)


def add_experiment_routes(app: FastAPI, router: AsyncRouter, views: Views) -> None:
    """Adds the list and the reports to the app. Whoever else reports on experiments shares `views`, which
    keep what they read of them."""
    experiments = ExperimentReports(router.settings, router.store, views)
    reports = Reports(experiments.report, FRESH_SECONDS)
    lists: Reports[str] = Reports(lambda _: experiments.listed(), FRESH_SECONDS)

    @app.get(
        "/v1/experiments",
        summary="What is compared, and how it stands",
        description="Every configured experiment: its variants and their policies, who takes part, whether "
        f"it runs, and its verdict. An answer is kept for {FRESH_SECONDS:g} seconds.",
        openapi_extra=contract.answers(ExperimentsReply, 503),
    )
    async def listed() -> Response:
        return Response(await lists.get(""), media_type=JSON)

    @app.get(
        "/v1/experiments/{name}",
        summary="What an experiment says",
        description="Its verdict, and every metric as difference and ratio with intervals that hold at every "
        "look, the course of it (`looks`), classes, the sample-ratio test and savings. Also of one that is "
        f"no longer configured, but was logged. An answer is kept for {FRESH_SECONDS:g} seconds.",
        openapi_extra=contract.answers(ABReport, 404, 422, 503),
    )
    async def experiment(name: str) -> Response:
        return Response(await reports.get(name), media_type=JSON)
