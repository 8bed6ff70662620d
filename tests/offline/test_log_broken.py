"""Broken logs: counted, shown, refused; left out where that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline import Log, read_log
from tests.offline.decision_rows import MODELS, Row, made, read, write

Mutation = Callable[[list[Row]], list[Row]]


def changed(row: int, **values: Any) -> Mutation:
    return lambda rows: [{**r, **values} if i == row else r for i, r in enumerate(rows)]


def every(**values: Any) -> Mutation:
    return lambda rows: [{**r, **values} for r in rows]


BAD: dict[str, tuple[Mutation, str]] = {
    "candidates without the model": (
        changed(4, candidates='["large", "medium"]', model="small"),
        r"1 row has a model that is not among its candidates \(the first is row 5\)",
    ),
    "candidates that are no list": (
        changed(2, candidates='["large", '),
        r"no list of models in candidates \(the first is row 3",
    ),
    "candidates with numbers": (changed(2, candidates="[1, 2]"), "no list of models"),
    "candidates that repeat": (changed(2, candidates="small,small"), "no list of models"),
    "candidates missing in a row": (changed(9, candidates=None), r"row 10"),
    "candidates beyond measure": (
        every(candidates=json.dumps([*MODELS, *(f"m{i}" for i in range(70))]), pmf=None),
        "73 models, more than 64",
    ),
    "pmf of another length": (changed(1, pmf="[0.5, 0.5]"), "no list of probabilities, one per candidate"),
    "pmf that is no list": (changed(1, pmf="much"), "no list of probabilities"),
    "pmf beyond 1": (changed(1, pmf="[0.3333333, 0.9, 0.9]"), "sum to 1"),
    "pmf below 0": (changed(0, pmf="[1.5, -0.5]"), "must not be negative"),
    "propensity of another pmf": (
        changed(3, propensity=0.9),
        r"1 row has a propensity that is not the probability its pmf gives the model \(the first is row 4\)",
    ),
    "propensity above 1": (changed(3, propensity=1.01), "no probability above 0 and up to 1"),
    "propensity in some rows only": (
        changed(3, propensity=None, pmf=None),
        "1 of 30 decisions has no propensity",
    ),
    "kinds that do not explain it": (
        lambda rows: changed(0, propensity=None, pmf=None)(every(kind="drawn")(rows)),
        "1 of 30 decisions has no propensity",
    ),
    "one request twice": (lambda rows: [*rows, rows[0]], "request r000, model medium, 2 rows"),
    "one request with two models": (
        lambda rows: [*rows, {**rows[0], "model": "small"}],
        "30 of 30 requests lack a row for some of the 3 models",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_decisions_that_contradict_themselves_are_refused(case: str, tmp_path: Path) -> None:
    mutate, sentence = BAD[case]
    with pytest.raises(LogError, match=sentence) as refusal:
        read_log(write(tmp_path, mutate(made())))
    assert "\n" not in str(refusal.value)


SKIPPED: dict[str, tuple[Mutation, int, str]] = {
    "candidates": (changed(2, candidates="small,small"), 29, r"1 row has no list of models.*row 3"),
    "pmf": (changed(1, pmf="[0.5, 0.5]"), 29, "no list of probabilities"),
    "quality": (changed(5, quality="good"), 29, r"1 row has no number from 0 to 1 in quality .*row 6: good"),
    "no propensity": (changed(3, propensity=None, pmf=None), 29, "1 of 30 decisions has no propensity"),
    "double": (lambda rows: [*rows, rows[7]], 29, "all rows of their requests.*request r007"),
    "no model": (changed(0, model=" "), 29, r"no model \(the first is row 1\)"),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_broken_decisions_are_left_out_when_that_is_asked_for(case: str, tmp_path: Path) -> None:
    mutate, rows, note = SKIPPED[case]
    path = write(tmp_path, mutate(made()))
    log = read(path, skip_bad=True)
    assert len(log) == rows
    (told,) = log.notes
    assert told.startswith("Left out")
    np.testing.assert_array_equal(log.usd, [made()[int(name[1:])]["usd"] for name in log.request_ids])
    with pytest.raises(LogError):
        read_log(path)
    assert re.search(note, told)


def test_requests_of_full_information_that_are_broken_are_left_out_as_a_whole(
    rows: list[Row], write: Callable[..., Path]
) -> None:
    rows[4]["quality"] = 7
    rows[9]["request_class"] = "elsewhere"
    log = read_log(write([*rows, rows[30]]), skip_bad=True)
    assert isinstance(log, Log)
    assert sorted({f"r{i:05d}" for i in range(60)} - set(log.request_ids)) == [
        "r00001",
        "r00003",
        "r00010",
    ]
    assert not np.isnan(log.quality).any()
    kinds = ("no number", "several rows", "different classes", "1 of 58 requests lacks a row")
    assert len(log.notes) == len(kinds)
    assert all(any(kind in note for note in log.notes) for kind in kinds)


def test_where_nothing_is_right_nothing_is_left_out(rows: list[Row], write: Callable[..., Path]) -> None:
    for row in rows:
        row["quality"] = 7
    with pytest.raises(LogError, match="180 rows have no number from 0 to 1 in quality"):
        read_log(write(rows), skip_bad=True)


def test_lines_that_do_not_parse_are_counted_and_shown(tmp_path: Path) -> None:
    lines = ["request_id,request_class,model,quality", "a,c,m,0.5", "b,c", "d,c,m,0.5,1,2", "e,c,m,0.25"]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(LogError, match=r"2 lines of .* cannot be read \(the first is line 3: .*--skip-bad"):
        read_log(path)
    log = read(path, skip_bad=True)
    assert list(log.request_ids) == ["a", "e"]
    assert "2 lines" in log.notes[0]
    path.write_text("\n".join([*lines, '"f,c,m,0.5', "g,c,m,0.5"]))
    with pytest.raises(LogError, match="a quote that is opened and not closed"):
        read_log(path, skip_bad=True)


def test_lines_that_are_no_json_are_counted_and_shown(tmp_path: Path) -> None:
    good = [json.dumps(row) for row in made()]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([*good[:5], '{"request_id": ', "[1, 2]", *good[5:]]))
    with pytest.raises(LogError, match=r"2 rows have no JSON object .*\(the first is row 6\)"):
        read_log(path)
    assert len(read(path, skip_bad=True)) == 30
