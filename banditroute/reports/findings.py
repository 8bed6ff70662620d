"""A savings report as data: what `--json` writes and `GET /v1/reports/savings` answers.

Amounts are USD, quality is in [0, 1], times are seconds since the epoch. None where nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Range(Struct, frozen=True):
    """A figure with its 95% interval; no interval where it is exact, or where too little is known for one."""

    mean: float
    low: float | None = None
    high: float | None = None


class Slice(Struct, frozen=True):
    """One class or one model of a bill; `usd` None where it is not known."""

    name: str
    requests: float
    usd: float | None
    quality: float | None


class Check(Struct, frozen=True):
    """A rule by off-policy estimation: USD per request and quality, or why the log does not identify it."""

    usd_per_request: Range | None
    quality: Range | None
    usd_refused: str | None = None
    quality_refused: str | None = None


class Bill(Struct, frozen=True, kw_only=True):
    """What one rule costs, on the requests whose cost is known.

    `basis`: `paid`, `simulated` (a policy replayed), `exact` (every model's answer is known) or
    `predicted` (from token prices and the answers of others). `check` is the same by off-policy
    estimation, in a log that has the probabilities of its choices; where it has a quality, that is `quality`.
    `saving` is this bill less the actual one: what the actual policy saved against it (negative: it cost
    more); `quality_gain` is the actual quality less this one's. `monthly`, `yearly` and `monthly_saving`
    project, where the log's length allows it. `unseen` are models of the rule without any answer in the
    log: their bill has no interval that means anything.
    """

    rule: str
    basis: str
    usd: Range
    usd_per_request: Range
    quality: Range | None
    saving: Range
    saving_share: float | None
    quality_gain: Range | None
    monthly: Range | None
    yearly: Range | None
    monthly_saving: Range | None
    by_class: Sequence[Slice]
    by_model: Sequence[Slice]
    unseen: Sequence[str] = ()
    check: Check | None = None


class Refusal(Struct, frozen=True):
    """A rule that cannot be billed, and why."""

    rule: str
    reason: str


class Projection(Struct, frozen=True):
    """What monthly and yearly figures rest on; a month is 365.25 / 12 days.

    `blocks` were left out one by one for the intervals: `days` or `groups` (of users). `reason` says why
    there is no projection.
    """

    requests_per_month: float | None
    source: str | None
    blocks: str | None
    count: int
    reason: str | None = None


class SavingsReport(Struct, frozen=True, kw_only=True):
    """The whole report: what was done, and every rule it is compared with.

    `metered` requests have a known cost, and the bills are theirs. `baseline` is the rule that `verdict`
    speaks of.
    """

    verdict: str
    baseline: str
    requests: int
    metered: int
    scored: int
    first_at: float | None
    last_at: float | None
    days: float | None
    actual: Bill
    rules: Sequence[Bill]
    refused: Sequence[Refusal]
    projection: Projection
    assumptions: Sequence[str]
