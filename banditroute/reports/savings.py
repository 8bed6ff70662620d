"""The savings report: what was done, against what every static rule would have cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.errors import LogError
from banditroute.reports.books import Book
from banditroute.reports.cells import DAY, EVERYTHING, METERED, REQUESTS, SCORED, Floats, Part
from banditroute.reports.findings import Bill, Range, Refusal, SavingsReport, Slice
from banditroute.reports.jackknife import half_width
from banditroute.reports.projection import Plan, plan, without_groups
from banditroute.reports.verdict import verdict

USD, PER_REQUEST, SAVING, QUALITY, GAIN, MONTHLY, MONTHLY_SAVING = range(7)
"""Columns of a rule's headline."""


class NothingToBill(LogError):
    """No request, or none whose cost is known."""

    code = "nothing_to_bill"
    status = 422


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller may ask of any report: `rules` to bill beside the usual ones, which of them is the
    `baseline`, and requests of a month to project to. A model's name stands for everything to it."""

    rules: Sequence[str] = ()
    baseline: str | None = None
    requests_per_month: float | None = None

    @property
    def named(self) -> list[str]:
        """The rules that the caller named, the baseline among them."""
        return [*self.rules, *([self.baseline] if self.baseline else ())]


ANYTHING = Asked()


@dataclass(frozen=True, slots=True)
class Question:
    """What a report shall tell beside its book.

    `bases` says of each rule how its bill came about, `unseen` which of its models never answered.
    `simulated` names what was replayed in place of what was paid. `breathe` is called between the
    pieces of the work, for those who serve requests meanwhile.
    """

    baseline: str
    bases: Mapping[str, str]
    unseen: Mapping[str, Sequence[str]]
    refused: Sequence[Refusal]
    assumptions: Sequence[str]
    requests_per_month: float | None = None
    simulated: str | None = None
    span: tuple[float, float] | None = None
    breathe: Callable[[], None] = lambda: None


def savings_report(book: Book, question: Question) -> SavingsReport:
    """Bills, intervals, projections and the verdict. Raises LogError where no cost is known at all."""
    table = book.cells.table()
    metered = int(table[..., METERED].sum())
    if not metered:
        raise NothingToBill(
            "Nothing is known of what requests cost: report usd, or output_tokens of models with token "
            "prices; in a log, name the column with --columns usd=COLUMN."
        )
    known = _estimates(book, question)
    rows = [_bill(book, question, known, r) for r in range(len(book.rules))]
    billed = [row for row in rows[1:] if not math.isnan(row.usd.mean)]
    compared = next((row for row in billed if row.rule == question.baseline), None)
    if compared is None:
        raise LogError(
            f"{question.baseline} cannot be the baseline: {_why(question)}; "
            f"name one of: {', '.join(row.rule for row in billed) or 'none'}."
        )
    first, last = question.span or (None, None)
    return SavingsReport(
        verdict=verdict(
            compared.rule,
            rows[0].usd.mean,
            compared.usd,
            compared.quality_gain,
            simulated=question.simulated,
            interval=known.enough,
        ),
        baseline=question.baseline,
        requests=int(table[..., REQUESTS].sum()),
        metered=metered,
        scored=int(table[..., SCORED].sum()),
        first_at=first,
        last_at=last,
        days=None if first is None or last is None else (last - first) / DAY,
        actual=rows[0],
        rules=sorted(billed, key=lambda row: row.usd.mean),
        refused=[*question.refused, *(_unbillable(row) for row in rows[1:] if math.isnan(row.usd.mean))],
        projection=known.plan.projection,
        assumptions=question.assumptions,
    )


@dataclass(frozen=True, slots=True)
class Estimates:
    """Headlines `(r, 7)` of every rule with half their intervals (0 where exact, nan where unknown), and
    the figures they come from."""

    figures: Floats
    mean: Floats
    half: Floats
    plan: Plan
    enough: bool


def _estimates(book: Book, question: Question) -> Estimates:
    cells = book.cells
    wanted = plan(cells, question.requests_per_month)
    figures = book.figures(EVERYTHING, EVERYTHING)
    mean = _headline(figures)
    groups = without_groups(cells)

    def headlines(parts: Sequence[Part], *, same_requests: bool) -> list[Floats]:
        found = []
        for part in parts:
            question.breathe()
            found.append(_headline(book.figures(EVERYTHING if same_requests else part, part)))
        return found

    half = np.full(mean.shape, np.nan)
    answers = half_width(headlines(groups, same_requests=True))
    traffic = half_width(headlines(groups, same_requests=False))
    if answers is not None and traffic is not None:
        half[:, [USD, SAVING]] = answers[:, [USD, SAVING]]
        half[:, [PER_REQUEST, QUALITY, GAIN]] = traffic[:, [PER_REQUEST, QUALITY, GAIN]]
    _project(book, question, wanted, mean, half)
    return Estimates(figures, mean, half, wanted, answers is not None)


