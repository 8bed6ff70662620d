"""A report on an experiment as data: what `--json` writes.

Quality, error and fallback rates are in [0, 1], money in USD, times in seconds. Intervals hold at every look
at once, with the error `alpha` divided among the treatments. None where nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from banditroute.reports.findings import Range

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

Stage = Literal["sure", "early", "too_early", "empty"]
"""Of an interval: by the sequence; by betting, before its first look; none yet; or no value at all."""

Decision = Literal[
    "no_data", "broken", "too_early", "unlike_answers", "undecided", "worse", "not_worse",
    "not_worse_and_cheaper", "better",
]  # fmt: skip
"""What the primary metric says of a treatment.

`better` its interval is above 0; `worse` it is below −margin; `not_worse` it is above −margin, and
`not_worse_and_cheaper` if besides it is sure to cost less; `undecided` none of these; `too_early` there is
no interval yet, or one that rests on a few units; `unlike_answers` values are known of one variant more often
than of the other, so their means cannot be compared; `broken` the experiment is not to be trusted; `no_data`
nothing to compare.
"""


class Looks(Struct, frozen=True, kw_only=True):
    """The course of a difference: after how many `requests` and `units` it stood at `value`, between its
    limits (None before there were any)."""

    requests: Sequence[int]
    units: Sequence[int]
    value: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]


class Cap(Struct, frozen=True, kw_only=True):
    """Values beyond `low` and `high` count as these. `declared` says that somebody set them beforehand, else
    they were taken from the first units. They cut `requests` (a share), and `amount` of the sum of values."""

    low: float | None
    high: float | None
    declared: bool
    requests: float
    amount: float


class Answered(Struct, frozen=True, kw_only=True):
    """Shares of requests with a known value, of either variant; `unlike` says that they differ for sure."""

    control: float
    treatment: float
    unlike: bool


class MetricEffect(Struct, frozen=True, kw_only=True):
    """What a treatment does to one metric: means of both, their `difference` (treatment less control) and
    `ratio`. Means are those of one mix of classes.

    `p` holds at any time: the least error at which a difference of 0 is excluded. `known` requests have a
    value, of `units`, worth `alike` ones that come equally often; `first_look` are the units from which on
    the sequence holds. `gain` is the part of the variance that the time before the experiment took away.
    `more_units` are needed until the interval leaves the margin out, should the difference stay as it is; the
    primary metric has it, unless that is out of sight. `answered` says how often a value is known of either.
    """

    metric: str
    treatment: str
    control: str
    stage: Stage
    treatment_mean: float | None
    control_mean: float | None
    difference: Range | None
    ratio: Range | None
    p: float | None
    known: int
    units: int
    alike: float
    first_look: int
    cap: Cap | None
    gain: float | None
    more_units: int | None
    looks: Looks | None
    answered: Answered | None = None


class ClassEffect(Struct, frozen=True, kw_only=True):
    """The difference in one class. Intervals hold for all classes and treatments of a metric together, and
    `clear` says that 0 is outside of it; `p` is adjusted likewise (Holm, which may see a little more)."""

    request_class: str
    metric: str
    treatment: str
    requests: int
    units: int
    stage: Stage
    difference: Range | None
    p: float | None
    clear: bool


class VariantCount(Struct, frozen=True, kw_only=True):
    """A variant: its units and requests, the units that were due, and mean metrics as logged."""

    name: str
    units: int
    due: float
    requests: int
    means: Mapping[str, float]


class Saving(Struct, frozen=True, kw_only=True):
    """USD that a treatment saves against the control: per request, and per month of so many requests."""

    treatment: str
    per_request: Range
    per_month: Range | None
    requests_per_month: float | None


class Comparison(Struct, frozen=True, kw_only=True):
    """One treatment against the control: what to make of it."""

    treatment: str
    decision: Decision
    verdict: str


class ABReport(Struct, frozen=True, kw_only=True):
    """The whole report; renders itself in a notebook. `decision` is that of the treatment which stands best.

    `mismatch_p` is of the sample-ratio test, `moved` the units that were seen in two variants.
    """

    experiment: str
    decision: Decision
    verdict: str
    metric: str
    margin: float
    alpha: float
    control: str
    requests: int
    units: int
    first_at: float | None
    last_at: float | None
    mismatch_p: float
    moved: int
    variants: Sequence[VariantCount]
    comparisons: Sequence[Comparison]
    effects: Sequence[MetricEffect]
    classes: Sequence[ClassEffect]
    savings: Sequence[Saving]
    notes: Sequence[str]

    def effect(self, metric: str | None = None, treatment: str | None = None) -> MetricEffect | None:
        """That of a metric (the primary one by default) for a treatment (the first by default)."""
        wanted = metric or self.metric
        found = (one for one in self.effects if one.metric == wanted)
        return next((one for one in found if treatment in (None, one.treatment)), None)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, as `--json` writes it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def to_text(self) -> str:
        """For a terminal without colours, or a file."""
        from banditroute.reports.ab.text import plain

        return plain(self)

    def table(self) -> RenderableType:
        """For a terminal."""
        from banditroute.reports.ab.text import printed

        return printed(self)

    def to_html(self) -> str:
        """One page that needs nothing else."""
        from banditroute.reports.ab.page import ab_page

        return ab_page(self)

    def plot(self, path: str | Path | None = None) -> Figure:
        """The differences at every look with their intervals; saved where `path` says."""
        from banditroute.reports.ab.plot import draw

        return draw(self, path)

    def plot_classes(self, path: str | Path | None = None) -> Figure:
        """The differences in every class of request, one beside the other; saved where `path` says."""
        from banditroute.reports.ab.plot_classes import draw

        return draw(self, path)

    def _repr_html_(self) -> str:
        from banditroute.reports.ab.page import fragment

        return fragment(self)
