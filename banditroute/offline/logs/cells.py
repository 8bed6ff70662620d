"""The cells of a log as SQL: each column typed, and the checks that a row must pass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from banditroute.offline.logs.files import quoted
from banditroute.offline.logs.source import LogFile
from banditroute.types import OTHER

FACTORS: tuple[Literal["quality", "usd", "seconds", "output_tokens"], ...] = (
    "quality",
    "usd",
    "seconds",
    "output_tokens",
)
"""What a log says about the answer of one model to one request."""

TEXTS = ("request_id", "model", "unit", "policy", "variant", "source", "candidates", "pmf", "kind", "judge")

TYPED = {"at": "decided_at", "request_class": "class"}
"""Columns that the typed relation names otherwise than the log schema does."""

LARGEST = 10**9
"""What no cell needs to exceed; what is computed from several of them stays finite."""

LATEST = 10**11
"""The same for times, in seconds since the epoch: milliseconds are beyond it."""

_AMOUNT = (f"number from 0 to {LARGEST:,}", f"{{0}} BETWEEN 0 AND {LARGEST}")

NUMBERS = {
    "quality": ("number from 0 to 1", "{0} BETWEEN 0 AND 1"),
    "usd": _AMOUNT,
    "seconds": _AMOUNT,
    "output_tokens": _AMOUNT,
    "input_tokens": _AMOUNT,
    "judge_quality": ("number from 0 to 1", "{0} BETWEEN 0 AND 1"),
    "propensity": ("probability above 0 and up to 1", "{0} > 0 AND {0} <= 1"),
}
"""Numeric columns: what each must be, and the same as an SQL condition."""

MAX_CLASS_LENGTH = 200

NO_TIME = "no time"

_BLANK = "leave a cell empty where there is none"


_WITH_COMMA = re.compile(r"[-+]?\d+,\d+")
"""How a number is written where a comma divides the whole from its parts."""

_MILLISECONDS = range(10**11, 10**14)
"""Milliseconds since the epoch, from 1973 to 5138."""


@dataclass(frozen=True, slots=True)
class Check:
    """What is wrong with a row, as SQL over the file; how a refusal says it and what it shows."""

    wrong: str
    what: str
    shown: str
    remedy: str

    def way_out(self, value: str) -> str:
        """The remedy of a cell that fails: a closer one than that of the check, where it shows what it is."""
        if _WITH_COMMA.fullmatch(value):
            return f"that is a comma: write {value.replace(',', '.')}, with a decimal point"
        if self.what.startswith(NO_TIME) and _whole(value) in _MILLISECONDS:
            return "that looks like milliseconds: divide by 1,000, a time is in seconds since the epoch"
        return self.remedy


def _whole(value: str) -> int:
    """A number without what is behind its point; 0 where it is none, or not finite."""
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return 0


def feature_names(features: Sequence[str]) -> list[str]:
    """The relation's columns of the caller's features."""
    return [f"feature_{position}" for position in range(len(features))]


def typed_columns(
    file: LogFile, found: Mapping[str, str], features: Sequence[str], prompts: bool
) -> list[str]:
    """The columns of the typed relation, as SQL; only those that the log has. A time is in seconds since
    the epoch. Prompts are read apart, if not asked for here; one that may never come is typed to see whether
    it does."""
    present = file.columns
    prompt = {"prompt"} if prompts or "prompt" in file.unseen else set()
    typed = {name: text(column, present) for name, column in found.items() if name in {*TEXTS, *prompt}}
    typed |= {name: _number(name, column, present) for name, column in found.items() if name in NUMBERS}
    for name, column in zip(feature_names(features), features, strict=True):
        typed[name] = f"TRY_CAST({quoted(column)} AS DOUBLE)"
    if "at" in found:
        typed["decided_at"] = _time(found["at"], present)
    there = "request_class" in found
    typed["class"] = (
        f"coalesce({text(found['request_class'], present)}, '{OTHER}')" if there else f"'{OTHER}'"
    )
    return [f"{expression} AS {name}" for name, expression in typed.items()]


def row_checks(
    file: LogFile, found: Mapping[str, str], features: Sequence[str], scaled: bool = False
) -> list[Check]:
    """What each row must pass, the most basic first. A `scaled` score that fails was off its scale."""
    present, checks = file.columns, []
    mended = "check the ends of --scale" if scaled else "scale scores to [0, 1], as import does by --scale"
    if file.form == "json":
        cells = ", ".join(quoted(name) for name in (*present, *sorted(file.unseen)))
        what = "no JSON object with columns of the log"
        checks.append(Check(f"coalesce({cells}) IS NULL", what, "''", "mend or remove it"))
    for name in ("request_id", "model"):
        cell = text(found[name], present)
        checks.append(Check(f"{cell} IS NULL", f"no {found[name]}", "''", "every row needs one"))
    if "request_class" in found:
        cell = text(found["request_class"], present)
        checks.append(
            Check(
                f"length({cell}) > {MAX_CLASS_LENGTH}",
                f"a class of over {MAX_CLASS_LENGTH} characters",
                f"{cell}[:40] || '...'",
                "a class is a short name; map the right column with --columns request_class=COLUMN",
            )
        )
    for name, (must, right) in NUMBERS.items():
        if name in found:
            cell, within = text(found[name], present), right.format(_number(name, found[name], present))
            remedy = f"{mended if 'quality' in name else 'mend it'}, and {_BLANK}"
            what = f"no {must} in {found[name]}"
            checks.append(Check(f"NOT coalesce({within}, {cell} IS NULL)", what, cell, remedy))
    if "at" in found:
        cell, unknown = text(found["at"], present), found["at"] in file.unseen
        fine = f"{cell} IS NULL" if unknown else "false"  # whether every row needs one is not known yet
        checks.append(
            Check(
                f"NOT coalesce(abs({_time(found['at'], present)}) <= {LATEST}, {fine})",
                f"{NO_TIME} in {found['at']}",
                f"coalesce({cell}, 'nothing')",
                "write ISO 8601 or seconds since the epoch in every row, or leave the column out",
            )
        )
    checks += [
        Check(
            f"NOT coalesce(abs(TRY_CAST({quoted(name)} AS DOUBLE)) <= {LARGEST}, false)",
            f"no number in {name}",
            f"coalesce({text(name, present)}, 'nothing')",
            f"a feature must be a number of at most {LARGEST:,} in every row",
        )
        for name in features
    ]
    return checks


def text(column: str, present: Mapping[str, str]) -> str:
    """A column as trimmed text, null where it is empty; a list as JSON."""
    name = quoted(column)
    plain = f"to_json({name})" if present.get(column, "").endswith("[]") else name
    return f"nullif(trim(CAST({plain} AS VARCHAR)), '')"


def _number(name: str, column: str, present: Mapping[str, str]) -> str:
    """A column as a number, null where it is none. A quality may be true or false."""
    number = f"TRY_CAST({quoted(column)} AS DOUBLE)"
    if name != "quality":
        return number
    word = f"lower({text(column, present)})"
    return f"coalesce({number}, CASE {word} WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END)"


def _time(column: str, present: Mapping[str, str]) -> str:
    """Seconds since the epoch of a time, a number or a text of either."""
    if present.get(column, "").startswith(("TIMESTAMP", "DATE")):
        return f"CAST(epoch({quoted(column)}) AS DOUBLE)"
    number = f"TRY_CAST({quoted(column)} AS DOUBLE)"
    return f"coalesce({number}, epoch(TRY_CAST({text(column, present)} AS TIMESTAMPTZ)))"