def _headline(figures: Floats) -> Floats:
    """Per rule USD, USD per request, saving, quality and its gain; the projection is filled in later."""
    requests, metered, usd, quality = np.moveaxis(figures.sum(axis=(1, 2)), -1, 0)
    headline = np.full((len(usd), 7), np.nan)
    headline[:, USD] = usd
    headline[:, PER_REQUEST] = usd / np.maximum(metered, 1.0)
    headline[:, SAVING] = usd - usd[0]
    headline[:, QUALITY] = quality / np.maximum(requests, 1.0)
    headline[:, GAIN] = headline[0, QUALITY] - headline[:, QUALITY]
    return headline


def _project(book: Book, question: Question, wanted: Plan, mean: Floats, half: Floats) -> None:
    """Fills in what a month costs, from the part of the log that the plan names."""
    if wanted.projection.requests_per_month is None:
        return

    def monthly(part: Part, days: float | None) -> Floats:
        question.breathe()
        sums = book.figures(part, part).sum(axis=(1, 2))
        given = question.requests_per_month
        requests = sums[0, 0] / (days or 1.0) * (365.25 / 12) if given is None else given
        usd = sums[:, 2] / np.maximum(sums[:, 1], 1.0) * requests
        return np.stack([usd, usd - usd[0]], axis=1)

    lost = 0.0 if wanted.days is None else wanted.days / len(wanted.blocks)
    less = None if wanted.days is None else wanted.days - lost
    width = half_width([monthly(part, less) for part in wanted.blocks])
    columns = [MONTHLY, MONTHLY_SAVING]
    mean[:, columns] = monthly(wanted.part, wanted.days)
    if width is not None:
        half[:, columns] = width


def _bill(book: Book, question: Question, known: Estimates, r: int) -> Bill:
    rule, unseen = book.rules[r], question.unseen.get(book.rules[r], ())

    def told(column: int, scale: float = 1.0, low: float = -math.inf, high: float = math.inf) -> Range:
        mean, half = float(known.mean[r, column]) * scale, float(known.half[r, column]) * scale
        if unseen or not half > 1e-12 * abs(mean):
            return Range(mean)
        return Range(mean, max(mean - half, low), min(mean + half, high))

    def maybe(column: int, **limits: float) -> Range | None:
        return None if math.isnan(known.mean[r, column]) else told(column, **limits)

    usd, saving = float(known.mean[r, USD]), float(known.mean[r, SAVING])
    cells = book.cells
    return Bill(
        rule=rule,
        basis=question.bases[rule],
        usd=told(USD, low=0.0),
        usd_per_request=told(PER_REQUEST, low=0.0),
        quality=maybe(QUALITY, low=0.0, high=1.0),
        saving=told(SAVING),
        saving_share=saving / usd if usd > 0 else None,
        quality_gain=maybe(GAIN, low=-1.0, high=1.0),
        monthly=maybe(MONTHLY, low=0.0),
        yearly=maybe(MONTHLY, scale=12.0, low=0.0),
        monthly_saving=maybe(MONTHLY_SAVING),
        by_class=_slices(cells.classes, known.figures[r].sum(axis=1)),
        by_model=_slices(cells.models, known.figures[r].sum(axis=0)),
        unseen=list(unseen),
    )


def _slices(names: Sequence[str], figures: Floats) -> list[Slice]:
    """Those of the classes or models that got a request; figures `(…, 4)`."""
    return [
        Slice(name, requests, None if math.isnan(usd) else usd, None if math.isnan(q) else q / requests)
        for name, (requests, _, usd, q) in zip(names, figures.tolist(), strict=True)
        if requests > 0
    ]


def _why(question: Question) -> str:
    reasons = {refusal.rule: refusal.reason for refusal in question.refused}
    return reasons.get(question.baseline, "it is not among the rules of this report").rstrip(".")


def _unbillable(row: Bill) -> Refusal:
    return Refusal(
        row.rule,
        "A model of this rule never answered at a known cost and has no token price; give it "
        "usd_per_million_input and usd_per_million_output in the configuration.",
    )
