"""The three means of every model: by people, by the judge, by both, and what each of them rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.feedback.prediction import powered_means
from banditroute.core.feedback.response import Response, bounds, response
from banditroute.reports.quality_answers import Heard
from banditroute.reports.quality_findings import Basis, MeanQuality, ModelQuality, WhoAnswers
from banditroute.reports.quality_unlike import reaching
from banditroute.reports.quality_volunteers import Answers, Mended, mended_means

ODDS = (1.5, 2.0)
"""Ratios of odds for which it is said how far people's means could be off."""


def case_of(found: Heard, judge: str | None) -> Case:
    """What the judge's scores are: a sample with known probabilities, all answers, or neither."""
    score = np.full(len(found.model), np.nan) if judge is None else found.score(judge)
    if not np.isnan(score).any():
        everything = np.ones(len(score), bool)
        return Case(found, score, everything, everything, np.ones(len(score)))
    drawn = np.zeros(len(score), bool) if judge is None else found.drawn(judge)
    return Case(found, score, drawn, found.audited & drawn, found.probability)


@dataclass(frozen=True, slots=True)
class Case:
    """The answers with the scores of one judge `(n,)`; which of them were `sampled` for it, and with which
    `probability`; which of these by the uniform draw (`audited`)."""

    found: Heard
    score: Floats
    sampled: Bools
    audited: Bools
    probability: Floats

    @property
    def drawn(self) -> Floats:
        """The judge's scores of sampled answers."""
        return np.where(self.sampled, self.score, np.nan)

    def rows(
        self, domain: Ints, domains: int, classes: int
    ) -> tuple[list[ModelQuality], Basis | None, Mended | None]:
        """A row of every domain that has answers, models (`classes` 1) or cells; what people's scores are
        taken for, and how volunteers' were mended."""
        powered, basis, mended = self._powered(domain, domains)
        people = _plain(domain, domains, self.found.people)
        judge = self._by_judge(domain, domains)
        number = np.bincount(domain, minlength=domains)
        spoke = ~np.isnan(self.found.people)
        said = np.bincount(domain[spoke], minlength=domains)
        shift = _averages(domain[spoke], domains, self._routers_shift()[self._cell[spoke]])
        half, double = (_averages(domain, domains, off[self._cell]) for off in self._off())
        made = []
        for d in np.flatnonzero(number).tolist():
            own, both = people[d], powered[d]
            made.append(
                ModelQuality(
                    model=self.found.models[d // classes],
                    request_class=None if classes == 1 else self.found.classes[d % classes],
                    answers=int(number[d]),
                    people=own,
                    judge=judge[d],
                    powered=both,
                    moved=None if own is None or both is None else both.mean - own.mean,
                    router_shift=None if math.isnan(shift[d]) else float(shift[d]),
                    off=(float(half[d]), float(double[d])) if said[d] else None,
                )
            )
        return made, basis, mended

    def _powered(
        self, domain: Ints, domains: int
    ) -> tuple[list[MeanQuality | None], Basis | None, Mended | None]:
        """Both together, on what basis, and by which tilt."""
        nothing: list[MeanQuality | None] = [None] * domains
        if np.isnan(self.drawn).all():
            return nothing, None, None
        volunteers = self.found.volunteered
        answers = Answers(
            self.found.model, self.found.cls, self.found.unit, volunteers, self.drawn, self.probability
        )
        mended = None if np.isnan(volunteers).all() else mended_means(answers, domain, domains)
        audit = self.audited & ~np.isnan(self.score)
        if count(self.found.asked[audit]) > 1:
            found = powered_means(domain[audit], self.score[audit], self.found.asked[audit], domains)
            asked = np.where(audit, self.found.asked, np.nan)
            limits = reaching(found.mean, found.low, found.high, domain, asked)
            made = [_estimate(*one) for one in zip(found.mean, *limits, found.labelled, strict=True)]
            return made, "asked", mended
        if mended is None:
            return nothing, None, None
        labels = np.bincount(domain[~np.isnan(volunteers)], minlength=domains)
        limits = reaching(mended.mean, mended.low, mended.high, domain, volunteers)
        made = [_estimate(*one) for one in zip(mended.mean, *limits, labels, strict=True)]
        return made, "modelled" if mended.identified else "assumed", mended

    def _by_judge(self, domain: Ints, domains: int) -> list[MeanQuality | None]:
        """The judge alone: weighed back where it was sampled, else just what it scored."""
        if np.isnan(self.drawn).all():
            return _plain(domain, domains, self.score)
        return _plain(domain, domains, self.drawn, self.probability)

    def who_answers(self, mended: Mended | None) -> WhoAnswers | None:
        """Who answers, as solved here and as the router takes it; None where the audit has no judge's scores
        both of answers that people scored and of others."""
        router = self._router()
        if mended is None or router is None:
            return None
        known = mended.identified
        return WhoAnswers(
            gamma=mended.gamma if known else None,
            gamma_sd=mended.gamma_sd if known else None,
            strength=mended.strength,
            router_gamma=router.gamma if math.isfinite(router.gamma_sd) else None,
            router_gamma_sd=router.gamma_sd if math.isfinite(router.gamma_sd) else None,
            scored=round(router.scored),
            silent=round(router.silent),
        )

    @property
    def _cell(self) -> Ints:
        return self.found.model * len(self.found.classes) + self.found.cls

    def _sums(self, part: Bools, *columns: Floats) -> Floats:
        """Σ of 1 and of the columns over a part of the answers, per model and class `(k, c, 1 + columns)`."""
        k, c = len(self.found.models), len(self.found.classes)
        cell = self._cell[part]
        sums = [np.bincount(cell, minlength=k * c)]
        sums += [np.bincount(cell, column[part], minlength=k * c) for column in columns]
        return np.stack(sums, axis=1).astype(np.float64).reshape(k, c, -1)

    def _router(self) -> Response | None:
        y, j = self.found.people, self.drawn
        spoke, judged = ~np.isnan(y), ~np.isnan(j)
        if not (spoke & judged).any() or not (judged & ~spoke).any():
            return None
        pairs = self._sums(spoke & judged, j, y, j * j, j * y, y * y)
        return response(pairs, self._sums(judged & ~spoke, j, j * j), self._sums(spoke, y, y * y))

    def _routers_shift(self) -> Floats:
        """What the router adds to people's mean, by cell `(k·c,)`; NaN where no audit tells it."""
        router = self._router()
        cells = len(self.found.models) * len(self.found.classes)
        return np.full(cells, np.nan) if router is None else router.shift.ravel()

    def _off(self) -> tuple[Floats, Floats]:
        """How far people's means can be off at the ODDS, by cell `(k·c,)`."""
        spoke = ~np.isnan(self.found.people)
        direct = self._sums(spoke, self.found.people, self.found.people**2)
        number = self._sums(np.ones(len(spoke), bool))[..., 0]
        rate = direct[..., 0] / np.maximum(number, 1.0)
        half, double = (bounds(rate, direct, odds).ravel() for odds in ODDS)
        return half, double


def _plain(
    domain: Ints, domains: int, said: Floats, probability: Floats | None = None
) -> list[MeanQuality | None]:
    """Means of what was said in every domain, each score over its probability where that is known."""
    found = powered_means(domain, np.zeros(len(domain)), said, domains, probability=probability)
    limits = reaching(found.mean, found.low, found.high, domain, said, probability=probability)
    return [_estimate(*one) for one in zip(found.mean, *limits, found.labelled, strict=True)]


def _averages(domain: Ints, domains: int, values: Floats) -> Floats:
    """Means by domain, NaN where it has none."""
    number = np.bincount(domain, minlength=domains)
    sums = np.bincount(domain, values, minlength=domains)
    means: Floats = np.divide(sums, number, out=np.full(domains, np.nan), where=number > 0)
    return means


def _estimate(mean: float, low: float, high: float, n: int) -> MeanQuality | None:
    """As data: within [0, 1], where quality is; None without a mean, no interval where there is none."""
    if math.isnan(mean):
        return None
    return MeanQuality(
        _inside(mean),
        _inside(low) if math.isfinite(low) else None,
        _inside(high) if math.isfinite(high) else None,
        int(n),
    )


def _inside(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))


def count(values: Floats) -> int:
    """How many there are."""
    return int(np.count_nonzero(~np.isnan(values)))
