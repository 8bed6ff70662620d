"""The event log as answers with what people and judges said of them: one row per decision, read by pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.feedback.fold import standing
from banditroute.core.feedback.instruments import instrument_of
from banditroute.errors import LogError
from banditroute.reports.decisions import class_places
from banditroute.store import Store
from banditroute.types import JUDGE, Decision, Outcome

PAGE = 500
"""Decisions read at once."""


class NothingScored(LogError):
    """No decision, or none that anybody has scored."""

    code = "nothing_scored"
    status = 422


@dataclass(frozen=True, slots=True)
class Heard:
    """n answers: model, class and unit `(n,)` as positions; the mean of what people said of each `(n,)`, of
    those who were `asked`, and of those who `volunteered`, NaN where nobody did; by judge, the rows that it
    scored and its scores. `probability` `(n,)` is that of having been sampled for a judge, `sampled` whether
    it was, `audited` whether the uniform draw took it. That is true of the scores of the service's `own`
    judges, and of `asked_judges`; what others scored, they chose. `failed` calls that nobody scored are not
    among them."""

    models: tuple[str, ...]
    classes: tuple[str, ...]
    model: Ints
    cls: Ints
    unit: Ints
    people: Floats
    asked: Floats
    volunteered: Floats
    probability: Floats
    sampled: Bools
    audited: Bools
    judges: Mapping[str, tuple[Ints, Floats]]
    own: frozenset[str]
    asked_judges: frozenset[str]
    failed: int
    first_at: float
    last_at: float

    def drawn(self, judge: str) -> Bools:
        """Which answers `(n,)` a judge was to score because they were drawn with a known probability."""
        known = judge in self.own or judge in self.asked_judges
        return self.sampled if known else np.zeros(len(self.model), bool)

    def score(self, judge: str) -> Floats:
        """What a judge said of each answer `(n,)`, NaN where nothing."""
        score = np.full(len(self.model), np.nan)
        rows, values = self.judges[judge]
        score[rows] = values
        return score


def heard(
    store: Store,
    settings: Settings,
    *,
    since: float | None = None,
    asked: Collection[str] = (),
    breathe: Callable[[], None] = lambda: None,
) -> Heard:
    """Every answer of the decisions made from `since` on; `asked` names the raters, or the keys, whose scores
    were asked for. `breathe` is called after every page. Raises NothingScored where there is no answer, or
    none that anybody has scored."""
    rows = _Rows(frozenset(asked))
    start, after = -math.inf if since is None else since, 0
    while (page := store.decided(after, PAGE, prompts=False)).records:
        for record in page.records:
            if record.decision.at >= start:
                rows.add(record.decision, record.outcomes)
        after = page.upto
        breathe()
    if not rows.model:
        when = "" if since is None else " since then"
        raise NothingScored(
            f"There is no answer{when} to report on; route requests, and report the quality of the answers."
        )
    if not rows.judges and not any(not math.isnan(value) for value in rows.people):
        raise NothingScored(
            f"Nobody has scored any of the {len(rows.model):,} answers; report `quality` with feedback, or "
            "let a judge score a sample ([judge] in the configuration)."
        )
    return rows.heard(settings)


class _Rows:
    """Columns that grow by a row per answer."""

    def __init__(self, asked: frozenset[str]) -> None:
        self._asked = asked
        self.model: list[str] = []
        self._cls: list[str] = []
        self._unit: list[str] = []
        self.people: list[float] = []
        self._of_asked: list[float] = []
        self._of_others: list[float] = []
        self._probability: list[float] = []
        self._sampled: list[bool] = []
        self._audited: list[bool] = []
        self.judges: dict[str, dict[int, float]] = {}
        self._own: set[str] = set()
        self._asked_judges: set[str] = set()
        self._failed = 0
        self._first, self._last = math.inf, -math.inf

    def add(self, decision: Decision, outcomes: Iterable[Outcome]) -> None:
        facts = list(standing(outcomes).values())
        scores = [o for o in facts if o.factor == "quality" and o.source in ("user", "judge")]
        if not scores and any(o.factor == "error" and o.value for o in facts):
            self._failed += 1
            return
        self._first, self._last = min(self._first, decision.at), max(self._last, decision.at)
        people = [o for o in scores if o.source == "user"]
        asked = [o for o in people if self._is_asked(o)]
        self._add_judges([o for o in scores if o.source == "judge"])
        self.model.append(decision.model)
        self._cls.append(decision.context.request_class)
        self._unit.append(decision.context.unit or decision.id)
        self.people.append(_mean(people))
        self._of_asked.append(_mean(asked))
        self._of_others.append(_mean([o for o in people if o not in asked]))
        self._probability.append(decision.judge_propensity)
        self._sampled.append(decision.wants_response and decision.judge_propensity > 0.0)
        self._audited.append(decision.audit)

    def _is_asked(self, outcome: Outcome) -> bool:
        return outcome.rater in self._asked or outcome.principal in self._asked

    def _add_judges(self, scores: Iterable[Outcome]) -> None:
        """What judges said of the answer that comes next. Without keys anybody may use the name of the
        service's own judge: what that said itself stands, and what it did not score it did not draw."""
        for score in sorted(scores, key=lambda o: o.principal == JUDGE):
            name, ours = instrument_of(score), score.principal == JUDGE
            if ours and name not in self._own:
                self._own.add(name)
                self.judges.pop(name, None)
            elif not ours and name in self._own:
                continue
            if not ours and self._is_asked(score):
                self._asked_judges.add(name)
            self.judges.setdefault(name, {})[len(self.model)] = _number(score.value)

    def heard(self, settings: Settings) -> Heard:
        known = [model.id for model in settings.models]
        present = set(self.model)
        models = (*(name for name in known if name in present), *sorted(present - set(known)))
        names = sorted(set(self._cls))
        classes, place = class_places(names, settings)
        at = dict(zip(names, place.tolist(), strict=True))
        position = {name: a for a, name in enumerate(models)}
        return Heard(
            models, classes,
            np.array([position[name] for name in self.model], np.int64),
            np.array([at[name] for name in self._cls], np.int64),
            np.unique(np.array(self._unit), return_inverse=True)[1].astype(np.int64),
            np.array(self.people), np.array(self._of_asked), np.array(self._of_others),
            np.array(self._probability), np.array(self._sampled, bool), np.array(self._audited, bool),
            {name: (np.array([*said]), np.array([*said.values()])) for name, said in self.judges.items()},
            frozenset(self._own), frozenset(self._asked_judges) - self._own,
            self._failed, self._first, self._last,
        )  # fmt: skip


def _mean(outcomes: Collection[Outcome]) -> float:
    """Of sorted values: the same whatever order they came in; NaN of none."""
    values = sorted(_number(outcome.value) for outcome in outcomes)
    return sum(values) / len(values) if values else math.nan


def _number(value: float | None) -> float:
    assert value is not None  # what stands has a value
    return value
