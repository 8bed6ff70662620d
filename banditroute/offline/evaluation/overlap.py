"""Overlap: how much a log knows of what a policy would have done, per model and class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.offline.logs.decisionlog import DecisionLog


@dataclass(frozen=True, slots=True)
class Cell:
    """One model in one class: what the target wants of it, and what the log has.

    `wanted` is the number of rows that the target would have given it, `chosen` the number that the
    log gave it, `ess` what those rows are worth after weighting; `smallest` the smallest propensity.
    """

    model: str
    request_class: str
    wanted: float
    chosen: int
    ess: float
    smallest: float | None

    @property
    def worth(self) -> float:
        """Effective rows per row wanted; the cell with the least is where the estimate is weakest."""
        return self.ess / self.wanted if self.wanted > 0 else np.inf

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "request_class": self.request_class,
            "wanted": self.wanted,
            "chosen": self.chosen,
            "ess": self.ess,
            "min_propensity": self.smallest,
        }


def cells(log: DecisionLog, target: Floats, propensity: Floats, rows: Ints) -> list[Cell]:
    """Every cell of which the target wants something; `target` `(m, k)` and `propensity` `(m,)` of `rows`."""
    k, c = len(log.models), len(log.classes)
    classes, action = log.class_index[rows], log.action[rows]
    wanted = np.zeros((c, k))
    np.add.at(wanted, classes, target)
    place = classes * k + action
    weight = target[np.arange(len(rows)), action] / propensity
    chosen = np.bincount(place, minlength=c * k)
    total = np.bincount(place, weight, minlength=c * k)
    squares = np.bincount(place, weight**2, minlength=c * k)
    ess = np.divide(total**2, squares, out=np.zeros(c * k), where=squares > 0)
    smallest = np.full(c * k, np.inf)
    np.minimum.at(smallest, place, propensity)
    return [
        Cell(
            model,
            name,
            float(wanted[g, a]),
            int(chosen[at]),
            float(ess[at]),
            float(smallest[at]) if chosen[at] else None,
        )
        for g, name in enumerate(log.classes)
        for a, model in enumerate(log.models)
        if wanted[g, a] > 0.0
        for at in (g * k + a,)
    ]


def weakest(found: Sequence[Cell], rows: int) -> Cell | None:
    """The cell of the thinnest overlap, of those that the target wants on over a hundredth of the rows."""
    wanted = [cell for cell in found if cell.wanted > 0.01 * rows]
    return min(wanted, key=lambda cell: cell.worth, default=None)


def untaken(found: Sequence[Cell], rows: int) -> tuple[float, list[str]]:
    """The share of what the target wants in cells that the log never chose, and which they are."""
    never = [cell for cell in found if not cell.chosen]
    return sum(cell.wanted for cell in never) / rows, [f"{c.model} for {c.request_class}" for c in never]
