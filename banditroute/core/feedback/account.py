"""What people should know besides the estimates: judges, promises, changes, who speaks and who keeps silent.

Rows for people and dashboards, read off a state; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from banditroute.core.feedback.calibration import calibrate
from banditroute.core.feedback.instruments import as_believed
from banditroute.core.feedback.measurement import doubt_of
from banditroute.core.feedback.response import bounds
from banditroute.core.feedback.speakers import quarantined
from banditroute.core.spending import spent_on
from banditroute.core.state import QUALITY, State, scale_at
from banditroute.core.steering.guardrails import Guard
from banditroute.core.steering.pacing import Pace

_Z95 = 1.959963984540054


class Rectifier(Struct, frozen=True):
    """What a judge gives one model too much, with its 95% interval, and how many answers people scored."""

    model: str
    value: float
    low: float
    high: float
    pairs: float


class JudgeAccount(Struct, frozen=True):
    """What is known of one judge with one rubric: its score rises by `slope` per point of quality; a single
    one is off by `noise_sd`. `drift` says since when it seems to judge otherwise, and by how much."""

    instrument: str
    answers: float
    pairs: float
    slope: float
    slope_sd: float
    noise_sd: float
    rectifiers: list[Rectifier]
    drift: float | None = None


class JudgingAccount(Struct, frozen=True):
    """What judging takes at the moment: the rates of both draws, the answers that wait for each, and the USD
    of this UTC day (what is reserved counts as spent), of at most `usd_per_day`. `usd_per_verdict` is the
    mean cost, None before the first; `judgeable_per_second` how many answers could be judged."""

    base_rate: float
    value_rate: float
    base_waiting: int
    value_waiting: int
    base_spent_usd: float
    value_spent_usd: float
    usd_per_day: float
    usd_per_verdict: float | None
    judgeable_per_second: float


class ChangeAccount(Struct, frozen=True):
    """Something that is not as it was before `since`; `subject` is a model, a class, or empty for all."""

    kind: str
    subject: str
    factor: str
    since: float
    size: float
    low: float
    high: float


class AlarmAccount(Struct, frozen=True):
    """An alarm that was raised `at` a time; `id` is what acknowledging it names, `acknowledged` whether
    somebody did."""

    id: str
    kind: str
    subject: str
    message: str
    at: float
    acknowledged: bool


class GuardrailAccount(Struct, frozen=True):
    """One promise, and how it stands `since` a time: `mean` is the estimate, over the `scores` of this
    period, of how much better what is served is than the baseline, None before any; `low` and `high` are its
    limits at all times."""

    request_class: str
    baseline: str
    margin: float
    confidence: float
    status: str
    since: float
    scores: int
    period: int
    mean: float | None
    low: float
    high: float


class AnswersAccount(Struct, frozen=True):
    """Who answers: log odds of a score per point of quality, by which means were moved at most `moved`; what
    is not known could move them by `odds_1_5` or `odds_2`, if the odds of a score differed that much."""

    scored: float
    silent: float
    rate: float
    log_odds: float
    log_odds_sd: float
    moved: float
    odds_1_5: float
    odds_2: float


class SpeakersAccount(Struct, frozen=True):
    """Who speaks: how many are known, how many count for less than they said, and who for nothing."""

    known: int
    doubted: int
    quarantined: list[str]


class PaceAccount(Struct, frozen=True):
    """Shadow prices in utility per USD and per second, and what was spent on the day of the state, in USD."""

    shadow_usd: float
    shadow_second: float
    spent_today: float


class Account(Struct, frozen=True):
    """Everything of it; a part is None where nobody asked for it or nothing is known. `alarms` are those that
    nobody has acknowledged and the last of the others, the newest first, as far back as there is room."""

    judges: list[JudgeAccount]
    judging: JudgingAccount | None
    changes: list[ChangeAccount]
    alarms: list[AlarmAccount]
    guardrails: list[GuardrailAccount]
    answers: AnswersAccount | None
    speakers: SpeakersAccount | None
    pace: PaceAccount | None


def account(
    state: State,
    at: float | None = None,
    judging: JudgingAccount | None = None,
    alarms: Sequence[AlarmAccount] = (),
) -> Account:
    """What a state knows besides its estimates, promises as they stand at a time (by default that of the
    state); what judging takes and which alarms were raised is known to others (`routing.judging`,
    `routing.acknowledging`)."""
    guards, pace = state.watch.guards, state.watch.pace
    at = state.at if at is None else at
    return Account(
        judges=[_judge(state, name) for name in sorted(state.testimony.instruments)],
        changes=_changes(state),
        alarms=list(alarms),
        judging=judging,
        guardrails=[
            guardrail_account(guard.as_of(at)) for guard in (() if guards is None else guards.guards)
        ],
        answers=_answers(state),
        speakers=_speakers(state),
        pace=None if pace is None else _pace(state, pace),
    )


def guardrail_account(guard: Guard) -> GuardrailAccount:
    """How one promise stands, for people."""
    low, high = guard.limits
    return GuardrailAccount(
        request_class=guard.request_class,
        baseline=guard.baseline,
        margin=guard.margin,
        confidence=1.0 - guard.alpha,
        status=guard.status,
        since=guard.at,
        scores=guard.n,
        period=guard.period,
        mean=guard.total / guard.n if guard.n else None,
        low=low,
        high=high,
    )


def _judge(state: State, name: str) -> JudgeAccount:
    frame = state.frame
    scale = scale_at(state.at, state.references[QUALITY], frame.half_lives[QUALITY])
    instrument = state.testimony.instruments[name].scaled(scale)
    if state.weighed is not None and state.weighed.speakers is not None:
        instrument = as_believed(instrument, state.weighed.speakers, frame.priors[QUALITY].center)
    fitted = state.posterior[QUALITY]
    noise = frame.priors[QUALITY].noise if fitted is None else float(np.mean(fitted.noise))
    known, drift = (
        calibrate(instrument, noise, doubt_of(frame.settings.trust)),
        state.testimony.drifts.get(name),
    )
    halves = _Z95 * known.rectifier_sd
    return JudgeAccount(
        instrument=name,
        answers=float(instrument.judged.cells[..., 2].sum() + known.pairs.sum()),
        pairs=float(known.pairs.sum()),
        slope=known.slope,
        slope_sd=known.slope_sd,
        noise_sd=float(np.sqrt(known.residual)),
        rectifiers=[
            Rectifier(
                model.id,
                float(known.rectifier[row]),
                float(known.rectifier[row] - halves[row]),
                float(known.rectifier[row] + halves[row]),
                float(known.pairs[row]),
            )
            for model, row in zip(frame.models, frame.group.tolist(), strict=True)
        ],
        drift=None if drift is None else drift.size,
    )


def _changes(state: State) -> list[ChangeAccount]:
    def subject(kind: str, row: int) -> str:
        names: Sequence[str] = [model.id for model in state.models]
        if kind == "traffic":
            names = state.classes
        return names[row] if kind != "judge-or-difficulty" else ""

    return [
        ChangeAccount(c.kind, subject(c.kind, c.row), c.factor, c.since, c.size, c.low, c.high)
        for c in state.changes
    ]


def _answers(state: State) -> AnswersAccount | None:
    answers, sums = None if state.weighed is None else state.weighed.response, state.stats[QUALITY]
    if answers is None or sums is None or not np.isfinite(answers.gamma_sd):
        return None
    places = np.arange(1, 1 + sums.cells.shape[1])
    direct = np.stack([sums.xx[:, places, places], sums.xy[:, places], sums.cells[:, :, 0]], axis=2)
    audited = answers.scored + answers.silent
    return AnswersAccount(
        scored=answers.scored,
        silent=answers.silent,
        rate=answers.scored / audited if audited > 0.0 else 0.0,
        log_odds=answers.gamma,
        log_odds_sd=answers.gamma_sd,
        moved=float(np.abs(answers.shift).max()),
        odds_1_5=float(bounds(answers.rate, direct, 1.5).max()),
        odds_2=float(bounds(answers.rate, direct, 2.0).max()),
    )


def _speakers(state: State) -> SpeakersAccount | None:
    known, belief = state.testimony.speakers, None if state.weighed is None else state.weighed.speakers
    if known is None or belief is None:
        return None
    doubted = int((belief.weight < 1.0).sum())
    return SpeakersAccount(len(known.names), doubted, quarantined(known, belief))


def _pace(state: State, pace: Pace) -> PaceAccount:
    return PaceAccount(pace.usd.price, pace.seconds.price, spent_on(state.spending, state.at))
