"""What each rule's bill comes to: on requests whose every answer is known, and on those with one answer.

A book turns any part of the log into figures `(r, c, k, 4)`: for each rule, class, and model that
would have served, the FIGURES below. Leaving out parts gives the intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from banditroute.reports.cells import (
    INPUT,
    METERED,
    OUTPUT,
    QUALITY,
    REQUESTS,
    SCORED,
    SIZED,
    USD,
    WRITTEN,
    Cells,
    Floats,
    Part,
)
from banditroute.reports.levels import levels

FIGURES = ("requests", "metered", "usd", "quality")
"""Requests; those of them whose cost is known, and their USD; and the sum of the qualities of all."""

ACTUAL = "actual"
"""The rule of what was done: the first of every book."""


class Book(Protocol):
    """Figures of every rule; `cells` are the requests as they were served."""

    @property
    def cells(self) -> Cells: ...

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules, what was done first."""
        ...

    def figures(self, held: Part, known: Part) -> Floats:
        """Figures of the requests of `held`, by what the answers in `known` tell: `(r, c, k, 4)`."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """Every answer of every model is in the log: what a rule would have cost is read off.

    `served` holds the cells of each rule's own choices.
    """

    served: Mapping[str, Cells]

    @property
    def cells(self) -> Cells:
        return next(iter(self.served.values()))

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(self.served)

    def figures(self, held: Part, known: Part) -> Floats:
        return np.stack([_own(cells.table(held)) for cells in self.served.values()])


@dataclass(frozen=True, slots=True)
class Predicted:
    """One answer per request is in the log: what another model would have cost is predicted.

    A request served by another model has the same input tokens, and output tokens in the ratio of the
    two models' in its class (`levels`), at today's list price `prices` `(k, 2)` USD per input and output
    token, nan where unknown; then its cost is in the ratio of the two models' USD per answer. Its
    quality is the other model's level in the class. What was done is what was paid. `pmfs` gives the
    probability of every model in every class `(c, k)` under each rule.
    """

    cells: Cells
    prices: Floats
    pmfs: Mapping[str, Floats]

    @property
    def rules(self) -> tuple[str, ...]:
        return (ACTUAL, *self.pmfs)

    def figures(self, held: Part, known: Part) -> Floats:
        table, fit = self.cells.table(held), self.cells.table(known)
        usd, quality = answer_usd(table, fit, self.prices), answer_quality(table, fit)
        paid = _own(table)
        paid[..., 3] = np.einsum("gaa->ga", quality)
        rows = [paid]
        for pmf in self.pmfs.values():
            shared = table[..., [REQUESTS, METERED]].sum(axis=1)[:, None] * pmf[..., None]
            sums = [_mixed(values, pmf) for values in (usd, quality)]
            rows.append(np.concatenate([shared, np.stack(sums, axis=-1)], axis=-1))
        return np.stack(rows)


def answer_usd(table: Floats, fit: Floats, prices: Floats) -> Floats:
    """USD `(c, k, k)` of the metered requests of class g that model a served, had model b served them.

    nan where b has no list price, or the log no output tokens, and b never answered at a known cost.
    """
    metered, paid = table[..., METERED], table[..., USD]
    written = levels(fit[..., OUTPUT], fit[..., WRITTEN])
    own_output = _means(table[..., OUTPUT], table[..., WRITTEN], written)
    own_input = _means(table[..., INPUT], table[..., SIZED], levels(fit[..., INPUT], fit[..., SIZED]))
    output = _as_by(own_output, written)
    usd = prices[:, 0] * own_input[:, :, None] + prices[:, 1] * output
    if not fit[..., WRITTEN].any() or not fit[..., SIZED].any():
        usd = np.full_like(usd, np.nan)
    level = levels(fit[..., USD], fit[..., METERED])
    own_usd = _means(paid, metered, level)
    by_usd = _as_by(own_usd, level)
    by_usd[..., fit[..., METERED].sum(axis=0) == 0] = np.nan
    answers: Floats = metered[:, :, None] * np.where(np.isnan(usd), by_usd, usd)
    return _with_own(answers, paid, metered)


def answer_quality(table: Floats, fit: Floats) -> Floats:
    """Sums of quality `(c, k, k)` of the requests of class g that model a served, had model b served them.

    nan where b was never scored. What a itself did is its mean score, where it has any.
    """
    level = np.minimum(levels(fit[..., QUALITY], fit[..., SCORED]), 1.0)
    level[:, fit[..., SCORED].sum(axis=0) == 0] = np.nan
    requests = table[..., REQUESTS]
    expected = requests[:, :, None] * level[:, None, :]
    own = requests * _means(table[..., QUALITY], table[..., SCORED], level)
    return _with_own(expected, own, requests)


def unanswered(table: Floats) -> list[int]:
    """The models that served no request at all: positions."""
    found: list[int] = np.flatnonzero(table[..., REQUESTS].sum(axis=0) == 0).tolist()
    return found


def _own(table: Floats) -> Floats:
    """Figures `(c, k, 4)` of what is in a table: where not all are scored, their mean stands for the rest."""
    scored = np.where(table[..., SCORED] > 0, table[..., SCORED], np.nan)
    quality = np.where(table[..., REQUESTS] > 0, table[..., QUALITY] / scored * table[..., REQUESTS], 0.0)
    return np.stack([table[..., REQUESTS], table[..., METERED], table[..., USD], quality], axis=-1)


def _means(sums: Floats, counts: Floats, otherwise: Floats) -> Floats:
    """Means of cells, and what is expected of them where they have none."""
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), otherwise)


def _as_by(own: Floats, level: Floats) -> Floats:
    """Means `(c, k)` of the answers that models a gave, as b's answers would have been `(c, k, k)`: in the
    ratio of their levels `(c, k)`; b's level itself where a's is 0."""
    ratio = level[:, None, :] / np.where(level > 0, level, np.inf)[:, :, None]
    return np.where((level > 0)[:, :, None], own[:, :, None] * ratio, level[:, None, :])


def _with_own(answers: Floats, own: Floats, counts: Floats) -> Floats:
    """Answers `(c, k, k)` of models b for a, with what a itself did; 0 where there was no request."""
    own_too = np.where(np.eye(answers.shape[1], dtype=np.bool_), own[:, :, None], answers)
    return np.where((counts > 0)[:, :, None], own_too, 0.0)


def _mixed(answers: Floats, pmf: Floats) -> Floats:
    """Sums `(c, k)` per model b, over who served, at the probability of b; who is never chosen may be nan."""
    total: Floats = np.where(pmf > 0, answers.sum(axis=1) * pmf, 0.0)
    return total
