"""The columns of an experiment that the log schema does not have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from banditroute.core.base import Floats
from banditroute.errors import LogError
from banditroute.offline.logs.files import quoted, some
from banditroute.offline.logs.queries import fetch
from banditroute.offline.logs.source import ROW, LogFile
from banditroute.offline.logs.table import Rows
from banditroute.types import Weights

OWN = ("experiment", "variant_share", "error", "fallback")
"""Columns of experiments that the log schema does not have."""

_MUST = {
    "variant_share": ("a probability in (0, 1]", "{0} > 0 AND {0} <= 1"),
    "error": ("0, 1, true or false", "{0} IN (0, 1)"),
    "fallback": ("0, 1, true or false", "{0} IN (0, 1)"),
}
"""What each must be, and the same as an SQL condition."""


NO_RATES = (
    "The log does not say what a USD or a second is worth, so there is no reward; --config names a "
    "configuration that does."
)


def widen(file: LogFile, rows: Rows, own: Mapping[str, str], weights: Weights | None) -> bool:
    """Makes the relation `widened`: the checked rows, with those of OWN beside them that the file has, by the
    names of its columns, and the reward at these weights. Gives whether the log knows all that it takes."""
    reward = None if weights is None else _reward(weights, rows.found)
    typed = [] if reward is None else [f", {reward} AS reward"]
    for name, column in own.items():
        text = f"nullif(trim(CAST(f.{quoted(column)} AS VARCHAR)), '')"
        if name in _MUST:
            _check_cells(file, name, column)
            text = _number(text)
        typed.append(f", {text} AS {name}")
    joined = f" JOIN {file.view} f ON f.{ROW} = o.row" if own else ""
    rows.connection.execute(
        f"CREATE TEMP TABLE widened AS SELECT o.*{''.join(typed)} FROM outcomes o{joined}"
    )
    return reward is not None


def _reward(weights: Weights, found: Mapping[str, str]) -> str | None:
    """Utility at these rates as SQL, NULL where a part that counts is not known; None where the log has no
    column of a part. It never has the wait for the first token."""
    parts = {"quality": weights.quality, "usd": -weights.usd, "seconds": -weights.second}
    counted = {name: rate for name, rate in parts.items() if rate}
    if not counted or weights.ttft_second or not counted.keys() <= found.keys():
        return None
    return " + ".join(f"CAST({rate!r} AS DOUBLE) * o.{name}" for name, rate in counted.items())


def _check_cells(file: LogFile, name: str, column: str) -> None:
    must, right = _MUST[name]
    text = f"nullif(trim(CAST({quoted(column)} AS VARCHAR)), '')"
    wrong = f"{text} IS NOT NULL AND NOT coalesce({right.format(_number(text))}, false)"
    query = f"SELECT {text} FROM {file.view} WHERE {wrong} ORDER BY {ROW} LIMIT 1"
    for (value,) in fetch(file.connection, query):
        raise LogError(
            f"The column {column} holds '{value[:60]}', which is not {must}; name another with --columns "
            f"{name}=COLUMN, or mend it."
        )


def _number(text: str) -> str:
    """A text as a number, or true and false as 1 and 0; null where it is neither."""
    words = f"CASE lower({text}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END"
    return f"coalesce(TRY_CAST({text} AS DOUBLE), {words})"


def declared_shares(given: Mapping[str, float | str], names: list[str]) -> Floats:
    """Shares that stand in for a column of them, in the order of the variants `(v,)`."""
    strange, missing = sorted(set(given) - set(names)), [name for name in names if name not in given]
    if strange or missing:
        what = f"names {strange[0]}, which no request had" if strange else f"says nothing of {missing[0]}"
        raise LogError(f"--shares {what}; the variants are {some(names)}.")
    try:
        declared = np.array([float(given[name]) for name in names], np.float64)
    except ValueError:
        declared = np.zeros(len(names))
    if not ((declared > 0.0) & (declared <= 1.0)).all() or abs(declared.sum() - 1.0) > 1e-6:
        raise LogError("--shares takes a probability above 0 for each variant, and they sum to 1.")
    return declared
