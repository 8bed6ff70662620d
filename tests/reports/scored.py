"""Answers whose true quality is known, a biased judge on a sample of them, and people who score some."""

from __future__ import annotations

import numpy as np

from banditroute.config.settings import RequestClass, Settings
from banditroute.core.base import Floats
from banditroute.reports.quality_answers import Heard
from banditroute.types import Model

MODELS, CLASSES = ("large", "middle", "small"), ("chat", "code")
JUDGE = "gpt-4o/pointwise-1"
SETTINGS = Settings(
    models=tuple(Model(name) for name in MODELS), classes=tuple(RequestClass(name) for name in CLASSES)
)

CELLS = np.array([[0.6, 0.85], [0.7, 0.75], [0.5, 0.6]])
TRUTH: Floats = CELLS.mean(axis=1)
BIAS = np.array([0.1, 0.0, -0.05])
"""What the judge gives each model too much."""


def scored(
    seed: int, *, gamma: float = -2.5, n: int = 3_000, noise: float = 0.1, users: int = 0, asked: float = 0.0
) -> Heard:
    """A log in which the log odds of a person's score rise by `gamma` from quality 0 to 1.

    Half of the requests are hard, their answers worse, and half as often judged. With `users`, some users'
    answers are better, and users differ in how often they score. `asked` is the chance that an answer of the
    audit is scored by somebody who had to.
    """
    rng = np.random.default_rng([11, seed])
    model, cls, hard = rng.integers(0, 3, n), rng.integers(0, 2, n), rng.integers(0, 2, n)
    unit = rng.integers(0, users, n) if users else np.arange(n)
    luck, eager = (rng.normal(size=users)[unit] if users else np.zeros(n) for _ in range(2))
    level = CELLS[model, cls] + 0.06 * (1 - 2 * hard) + 0.05 * luck
    spread = np.minimum(1.0 - level, level) * 0.9
    quality = level + spread * rng.uniform(-1.0, 1.0, n)
    speaks = rng.random(n) < 1.0 / (1.0 + np.exp(1.0 - gamma * (quality - 0.7) - 0.7 * eager))
    base = 0.2
    probability = np.where(hard == 1, base, 1.0 - (1.0 - base) * 0.75)
    audited = rng.random(n) < base
    sampled = audited | ((hard == 0) & (rng.random(n) < 0.25))
    score = np.clip(0.15 + 0.6 * quality + BIAS[model] + noise * rng.normal(size=n), 0.0, 1.0)
    had_to = audited & (rng.random(n) < asked)
    rows = np.flatnonzero(sampled)
    return Heard(
        MODELS, CLASSES, model, cls, unit,
        np.where(speaks | had_to, quality, np.nan), np.where(had_to, quality, np.nan),
        np.where(speaks, quality, np.nan), probability, sampled, audited,
        {JUDGE: (rows, score[rows])}, frozenset({JUDGE}), frozenset(), 0, 0.0, 1.0,
    )  # fmt: skip
