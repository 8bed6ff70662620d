"""What pages are made from: the router's state, the event log's read model, reports, and what a view is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec

from banditroute.config.settings import Settings
from banditroute.reports.findings import SavingsReport
from banditroute.router import AsyncRouter
from banditroute.service.pages.behind import Behind
from banditroute.service.pages.verdicts import Verdicts
from banditroute.service.reports import Reports, SavingsKey
from banditroute.store.controls import Controls
from banditroute.store.views import Views

Query = Mapping[str, str]
"""What an address says after its question mark, the last value of each name."""


COLOURS = 8
"""Colours of models; a ninth model has the first one's again."""


class Filled(dict[str, str]):
    """The fields of a form; one that was left out is empty."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class View:
    """A piece of a page: a template and what fills it. `status` is that of the answer."""

    title: str
    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    status: int = 200


class Desk:
    """What a view may read. Everything of it may be used from any thread but that of the event loop."""

    def __init__(self, router: AsyncRouter) -> None:
        self.router = router
        self.views = Views(router.store, router.settings)
        self.savings = Savings()
        self.verdicts = Verdicts(self.views, router.settings)
        self._hues = {model.id: f"m{i % COLOURS}" for i, model in enumerate(router.settings.models)}

    @property
    def settings(self) -> Settings:
        """The configuration."""
        return self.router.settings

    def hue(self, model: str) -> str:
        """The colour of a model, the same on all pages; grey for one that is no longer configured."""
        return self._hues.get(model, "muted")

    @property
    def controls(self) -> Controls:
        """What operators did and were told."""
        return self.router.store.controls


Make = Callable[[Desk, Query], View]
"""Makes a view; runs in a thread of its own and may take its time."""


class Savings:
    """The savings report as pages show it. The first one on a long event log takes minutes."""

    def __init__(self) -> None:
        self._reports: Reports[SavingsKey] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._behind: Behind[SavingsKey, bytes] = Behind(self._begin)

    def serve(self, reports: Reports[SavingsKey], loop: asyncio.AbstractEventLoop) -> None:
        """Says who makes reports, and in which loop."""
        self._reports, self._loop = reports, loop

    def get(self, baseline: str | None, days: int | None) -> SavingsReport | None:
        """The last report, or None while there is none yet. Raises what the report refuses, such as a
        baseline that there is not."""
        report = self._behind.get((baseline, days, None))
        return None if report is None else msgspec.json.decode(report, type=SavingsReport)

    def _begin(self, key: SavingsKey) -> Future[bytes]:
        assert self._loop is not None, "both are known once a page was asked for"
        assert self._reports is not None
        return asyncio.run_coroutine_threadsafe(self._reports.get(key), self._loop)
