"""A weekly report as data: what `--json` writes.

Amounts are USD, quality is in [0, 1], times are seconds since the epoch, intervals are of 95%. None where
nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from banditroute.reports.findings import Range, SavingsReport

if TYPE_CHECKING:
    from rich.console import RenderableType


class Span(Struct, frozen=True, kw_only=True):
    """Seven days, or one class or model of them. `metered` requests have a known cost and `scored` ones a
    quality; `usd` is what the metered ones cost in sum."""

    requests: int
    metered: int
    scored: int
    usd: float
    usd_per_request: Range | None
    quality: Range | None


class Part(Struct, frozen=True, kw_only=True):
    """One class or one model, or everything: the week, the week before, and by how much the means moved."""

    name: str
    now: Span
    before: Span
    usd_per_request_change: Range | None
    quality_change: Range | None


class Running(Struct, frozen=True, kw_only=True):
    """An experiment: how it stands (as `banditroute experiments list` has it) and what it says; `decision` is
    None where there is no report yet, and `verdict` says why."""

    name: str
    status: str
    decision: str | None
    verdict: str


class Raised(Struct, frozen=True, kw_only=True):
    """An alarm that was raised in the week, or is still open; `at` is when it was raised."""

    kind: str
    subject: str
    message: str
    at: float
    acknowledged: bool


class Guarded(Struct, frozen=True, kw_only=True):
    """A guardrail: its promise, and since when it is broken and nobody acknowledged that (None: it holds)."""

    request_class: str
    baseline: str
    margin: float
    broken_since: float | None


class WeeklyReport(Struct, frozen=True, kw_only=True):
    """The whole report, on the days from `since` to `until`; renders itself in a notebook.

    `savings` is the report on what every static rule would have cost in the week, or None, and
    `savings_refused` says why.
    """

    verdict: str
    since: float
    until: float
    total: Part
    classes: Sequence[Part]
    models: Sequence[Part]
    savings: SavingsReport | None
    savings_refused: str | None
    experiments: Sequence[Running]
    alarms: Sequence[Raised]
    guardrails: Sequence[Guarded]
    notes: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, as `--json` writes it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def table(self) -> RenderableType:
        """For a terminal."""
        from banditroute.reports.weekly_text import printed

        return printed(self)

    def to_html(self) -> str:
        """One page that needs nothing else."""
        from banditroute.reports.weekly_page import weekly_page

        return weekly_page(self)

    def _repr_html_(self) -> str:
        from banditroute.reports.weekly_page import fragment

        return fragment(self)
