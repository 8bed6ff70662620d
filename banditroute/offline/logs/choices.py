"""What could have been chosen: the columns `candidates` and `pmf` of a log of decisions.

`candidates` is a JSON list of model names, or names with commas, semicolons or bars between them;
`pmf` is a JSON list of probabilities in the order of the candidates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.offline.logs.decisionlog import Bools, Floats, Ints
from banditroute.offline.logs.queries import codes, floats, ints
from banditroute.offline.logs.table import Rows

TOLERANCE = 1e-6
"""By how much the sum of a pmf may miss 1, and a propensity the pmf that it was drawn from."""

BATCH = 65_536
"""Rows whose pmf is laid out at once."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Who could have been chosen: `sets[code[i]]` for row i; None for a cell that is no list of models."""

    code: Ints
    texts: list[str]
    sets: list[tuple[str, ...] | None]

    def readable(self) -> Bools:
        """Which rows have a list of models, `(n,)`."""
        known = np.array([one is not None for one in self.sets] + [False])
        return known[self.code]

    def eligible(self, models: Sequence[str]) -> Bools:
        """`(n, k)`: which of `models` each row could have chosen."""
        table = np.zeros((len(self.sets) + 1, len(models)), dtype=np.bool_)
        index = {model: a for a, model in enumerate(models)}
        for row, one in enumerate(self.sets):
            table[row, [index[model] for model in one or () if model in index]] = True
        return table[self.code]


def read_candidates(rows: Rows) -> Candidates:
    """The column `candidates`; each distinct text is parsed once."""
    code, texts = codes(rows.connection, "candidates", "outcomes")
    return Candidates(code, texts, [_models_in(text) for text in texts])


def _models_in(text: str) -> tuple[str, ...] | None:
    """The models that a cell names; None where it names none, or one twice."""
    if text.startswith("["):
        try:
            names = json.loads(text)
        except ValueError:
            return None
        if not all(isinstance(name, str) for name in names):
            return None
    else:
        names = re.split(r"[,;|]", text)
    names = [name.strip() for name in names]
    if not names or not all(names) or len(set(names)) < len(names):
        return None
    return tuple(names)


def read_pmf(rows: Rows, candidates: Candidates, models: Sequence[str]) -> tuple[Floats, Bools, Bools]:
    """The column `pmf` as `(n, k)`, which rows have one, and which of those are a pmf, both `(n,)`."""
    listed = "TRY_CAST(pmf AS DOUBLE[])"
    there = ints(rows.connection, "CAST(pmf IS NOT NULL AS INTEGER)", "outcomes") == 1
    lengths = ints(rows.connection, f"coalesce(len({listed}), 0)", "outcomes")
    flat = floats(rows.connection, f"unnest({listed})", "outcomes")
    ends = np.cumsum(lengths)
    wanted = np.array([len(one or ()) for one in candidates.sets] + [0])
    right = lengths == wanted[candidates.code]
    pmf = np.zeros((len(there), len(models)))
    columns = _columns(candidates, models)
    for start in range(0, len(there), BATCH):
        part = np.flatnonzero(right[start : start + BATCH]) + start
        size = lengths[part]
        row = np.repeat(part, size)
        place = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
        value = flat[np.repeat(ends[part] - size, size) + place]
        pmf[row, columns[candidates.code[row], place]] = value
    right &= (pmf >= 0).all(axis=1) & (np.abs(pmf.sum(axis=1) - 1) <= TOLERANCE)
    return pmf, there, right & there


def _columns(candidates: Candidates, models: Sequence[str]) -> Ints:
    """The columns of `(n, k)` that a set's candidates stand for, in their order; padded with 0."""
    index = {model: a for a, model in enumerate(models)}
    width = max((len(one or ()) for one in candidates.sets), default=0)
    table = np.zeros((len(candidates.sets) + 1, width), dtype=np.int64)
    for row, one in enumerate(candidates.sets):
        table[row, : len(one or ())] = [index[model] for model in one or ()]
    return table
