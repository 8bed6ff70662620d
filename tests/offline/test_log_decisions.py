"""Logs with one row per request: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline import read_log
from tests.offline.decision_rows import MODELS, Row, made, read, write


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv", "log.parquet"])
@pytest.mark.parametrize("reverse", [False, True])
def test_arrays_hold_what_the_rows_say(tmp_path: Path, name: str, reverse: bool) -> None:
    rows = made()
    log = read(write(tmp_path, rows[::-1] if reverse else rows, name), features=["difficulty"])
    assert (log.kind, len(log), log.models, log.classes) == ("logged", 30, MODELS, ("chat", "code"))
    assert list(log.request_ids) == [row["request_id"] for row in rows]
    assert [log.models[a] for a in log.action] == [row["model"] for row in rows]
    assert [log.classes[c] for c in log.class_index] == [row["request_class"] for row in rows]
    for factor in ("quality", "usd", "input_tokens", "propensity"):
        np.testing.assert_array_equal(getattr(log, factor), [row[factor] for row in rows])
    np.testing.assert_array_equal(log.features["difficulty"], [row["difficulty"] for row in rows])
    assert np.isnan(log.seconds).all()
    assert log.eligible is not None
    assert log.pmf is not None
    for i, row in enumerate(rows):
        names = json.loads(row["candidates"])
        assert [model for a, model in enumerate(MODELS) if log.eligible[i, a]] == names
        assert log.pmf[i] == pytest.approx([(model in names) / len(names) for model in MODELS])
    for column in ("unit", "policy", "variant"):
        assert getattr(log, column) == [row[column] for row in rows]
    assert log.prompts == [row["prompt"] for row in rows]
    assert (log.at, log.source, log.notes) == (None, None, ())


def test_decisions_are_in_time_order(tmp_path: Path) -> None:
    rows = [{**row, "at": 1000 - i // 2} for i, row in enumerate(made())]
    log = read(write(tmp_path, rows))
    assert log.at is not None
    assert (np.diff(log.at) >= 0).all()
    expected = sorted(rows, key=lambda row: (row["at"], row["request_id"]))
    assert list(log.request_ids) == [row["request_id"] for row in expected]
    np.testing.assert_array_equal(log.usd, [row["usd"] for row in expected])
    assert log.prompts == [row["prompt"] for row in expected]


def test_times_are_understood_with_and_without_a_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    written = ["2024-07-15 23:33:19", "2024-07-15T23:33:20Z", "2024-07-16T01:33:21+02:00", "1721086402"]
    rows = [{**row, "at": at} for row, at in zip(made(4), written, strict=True)]
    for name in ("log.jsonl", "log.csv"):
        np.testing.assert_array_equal(read(write(tmp_path, rows, name)).at, 1721086399.0 + np.arange(4))


def test_where_keeps_rows_and_all_that_belongs_to_them(tmp_path: Path) -> None:
    path = write(tmp_path, made(), "log.parquet")
    log = read(path, where={"unit": "u1"}, columns={"source": "policy"})
    assert list(log.request_ids) == [f"r{i:03d}" for i in range(1, 30, 4)]
    assert log.prompts == [f"prompt {i}" for i in range(1, 30, 4)]
    assert set(log.source or ()) == {"thompson"}
    assert read(path, prompts=False).prompts is None


@pytest.mark.parametrize("written", ["large, medium,small", "small;large;medium", "large|medium|small"])
def test_candidates_may_be_names_with_separators(tmp_path: Path, written: str) -> None:
    rows = [{**row, "candidates": written, "pmf": None} for row in made()]
    log = read(write(tmp_path, rows))
    assert log.eligible is not None
    assert log.eligible.all()
    assert log.pmf is None


def test_candidates_of_parquet_may_be_a_list(tmp_path: Path) -> None:
    write(tmp_path, made())
    duckdb.sql(
        f"COPY (SELECT * REPLACE (CAST(candidates AS VARCHAR[]) AS candidates, CAST(pmf AS DOUBLE[]) AS pmf) "
        f"FROM '{tmp_path}/log.jsonl') TO '{tmp_path}/log.parquet'"
    )
    np.testing.assert_array_equal(
        read(tmp_path / "log.parquet").eligible, read(tmp_path / "log.jsonl").eligible
    )
    np.testing.assert_array_equal(read(tmp_path / "log.parquet").pmf, read(tmp_path / "log.jsonl").pmf)


def test_models_that_were_never_chosen_are_models_of_the_log(tmp_path: Path) -> None:
    rows = [{**row, "candidates": json.dumps([*MODELS, "x", "y"]), "pmf": None} for row in made()]
    assert read(write(tmp_path, rows)).models == (*MODELS, "x", "y")


def test_one_model_without_propensity_can_be_described(tmp_path: Path) -> None:
    rows = [{"request_id": i, "request_class": "c", "model": "m", "usd": 0.5} for i in range(3)]
    log = read(write(tmp_path, rows))
    assert (log.kind, log.models, log.propensity, log.usd.sum()) == ("observational", ("m",), None, 1.5)
    assert np.isnan(log.quality).all()


def test_a_quality_may_be_true_or_false(tmp_path: Path) -> None:
    rows = [{**row, "quality": i % 2 == 0} for i, row in enumerate(made())]
    for name in ("log.jsonl", "log.csv", "log.parquet"):
        np.testing.assert_array_equal(read(write(tmp_path, rows, name)).quality, [1.0, 0.0] * 15)


def test_columns_of_json_may_begin_after_the_sample(tmp_path: Path) -> None:
    rows: list[Row] = [{"request_id": f"{i:05d}", "request_class": "c", "model": "m"} for i in range(5000)]
    rows[4000] |= {"quality": 0.5, "prompt": "late", "fold": "x"}
    log = read(write(tmp_path, rows))
    assert (log.quality[4000], np.isnan(log.quality).sum()) == (0.5, 4999)
    assert log.prompts is not None
    assert log.prompts[4000] == "late"
    assert log.unit is None
    assert len(read(tmp_path / "log.jsonl", where={"fold": "x"})) == 1
    rows[4500]["at"] = 5.0
    with pytest.raises(LogError, match=r"4,999 rows have no time in at \(the first is row 1: nothing\)"):
        read(write(tmp_path, rows))


def test_progress_is_told_of_what_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditroute.offline.logs.queries.PATIENCE", 0.001)
    told: list[tuple[float, str]] = []
    read(write(tmp_path, made(50) * 1, "log.csv"), progress=lambda done, what: told.append((done, what)))
    assert told[-1] == (1.0, "reading the log")
    assert all(0.0 <= done <= 1.0 for done, _ in told)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("request_id,model,model,request_class\n1,a,b,c\n")
    with pytest.raises(LogError, match="several columns named model"):
        read_log(tmp_path / "log.csv")


def test_a_column_may_be_named_like_anything(tmp_path: Path) -> None:
    rows = [{**row, "row": 1, "fault": 2, "class": 3, "file_row": 4, "i": 5} for row in made()]
    for name in ("log.jsonl", "log.csv", "log.parquet"):
        assert len(read(write(tmp_path, rows, name), features=["row", "fault"])) == 30
