"""Answers whose true quality is known, with what a biased judge and people say of them: for examples, and to
see what a quality report is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from banditroute.judge.simulated import JudgeProfile, SimulatedJudge
from banditroute.reports.quality_answers import Heard
from banditroute.upstream.answers import SimulatedChat, written_answer
from banditroute.upstream.simulated import SimulatedWorld

JUDGE = "simulated-judge"


@dataclass(frozen=True, slots=True)
class SimulatedAnswers:
    """What was heard of them, and the `truth`: the mean quality of each model's answers."""

    heard: Heard
    truth: Mapping[str, float]


def simulated_answers(
    n: int = 4_000,
    *,
    asked: float = 0.1,
    volunteered: float = 0.0,
    log_odds: float = -2.0,
    judge: JudgeProfile | None = None,
    seed: int = 0,
) -> SimulatedAnswers:
    """Requests of the simulated world, n of them, each answered by a model that was drawn, all scored by
    a simulated judge with the errors of a profile.

    A person who was asked scores a random share `asked` of them, in truth. Of the users, a share of about
    `volunteered` scores by itself, and the log odds of that rise by `log_odds` from quality 0 to 1: below 0,
    those speak who are not content. All is a function of the arguments.
    """
    world, rng = SimulatedWorld(seed=seed), np.random.default_rng([17, seed])
    requests, outcomes = world.requests(n), world.outcomes(n)
    names = tuple(model.id for model in world.models)
    model = rng.integers(0, len(names), n)
    quality = outcomes.quality[np.arange(n), model]
    scorer = SimulatedJudge(SimulatedChat(world), judge)
    score = np.array([
        scorer.seen(JUDGE, written_answer(names[a], f"request {i}", q))
        for i, (a, q) in enumerate(zip(model.tolist(), quality.tolist(), strict=True))
    ])  # fmt: skip
    had_to = rng.random(n) < asked
    odds = volunteered / max(1.0 - volunteered, 1e-9) * np.exp(log_odds * (quality - quality.mean()))
    speaks = rng.random(n) < odds / (1.0 + odds)
    heard = Heard(
        models=names,
        classes=world.classes,
        model=model,
        cls=requests.request_class,
        unit=np.arange(n),
        people=np.where(had_to | speaks, quality, np.nan),
        asked=np.where(had_to, quality, np.nan),
        volunteered=np.where(speaks, quality, np.nan),
        probability=np.ones(n),
        sampled=np.ones(n, np.bool_),
        audited=np.ones(n, np.bool_),
        judges={JUDGE: (np.arange(n), score)},
        own=frozenset({JUDGE}),
        asked_judges=frozenset(),
        failed=0,
        first_at=0.0,
        last_at=float(n),
    )
    truth = {name: float(quality[model == a].mean()) for a, name in enumerate(names)}
    return SimulatedAnswers(heard, truth)
