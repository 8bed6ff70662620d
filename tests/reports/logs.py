"""Small logs of one answer per request, made by hand or drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditroute.config.settings import RequestClass, Settings
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.types import Model

DAY = 86_400.0

SMALL = Model("small", usd_per_input_token=1e-6, usd_per_output_token=4e-6, prior_quality=0.8)
LARGE = Model("large", usd_per_input_token=1e-5, usd_per_output_token=4e-5, prior_quality=0.9)
SETTINGS = Settings(models=(SMALL, LARGE), classes=(RequestClass("code"), RequestClass("chat")))

Answer = tuple[str, str, float, float, float]
"""Class, model, tokens in, tokens out, quality."""


def by_hand(answers: Sequence[Answer], at: Sequence[float] | None = None, **more: object) -> DecisionLog:
    """A log of these answers, without USD: they follow from tokens and prices."""
    models, classes = ("large", "small"), ("chat", "code")
    columns = list(zip(*answers, strict=True))
    n = len(answers)
    given: dict[str, object] = {
        "kind": "observational",
        "request_ids": np.array([f"r{i}" for i in range(n)]),
        "models": models,
        "classes": classes,
        "class_index": np.array([classes.index(name) for name in columns[0]], np.int64),
        "action": np.array([models.index(name) for name in columns[1]], np.int64),
        "quality": np.array(columns[4], float),
        "usd": np.full(n, np.nan),
        "seconds": np.full(n, np.nan),
        "output_tokens": np.array(columns[3], float),
        "input_tokens": np.array(columns[2], float),
        "at": None if at is None else np.array(at, float),
    }
    return DecisionLog(**{**given, **more})  # type: ignore[arg-type]


TAU = {("code", "small"): 300.0, ("code", "large"): 450.0, ("chat", "small"): 100.0, ("chat", "large"): 150.0}
"""True mean output tokens."""

MEAN = {("code", "small"): 0.7, ("code", "large"): 0.9, ("chat", "small"): 0.8, ("chat", "large"): 0.85}
"""True mean quality."""


def drawn(seed: int, n: int = 1200, days: int = 21, large: float = 0.3) -> DecisionLog:
    """A log whose truth is known: Poisson traffic by day, models by lot, log-normal lengths."""
    rng = np.random.default_rng(seed)
    per_day = rng.poisson(n / days, size=days + 2)
    at = np.concatenate([(20_000 + d + rng.uniform(size=m)) * DAY for d, m in enumerate(per_day)])
    n = len(at)
    names = np.where(rng.uniform(size=n) < 0.4, "code", "chat")
    models = np.where(rng.uniform(size=n) < large, "large", "small")
    tau = np.array([TAU[key] for key in zip(names, models, strict=True)])
    mean = np.array([MEAN[key] for key in zip(names, models, strict=True)])
    sigma = 0.6
    written = tau * rng.lognormal(-(sigma**2) / 2, sigma, size=n)
    quality = np.clip(mean + rng.uniform(-0.1, 0.1, size=n), 0, 1)
    read = rng.lognormal(6, 0.3, size=n)
    rows = list(zip(names.tolist(), models.tolist(), read, written, quality, strict=True))
    return by_hand(rows, np.sort(at).tolist())
