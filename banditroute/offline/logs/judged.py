"""What of a log's quality is a judge's word: its scores, whose they are, and where people spoke too.

The column `source` says who scored a row: a row of `judge` is a judge's. `judge_quality` holds what a judge
said beside a person, whose score is the `quality` then; `judge` is its name (model and rubric), so that
several judges are told apart.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from banditroute.offline.logs.queries import codes, column, floats
from banditroute.offline.logs.table import Rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NAMELESS = "judge"
"""What a judge is called that the log does not name."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Judges' scores of the answers of a log; arrays in the shape of its quality.

    `judge` is the position of the judge in `judges`, −1 where none scored; `score` what it said, in [0, 1],
    nan there; `alone` where nobody else did, so that the log's quality is that very score, or nan.
    """

    judges: tuple[str, ...]
    judge: Ints
    score: Floats
    alone: Bools

    def of(self, rows: Ints) -> Judged:
        """The same of some requests."""
        return replace(self, judge=self.judge[rows], score=self.score[rows], alone=self.alone[rows])

    def people(self, quality: Floats) -> Floats:
        """The quality without what judges alone have said."""
        direct: Floats = np.where(self.alone, np.nan, quality)
        return direct


def judged_rows(rows: Rows, relation: str = "outcomes") -> Judged | None:
    """Of every row of a relation, in its order; None where no judge has scored any."""
    said = _said(rows.found)
    if said is None:
        return None
    score = floats(rows.connection, said, relation)
    if np.isnan(score).all():
        return None
    unsaid = "quality IS NULL" if "quality" in rows.found else "true"
    by_judge = f"lower(source) = 'judge' OR {unsaid}" if "source" in rows.found else unsaid
    alone = np.ma.filled(
        np.ma.asarray(column(rows.connection, f"coalesce({by_judge}, false)", relation)), False
    )
    told = ~np.isnan(score)
    place, judges = np.zeros(len(score), np.int64), [NAMELESS]
    if "judge" in rows.found:
        place, judges = codes(rows.connection, f"coalesce(judge, '{NAMELESS}')", relation)
    used, numbers = np.unique(place[told], return_inverse=True)
    place = np.full(len(score), -1, np.int64)
    place[told] = numbers
    return Judged(tuple(judges[i] for i in used.tolist()), place, score, np.asarray(alone, np.bool_) & told)


def _said(found: Container[str]) -> str | None:
    """A judge's score of a row, as SQL; None where the log has no place for one."""
    alone = "CASE WHEN lower(source) = 'judge' THEN quality END"
    parts = ["judge_quality"] if "judge_quality" in found else []
    parts += [alone] if "source" in found and "quality" in found else []
    return f"coalesce({', '.join(parts)}, NULL)" if parts else None
