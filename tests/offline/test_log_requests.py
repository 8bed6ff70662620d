"""What all rows of one request share: class, unit, features; and logs that tell no class."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline import evaluate, fit, simulate
from banditroute.offline.logs.reading import Log, read_log
from banditroute.types import OTHER

from .conftest import Row, WriteLog
from .decisions import fixed_log
from .test_evaluate_refusals import rows_of

FREE = {"usd": 0.0}


def shared(rows: list[Row], **odd: object) -> list[Row]:
    """The rows with what their requests share; the second row of request r00002 has the `odd` cells."""
    own = [
        {**row, "unit": f"u{int(str(row['request_id'])[1:]) % 7}", "difficulty": i // 3 / 60, "length": 0.5}
        for i, row in enumerate(rows)
    ]
    own[7] |= odd
    return own


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        ({"difficulty": 0.9}, "rows with different values of difficulty .*r00002.*known before the answer"),
        ({"length": 0.6}, "rows with different values of length .*request r00002"),
        ({"unit": "u9"}, "rows with different values of unit .*request r00002.*one unit"),
        ({"request_class": "poems"}, "rows of different classes .*request r00002"),
    ],
)  # fmt: skip
def test_rows_that_disagree_on_their_request_are_refused(
    odd: Row, sentence: str, rows: list[Row], write: WriteLog
) -> None:
    path = write(shared(rows, **odd))
    features = ("difficulty", "length")
    with pytest.raises(LogError, match=f"1 request has {sentence}"):
        read_log(path, features=features)
    left = read_log(path, features=features, skip_bad=True)
    assert isinstance(left, Log)
    assert "r00002" not in set(left.request_ids)
    assert len(left) == 59
    assert len(left.notes) == 1
    assert left.notes[0].startswith("Left out with all rows of their requests: 1 request has rows")


def test_what_they_share_is_the_request_s(rows: list[Row], write: WriteLog) -> None:
    told = shared(rows, unit="")  # a cell that says nothing contradicts nothing
    log = read_log(write(told), features=("difficulty", "length"))
    assert isinstance(log, Log)
    np.testing.assert_allclose(log.features["difficulty"], np.arange(60) / 60)
    assert log.unit == [f"u{i % 7}" for i in range(60)]
    assert log.notes == ()


def test_tokens_that_differ_by_tokenizer_are_noted_and_the_largest_counts(
    rows: list[Row], write: WriteLog
) -> None:
    log = read_log(write([{**row, "input_tokens": 100 + (i == 7)} for i, row in enumerate(rows)]))
    assert isinstance(log, Log)
    assert log.notes == ("1 request has input_tokens that differ by model: the largest counts.",)
    assert log.input_tokens.tolist() == [100.0, 100.0, 101.0, *[100.0] * 57]


NO_CLASS = "The log has no column request_class: every request counts as other."


def classless(rows: list[Row]) -> list[Row]:
    return [{name: cell for name, cell in row.items() if name != "request_class"} for row in rows]


def test_a_log_without_classes_is_one_of_others_and_says_so(rows: list[Row], write: WriteLog) -> None:
    path = write(classless(rows))
    found = simulate(path, ["fixed:small"], weights=FREE, seeds=1)
    assert found.to_dict()["log"]["classes"] == 1
    assert found.notes[0].startswith(NO_CLASS)
    assert "--columns request_class=COLUMN" in found.notes[0]
    assert read_log(path).classes == (OTHER,)
    assert fit(path).source
    decided = write(classless(rows_of(fixed_log(800, 0))), "decisions.csv")
    judged = evaluate(decided, ["random"], weights=FREE)
    assert judged.policies[-1].refused is None
    assert judged.notes[0].startswith(NO_CLASS)


@pytest.mark.parametrize("slip", ["request_clas", "Request Class", "requestclass", "REQUEST_CLASS "])
def test_a_slip_in_its_name_is_refused(slip: str, rows: list[Row], write: WriteLog) -> None:
    path = write(
        [{slip: row["request_class"], **bare} for row, bare in zip(rows, classless(rows), strict=True)]
    )
    with pytest.raises(LogError, match=f"but '{slip}': if that is meant, say --columns request_class={slip}"):
        read_log(path)
    assert read_log(path, columns={"request_class": slip}).classes == ("chat", "code")
    with pytest.raises(LogError, match=r"no column 'request_class'.*Did you mean"):
        read_log(path, columns={"request_class": "request_class"})


@pytest.mark.parametrize(("later", "notes"), [({"request_class": "code"}, 0), ({}, 1)])
def test_classes_that_begin_after_the_sample_of_json(
    later: Row, notes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("banditroute.offline.logs.source.SAMPLE", 2)
    row: Callable[[int], Row] = lambda i: {"request_id": f"r{i}", "model": "m", "quality": 1}  # noqa: E731
    lines = [json.dumps({**row(i), **(later if i > 2 else {})}) for i in range(5)]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    log = read_log(tmp_path / "log.jsonl")
    assert log.classes == (("code", OTHER) if later else (OTHER,))
    assert len(log.notes) == notes
