"""What speakers said, laid out by who said it about what, and how much of it one of them may count for."""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Bools, Floats, Ints

ENOUGH = 20.0
"""Outcomes that one speaker may always count for in a cell: the first to speak of it are heard."""

FEWEST = 3
"""Speakers below which nobody can be told from the others."""

EMPTY = 1e-9
"""Outcomes that are none."""


class Voices:
    """m entries of a speaker and a cell `q` (model row and class), in this order: by entry `(m,)` the
    position `s` of the speaker, the number `n` of outcomes, their mean `y` and sum of `squares`, and the
    position `row` of the speaker and model among the pairs that occur; `row_speaker` says whose each pair is.
    `named` `(speakers,)` is False for nobody.
    """

    def __init__(self, s: Ints, q: Ints, sums: Floats, named: Bools, shape: tuple[int, int]) -> None:
        self.s, self.q, self.named = s, q, named
        self.speakers, self.cells = len(named), shape[0] * shape[1]
        self.n, self.squares = sums[:, 0], sums[:, 2]
        self.y = sums[:, 1] / self.n
        pairs, self.row = runs(s * shape[0] + q // shape[1])
        self.row_speaker = pairs // shape[0]

    def by_speaker(self, values: Floats) -> Floats:
        """Sums over the entries of each speaker."""
        return np.bincount(self.s, values, self.speakers).astype(np.float64)

    def by_cell(self, values: Floats) -> Floats:
        """Sums over the entries of each cell."""
        return np.bincount(self.q, values, self.cells).astype(np.float64)


def runs(ascending: Ints) -> tuple[Ints, Ints]:
    """The distinct values of an ascending array, and the place of each entry's among them."""
    new = np.ones(len(ascending), np.bool_)
    new[1:] = ascending[1:] != ascending[:-1]
    return ascending[new], np.cumsum(new) - 1


def capped(voices: Voices, counts: Floats, max_share: float) -> Floats:
    """The counts `(m,)`, none of a named speaker above `max_share` of what then counts in its cell, or
    `ENOUGH`, which is more; where fewer than three named speakers spoke, as they are."""
    named: Bools = voices.named[voices.s]
    spoke = voices.by_cell(named.astype(np.float64))[voices.q]
    total = voices.by_cell(counts)[voices.q]
    over = (counts > np.maximum(ENOUGH, max_share * total)) & named & (spoke >= FEWEST)
    if not over.any():
        return counts
    kept = counts.copy()
    for cell in np.unique(voices.q[over]).tolist():
        own = np.flatnonzero((voices.q == cell) & named)
        rest = float(counts[(voices.q == cell) & ~named].sum())
        level = _level(np.sort(counts[own]), rest, max_share)
        kept[own] = np.minimum(counts[own], max(ENOUGH, level))
    return kept


def _level(counts: Floats, rest: float, share: float) -> float:
    """The largest L that is at most `share` of `rest` and all `counts`, which ascend, each cut to L; 0 where
    only that is."""
    below = rest + np.concatenate([[0.0], np.cumsum(counts)])
    for cut in range(1, len(counts) + 1):  # how many are cut
        if share * cut >= 1.0:
            break
        level = share * float(below[len(counts) - cut]) / (1.0 - share * cut)
        if cut == len(counts) or level >= counts[len(counts) - cut - 1]:
            return level
    return 0.0
