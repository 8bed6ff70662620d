"""The prompts of a log, read apart from everything else, since they are long."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from banditroute.offline.logs.cells import text
from banditroute.offline.logs.queries import Ints
from banditroute.offline.logs.source import ROW, LogFile


def prompts_of(file: LogFile, found: Mapping[str, str], rows: Ints) -> list[str]:
    """The prompts of `rows` of the file (from 1), in their order; empty where there is none.

    The file is read in batches of what duckdb hands over, and only what is wanted is kept.
    """
    place = np.full(int(rows.max(initial=0)) + 1, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    prompts = [""] * len(rows)
    query = f"SELECT CAST({ROW} AS BIGINT), {text(found['prompt'], file.columns)} FROM file"
    cursor = file.connection.execute(query)
    while batch := cursor.fetchmany(2_048):
        for row, prompt in batch:
            if row < len(place) and place[row] >= 0 and prompt is not None:
                prompts[place[row]] = prompt
    return prompts
