"""Mean quality per model from people and a judge together, and how far who answers moves what people say.

Three means side by side: people's scores as they came, the judge's, weighed back to all answers by the
probabilities with which it was asked, and both together. How they go together depends on what people's scores
are. A random sample that was asked for corrects the judge by prediction-powered inference
(`core.prediction`). Volunteers are no random sample: the audit shows how those who spoke differ from
those who did not, and their scores are mended by it (`quality_volunteers`). Where it cannot show it, the
report takes who scores to have nothing to do with quality, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from banditroute.config.rubrics import instrument_name
from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.reports.quality_answers import Heard, heard
from banditroute.reports.quality_findings import JudgeScores, QualityReport
from banditroute.reports.quality_means import case_of, count
from banditroute.reports.quality_words import judging_note, notes, verdict
from banditroute.routing.judging import judging_now
from banditroute.store import Store


class Unheard(LogError):
    """A judge or raters who said nothing were asked for; `param` says which."""

    status = 422

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class AskedQuality:
    """What a caller may ask: decisions made from `since` on, in seconds since the epoch; rows `by_class`; the
    `judge` to go by, without one the configured, or else the busiest; and the raters, judges or names of keys
    whose scores were `asked` for at random."""

    since: float | None = None
    by_class: bool = False
    judge: str | None = None
    asked: Sequence[str] = ()


EVERYTHING = AskedQuality()


def quality_of_store(
    settings: Settings,
    store: Store,
    asked: AskedQuality = EVERYTHING,
    *,
    breathe: Callable[[], None] = lambda: None,
) -> QualityReport:
    """The report on the event log of a store. Raises NothingScored where there is nothing to report on, and
    Unheard for a judge or raters who said nothing."""
    found = heard(store, settings, since=asked.since, asked=asked.asked, breathe=breathe)
    if asked.asked and np.isnan(found.asked).all() and not found.asked_judges:
        raise Unheard(
            f"None of {', '.join(asked.asked)} has scored an answer; name raters, or keys, whose scores were "
            "asked for at random.",
            "asked",
        )
    report = quality_report(found, by_class=asked.by_class, judge=asked.judge or _configured(settings, found))
    now = judging_now(settings, store, time.time())
    if now is None:
        return report
    return structs.replace(report, judging=now, notes=(*report.notes, judging_note(now)))


def quality_report(found: Heard, *, by_class: bool = False, judge: str | None = None) -> QualityReport:
    """The report on answers that were read before."""
    judges = _judges(found)
    chosen = _chosen(judges, judge)
    case = case_of(found, None if chosen is None else chosen.name)
    k, c = len(found.models), len(found.classes)
    models, basis, mended = case.rows(found.model, k, 1)
    cells = case.rows(found.model * c + found.cls, k * c, c)[0] if by_class else []
    report = QualityReport(
        verdict="",
        basis=basis,
        answers=len(found.model),
        failed=found.failed,
        people_scored=count(found.people),
        asked=count(found.asked),
        first_at=found.first_at,
        last_at=found.last_at,
        judge=None if chosen is None else chosen.name,
        judges=judges,
        who_answers=case.who_answers(mended),
        models=models,
        classes=sorted(cells, key=lambda row: str(row.request_class)),
        notes=(),
    )
    return structs.replace(report, verdict=verdict(report), notes=notes(report))


def _judges(found: Heard) -> list[JudgeScores]:
    """Every judge, the one with most to say about what people said first."""
    known = []
    for name, (rows, _) in found.judges.items():
        sampled = found.drawn(name)[rows] | (len(rows) == len(found.model))
        paired = sampled & ~np.isnan(found.people[rows])
        known.append(JudgeScores(name, len(rows), int(sampled.sum()), int(paired.sum())))
    return sorted(known, key=lambda judge: (-judge.sampled, -judge.paired, -judge.scores, judge.name))


def _configured(settings: Settings, found: Heard) -> str | None:
    """The judge that the configuration describes, where it has scored anything."""
    name = instrument_name(settings)
    return name if name in found.own else None


def _chosen(judges: Sequence[JudgeScores], name: str | None) -> JudgeScores | None:
    if name is None:
        return judges[0] if judges else None
    for judge in judges:
        if judge.name == name:
            return judge
    known = ", ".join(judge.name for judge in judges) or "there is none"
    raise Unheard(f"The judge {name} has scored no answer; name one of those that have: {known}.", "judge")
