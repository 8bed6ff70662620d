"""The posterior as rows that people read: per model and class, mean, interval and n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.history import judged
from banditroute.core.state import QUALITY, SECONDS, TOKENS, TTFT, USD, State, scale_at
from banditroute.core.utility import outlook
from banditroute.types import FACTORS, Context, Preferences

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its central 95% interval, and the weight of the outcomes behind it."""

    mean: float
    low: float
    high: float
    n: float


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one model in one class, for a request of typical length.

    Expectations, not single answers: the intervals are of the mean. None where a factor is not
    learned.
    """

    model: str
    request_class: str
    quality: Estimate | None
    usd: Estimate | None
    seconds: Estimate | None
    ttft_seconds: Estimate | None


def counted_history(state: State) -> dict[str, dict[str, float]]:
    """For how many outcomes each model's history is expected to count at present, by factor and model."""
    frame, found = state.frame, {}
    if state.weighed is None:
        sums = state.stats
        scales = [scale_at(state.at, state.references[f], life) for f, life in enumerate(frame.half_lives)]
    else:
        sums, scales = state.weighed.stats, list(state.weighed.scales)
    belief = judged(sums, frame.past, frame.own, frame.trust, frame.priors, scales)
    classes = slice(1, 1 + len(frame.layout.classes))
    for f, past in enumerate(frame.past):
        if belief is not None and past is not None:
            numbers = np.diagonal(past.xx, axis1=1, axis2=2)[:, classes]
            weights = belief.right[f] * (belief.share[f] * numbers).sum(axis=1)
            rows = frame.group if f == QUALITY else np.arange(len(frame.models))
            found[FACTORS[f]] = {m.id: float(weights[row]) for m, row in zip(frame.models, rows, strict=True)}
    return found


def summary(state: State) -> list[Belief]:
    """One row per model and class, in the order of models, then classes."""
    contexts = [Context(request_class=name) for name in state.classes]
    view = outlook(state, contexts, [Preferences()] * len(contexts), lookahead=None, horizon=1.0)
    frame = state.frame

    def estimate(factor: int, a: int, g: int) -> Estimate | None:
        source = TOKENS if factor == USD and not np.isnan(frame.prices[a, 1]) else factor
        sums = state.stats[source]
        if sums is None:
            return None
        row = int(frame.group[a]) if source == QUALITY else a
        mean = float(view.expected[factor, g, a])
        half = _Z95 * float(np.sqrt(view.variances[source, g, row]))
        n = float(sums.cells[row, g, 2])
        if source == QUALITY:
            return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0), n)
        fixed = 0.0  # what the input costs is known
        if source != factor:
            fixed = mean - float(frame.prices[a, 1] * view.expected[TOKENS, g, a])
        spread = float(np.exp(half))
        return Estimate(mean, fixed + (mean - fixed) / spread, fixed + (mean - fixed) * spread, n)

    return [
        Belief(
            model.id,
            name,
            estimate(QUALITY, a, g),
            estimate(USD, a, g),
            estimate(SECONDS, a, g),
            estimate(TTFT, a, g),
        )
        for a, model in enumerate(frame.models)
        for g, name in enumerate(state.classes)
    ]
