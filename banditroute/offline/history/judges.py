"""Judges in a history: their scores as instruments, and what they turn out to be worth, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.instruments import Instrument, empty_instrument, with_judged, with_pairs

FEW = 20
"""Pairs below which a judge is said to be hardly checked."""


@dataclass(frozen=True, slots=True)
class Scores:
    """m answers that judges scored: places `rows`, `models` and `judge` `(m,)`, what the judge said,
    `values`, and what people said of the same answer, `people`, nan where nobody did."""

    judges: tuple[str, ...]
    rows: Ints
    models: Ints
    judge: Ints
    values: Floats
    people: Floats

    def instruments(
        self,
        x: Floats,
        cls: Ints,
        shape: tuple[int, int, int],
        center: float,
        keep: np.ndarray | None = None,
    ) -> dict[str, Instrument]:
        """The sums of every judge, of the requests that `keep` `(n,)` holds for. `x` `(n, d)` and `cls`
        `(n,)` are those of the requests, `shape` the numbers of models, classes and coordinates."""
        wanted = np.ones(len(self.rows), np.bool_) if keep is None else keep[self.rows]
        paired = ~np.isnan(self.people)
        found = {}
        for place, name in enumerate(self.judges):
            own = empty_instrument(*shape)
            for together in (False, True):
                part = wanted & (self.judge == place) & (paired == together)
                rows, models, values = self.rows[part], self.models[part], self.values[part]
                weights = np.ones(len(rows))
                if together:
                    own = with_pairs(own, models, cls[rows], values, self.people[part], weights, center)
                else:
                    own = with_judged(own, models, cls[rows], x[rows], values, weights, center)
            found[name] = own
        return found


@dataclass(frozen=True, slots=True)
class JudgeFound:
    """One judge of a history: how many answers it scored, how many of those people scored too (`paired`), and
    by model how many nobody else did (`alone`).

    Of these, what it gave models more than people did, in quality: the `least`, the `most`, and the largest
    of their standard errors; None where no model has two pairs.
    """

    name: str
    scores: int
    paired: int
    least: float | None
    most: float | None
    standard_error: float | None
    alone: Mapping[str, int]

    def sentence(self) -> str:
        """What it is worth, and what would make it worth more."""
        scored = "1 answer" if self.scores == 1 else f"{self.scores:,} answers"
        if not self.paired:
            return (
                f"{self.name} has scored {scored}, and people none of them: whether it favours a model "
                "nobody knows, so its scores count for a few outcomes per model, however many they are. "
                + REMEDY
            )
        said = f"{self.name} has scored {scored}, {self.paired:,} of them beside people"
        if self.least is not None and self.most is not None and self.standard_error is not None:
            said += (
                f": it gives models from {_signed(self.least)} to {_signed(self.most)} more quality than "
                f"people do (± {self.standard_error:.3f} at most), which is taken off"
            )
        return f"{said}. Those are few. {REMEDY}" if self.paired < FEW else f"{said}."


REMEDY = (
    "Have people score some dozens of its answers of every model, drawn at random: write their scores as "
    "quality, with user as source, leave the judge's as judge_quality, and fit again."
)


def judges_found(instruments: Mapping[str, Instrument], models: Sequence[str]) -> list[JudgeFound]:
    """What the judges of a history of the `models` are worth."""
    return [_found(name, own, models) for name, own in sorted(instruments.items())]


def _found(name: str, own: Instrument, models: Sequence[str]) -> JudgeFound:
    n, j, y, jj, jy, yy = np.moveaxis(own.pairs.sum(axis=1), 1, 0)
    counts = own.judged.cells[..., 2].sum(axis=1).tolist()
    alone = {model: round(count) for model, count in zip(models, counts, strict=True)}
    paired = round(float(n.sum()))
    scores = sum(alone.values()) + paired
    told = n > 1.0
    if not told.any():
        return JudgeFound(name, scores, paired, None, None, None, alone)
    mean = (j - y)[told] / n[told]
    scatter = np.maximum((jj - 2.0 * jy + yy)[told] - n[told] * mean * mean, 0.0)
    error = np.sqrt(scatter / (n[told] - 1.0) / n[told])
    least, most, largest = float(mean.min()), float(mean.max()), float(error.max())
    return JudgeFound(name, scores, paired, least, most, largest, alone)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.3f}"
