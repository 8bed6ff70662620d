"""A quality report as data: what `--json` writes and `GET /v1/reports/quality` answers.

Quality is in [0, 1], times are seconds since the epoch, intervals are of 95%. None where nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from banditroute.core.feedback.account import JudgingAccount

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

Basis = Literal["asked", "modelled", "assumed"]
"""What people's scores that correct the judge are: a random sample that was asked for; volunteers, by a model
of who answers that the audit identifies; or volunteers, on the assumption that within a model and class
who scores has nothing to do with how good the answer was."""


class MeanQuality(Struct, frozen=True):
    """A mean quality with its 95% interval, from `n` scores; no interval where too few tell one."""

    mean: float
    low: float | None
    high: float | None
    n: int


class ModelQuality(Struct, frozen=True, kw_only=True):
    """One model, in all or in one class.

    `people` and `judge` are the plain means of what they said (the judge's weighed back to all answers where
    they were sampled), `powered` is both together. `moved` is `powered` less `people`; `router_shift` what
    the router itself adds to people's mean. `off` says how far, either way, people's mean would be off if the
    odds of a score at quality 1 were 1.5 and 2 times those at quality 0.
    """

    model: str
    request_class: str | None
    answers: int
    people: MeanQuality | None
    judge: MeanQuality | None
    powered: MeanQuality | None
    moved: float | None
    router_shift: float | None
    off: tuple[float, float] | None


class JudgeScores(Struct, frozen=True):
    """A judge with its rubric, how many answers it scored, how many of those in the sample with known
    probabilities, and how many of these people scored too."""

    name: str
    scores: int
    sampled: int
    paired: int


class WhoAnswers(Struct, frozen=True, kw_only=True):
    """Whether people score good and bad answers alike.

    `gamma` ± `gamma_sd` are the log odds of a score at quality 1 over those at quality 0, as this report
    solves for them, `router_gamma` as the router does (shrunken to 0); None where the audit does not tell.
    `strength` is the F statistic of the judge's scores on people's. `scored` and `silent` are the audited
    answers behind it.
    """

    gamma: float | None
    gamma_sd: float | None
    strength: float
    router_gamma: float | None
    router_gamma_sd: float | None
    scored: int
    silent: int


class QualityReport(Struct, frozen=True, kw_only=True):
    """The whole report; renders itself in a notebook. `failed` calls that nobody scored are not among the
    `answers`. `judge` names the one that is used, of `judges`; `judging` is what judging takes at the moment,
    where the report was made of a log whose configuration has a judge."""

    verdict: str
    basis: Basis | None
    answers: int
    failed: int
    people_scored: int
    asked: int
    first_at: float
    last_at: float
    judge: str | None
    judges: Sequence[JudgeScores]
    who_answers: WhoAnswers | None
    models: Sequence[ModelQuality]
    classes: Sequence[ModelQuality]
    notes: Sequence[str]
    judging: JudgingAccount | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data, as `--json` writes it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def plot(self, path: str | Path | None = None, truth: Mapping[str, float] | None = None) -> Figure:
        """Every model by people, by the judge and by both, with the `truth` of its mean where it is known;
        saved where `path` says."""
        from banditroute.reports.quality_plot import draw

        return draw(self, path, truth)

    def table(self) -> RenderableType:
        """The report for a terminal."""
        from banditroute.reports.quality_text import printed

        return printed(self)

    def _repr_html_(self) -> str:
        from banditroute.reports.quality_page import fragment

        return fragment(self)
