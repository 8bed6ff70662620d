"""`GET /v1/reports/…`: made in a thread that rests as it goes, so that routing does not wait for it.

An answer is kept for some seconds; who asks for the same meanwhile shares it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime
from typing import Annotated, Generic, Literal, TypeVar

from fastapi import FastAPI, Query, Response

from banditroute.errors import BanditrouteError, LogError, RequestError
from banditroute.reports.findings import SavingsReport
from banditroute.reports.live import LiveSavings
from banditroute.reports.quality import AskedQuality, Unheard, quality_of_store
from banditroute.reports.quality_findings import QualityReport
from banditroute.reports.savings import Asked, NothingToBill
from banditroute.router import AsyncRouter
from banditroute.service import contract
from banditroute.service.errors import JSON
from banditroute.service.replies import encode

FRESH_SECONDS = 10.0
"""How long an answer is given again."""

QUALITY_FRESH_SECONDS = 60.0
"""The same of a report that reads the whole event log anew."""

LONGEST_WAIT = 30.0
"""Seconds that a caller waits; the first report on a long event log may take more, and goes on."""

KEPT = 16
"""Answers that are kept at once."""

REST = 3.0
"""Work is followed by a rest of this many times its duration: a quarter of one core at most."""

Key = TypeVar("Key", bound=Hashable)
SavingsKey = tuple[str | None, int | None, float | None]


class NotReady(BanditrouteError):
    """The report is still being made."""

    code = "report_not_ready"
    status = 503


class Breath:
    """Rests, whenever it is called, in proportion to what was done since it was called last."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        worked = time.perf_counter() - self._since
        time.sleep(min(REST * worked, 0.25))
        self._since = time.perf_counter()


class Reports(Generic[Key]):
    """Reports of one kind, each made once for all who ask for it within `fresh` seconds."""

    def __init__(self, make: Callable[[Key], object], fresh: float) -> None:
        self._report = make
        self._fresh = fresh
        self._made: dict[Key, tuple[float, asyncio.Task[bytes]]] = {}

    async def get(self, key: Key) -> bytes:
        """The encoded report: a fresh one, or the one that is being made."""
        now = time.monotonic()
        self._made = {known: made for known, made in self._made.items() if _serves(*made, now)}
        if key not in self._made:
            self._make_room()
            self._made[key] = now + self._fresh, asyncio.create_task(self._make(key))
        task = self._made[key][1]
        try:
            return await asyncio.wait_for(asyncio.shield(task), LONGEST_WAIT)
        except TimeoutError:
            raise NotReady("The event log is long and still being read; ask again in a minute.") from None

    def _make_room(self) -> None:
        """Forgets the report that was made first, where too many are kept; those being made are not ended."""
        if len(self._made) < KEPT:
            return
        over = next((known for known, (_, task) in self._made.items() if task.done()), None)
        if over is None:
            raise NotReady(f"{KEPT} other reports are being made; ask again in a while.")
        del self._made[over]

    async def _make(self, key: Key) -> bytes:
        made = await asyncio.to_thread(self._report, key)
        self._made[key] = time.monotonic() + self._fresh, self._made[key][1]
        return encode(made)


def _serves(until: float, task: asyncio.Task[bytes], now: float) -> bool:
    """Whether a report is being made, or was made well and a moment ago."""
    return not task.done() or (now < until and not task.cancelled() and task.exception() is None)


def add_report_routes(app: FastAPI, router: AsyncRouter) -> Reports[SavingsKey]:
    """Adds the reports to the app; gives those on savings to whoever shows them too."""
    live = LiveSavings(router.settings, router.store, breathe=Breath())

    def billed(key: SavingsKey) -> SavingsReport:
        baseline, days, requests_per_month = key
        return live.report(days, Asked(baseline=baseline, requests_per_month=requests_per_month))

    reports = Reports(billed, FRESH_SECONDS)

    @app.get(
        "/v1/reports/savings",
        summary="What was spent, against every static rule",
        description="From every decision and what was reported of it. What other rules would have cost "
        "is predicted from token prices and the answers there are; the report says how. An answer is kept "
        f"for {FRESH_SECONDS:g} seconds.",
        openapi_extra=contract.answers(SavingsReport, 422, 503),
    )
    async def savings(
        baseline: Annotated[
            str | None,
            Query(min_length=1, max_length=500, description="A model, or a rule such as `cheapest`."),
        ] = None,
        days: Annotated[
            int | None, Query(ge=1, le=3_660, description="Only the last so many days (UTC).")
        ] = None,
        requests_per_month: Annotated[
            float | None,
            Query(
                gt=0, le=1e12, allow_inf_nan=False, description="Project to these instead of the log's own."
            ),
        ] = None,
    ) -> Response:
        try:
            body = await reports.get((baseline, days, requests_per_month))
        except NothingToBill:
            raise
        except LogError as error:
            raise RequestError(str(error), param="baseline") from None
        return Response(body, media_type=JSON)

    _add_quality(app, router)
    return reports


def _add_quality(app: FastAPI, router: AsyncRouter) -> None:
    def scored(asked: AskedQuality) -> QualityReport:
        return quality_of_store(router.settings, router.store, asked, breathe=Breath())

    reports = Reports(scored, QUALITY_FRESH_SECONDS)

    @app.get(
        "/v1/reports/quality",
        summary="How good the answers were, by people and a judge together",
        description="Mean quality of every model by people alone, by the judge alone and by both, with how "
        "far who answers moves what people say. The verdict says what cannot be known. An answer is kept for "
        f"{QUALITY_FRESH_SECONDS:g} seconds.",
        openapi_extra=contract.answers(QualityReport, 422, 503),
    )
    async def quality(
        since: Annotated[
            date | None, Query(description="Only decisions made from this day on (UTC), such as 2026-03-01.")
        ] = None,
        by: Annotated[Literal["class"] | None, Query(description="Split the models by class too.")] = None,
        judge: Annotated[
            str | None, Query(min_length=1, max_length=500, description="The judge to go by: MODEL/RUBRIC.")
        ] = None,
        asked: Annotated[
            list[str],
            Query(
                max_length=100,
                description="Raters, or keys, whose scores were asked for at random, not volunteered.",
            ),
        ] = [],  # noqa: B006  (read only)
    ) -> Response:
        start = None if since is None else datetime.combine(since, datetime.min.time(), UTC).timestamp()
        try:
            body = await reports.get(AskedQuality(start, by == "class", judge, tuple(asked)))
        except Unheard as error:
            raise RequestError(str(error), param=error.param) from None
        return Response(body, media_type=JSON)
