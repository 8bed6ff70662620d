"""Reading logs: the same arrays from every format, and a sentence for each log that cannot be used."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from banditroute.errors import LogError
from banditroute.offline.logs.reading import read_log
from banditroute.offline.simulation.run import simulate

Row = dict[str, object]
WriteLog = Callable[..., Path]


def test_arrays_hold_what_the_rows_say(rows: list[Row], write: WriteLog) -> None:
    log = read_log(write(rows))
    assert log.kind == "full_information"
    assert log.models == ("large", "medium", "small")
    assert log.classes == ("chat", "code")
    assert len(log) == 60
    for row in rows:
        i, a = list(log.request_ids).index(row["request_id"]), log.models.index(str(row["model"]))
        assert log.quality[i, a] == row["quality"]
        assert log.usd[i, a] == row["usd"]
        assert log.classes[log.class_index[i]] == row["request_class"]
    assert np.isnan(log.seconds).all()
    assert np.isnan(log.input_tokens).all()
    assert (log.at, log.prompts, log.unit) == (None, None, None)


def test_row_order_does_not_matter(rows: list[Row], write: WriteLog) -> None:
    rows = [{**row, "prompt": f"this is {row['request_id']}"} for row in rows]
    log, shuffled = read_log(write(rows)), read_log(write(rows[::-1], "reversed.csv"))
    assert shuffled.prompts == [f"this is {request}" for request in log.request_ids]
    np.testing.assert_array_equal(log.quality, shuffled.quality)
    np.testing.assert_array_equal(log.request_ids, shuffled.request_ids)


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv.gz", "log.jsonl.gz", "log.json", "log.parquet"])
def test_every_format_reads_alike(name: str, rows: list[Row], write: WriteLog, tmp_path: Path) -> None:
    prompts = ['plain, with "quotes"', "two\nlines; и юникод", ""]
    rows = [
        {
            **row,
            "prompt": prompts[i // 3 % 3],
            "at": f"2025-01-01T00:{i // 3:02d}:00Z",
            "input_tokens": i // 3 + 1,
        }
        for i, row in enumerate(rows)
    ]
    expected = read_log(write(rows))
    assert expected.prompts is not None
    assert expected.prompts[:3] == prompts
    assert expected.at is not None
    assert np.diff(expected.at).tolist() == [60.0] * 59
    assert expected.at[0] == 1735689600.0
    path = tmp_path / name
    if ".jsonl" in name:
        text = "\n".join(json.dumps(row) for row in rows)
    elif name == "log.json":
        text = json.dumps(rows)
    else:
        text = (tmp_path / "log.csv").read_text()
    if name.endswith(".gz"):
        with gzip.open(path, "wt") as file:
            file.write(text)
    elif name == "log.parquet":
        connection = duckdb.connect()
        connection.read_csv(str(tmp_path / "log.csv"), quotechar='"', escapechar='"').write_parquet(str(path))
    else:
        path.write_text(text)
    log = read_log(path)
    assert log.prompts == expected.prompts
    assert log.models == expected.models
    for one in ("quality", "usd", "seconds", "input_tokens", "at", "class_index", "request_ids"):
        np.testing.assert_array_equal(getattr(log, one), getattr(expected, one), err_msg=one)


def test_columns_and_where(rows: list[Row], write: WriteLog) -> None:
    names = {"request_id": "prompt id", "request_class": "kind", "usd": 'cost "usd"'}
    renamed: list[Row] = [
        {
            **{names.get(column, column): value for column, value in row.items()},
            "split": "test" if i // 3 < 20 else "val",
            "fold": 1,
        }
        for i, row in enumerate(rows)
    ]
    path = write(renamed)
    assert len(read_log(path, columns=names)) == 60
    log = read_log(path, columns=names, where={"split": "test", "fold": "1"})
    assert len(log) == 20
    assert log.usd[0, log.models.index("small")] == rows[0]["usd"]
    assert len(read_log(path, columns=names, where={"request_class": "code"})) == 30


def test_values_and_names_are_never_sql(rows: list[Row], write: WriteLog) -> None:
    path = write([{**row, 'a"; DROP TABLE x; --': "b"} for row in rows])
    evil = "b' OR '1'='1"
    with pytest.raises(LogError, match="No row of the log has"):
        read_log(path, where={'a"; DROP TABLE x; --': evil})
    assert len(read_log(path, where={'a"; DROP TABLE x; --': "b"})) == 60


@pytest.mark.parametrize("separator", ";\t|")
def test_other_separators_are_understood(separator: str, rows: list[Row], tmp_path: Path) -> None:
    lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    assert len(read_log(tmp_path / "log.csv")) == 60


def test_requests_are_in_time_order(rows: list[Row], write: WriteLog) -> None:
    timed = [{**row, "at": 1000.0 - i // 3} for i, row in enumerate(rows)]
    log = read_log(write(timed))
    assert log.at is not None
    assert list(log.request_ids) == sorted(log.request_ids, reverse=True)
    assert (np.diff(log.at) > 0).all()


def test_features_are_read_when_named(rows: list[Row], write: WriteLog) -> None:
    log = read_log(
        write([{**row, "difficulty": i // 3} for i, row in enumerate(rows)]), features=["difficulty"]
    )
    np.testing.assert_array_equal(log.features["difficulty"], np.arange(60.0))


def test_absent_outcomes_are_nan_and_a_missing_class_is_other(rows: list[Row], write: WriteLog) -> None:
    rows[4]["usd"] = ""
    for row in rows[:3]:
        row["request_class"] = ""
    log = read_log(write(rows))
    assert np.isnan(log.usd).sum() == 1
    assert log.classes[log.class_index[0]] == "other"


Mutation = Callable[[list[Row]], object]


def only_first(rows: list[Row], **extra: object) -> list[Row]:
    return [{**row, **extra} for i, row in enumerate(rows) if i % 3 == i // 3 % 3]


def changed(row: int, **values: object) -> Mutation:
    return lambda rows: [{**r, **values} if i == row else r for i, r in enumerate(rows)]


def without(column: str) -> Mutation:
    return lambda rows: [{k: v for k, v in row.items() if k != column} for row in rows]


BAD_ROWS: dict[str, tuple[Mutation, str]] = {
    "no quality column": (
        without("quality"),
        r"no column quality; it has request_id, .*--columns quality=COLUMN",
    ),
    "no model column": (without("model"), "no column model"),
    "quality above 1": (
        changed(7, quality=1.5),
        r"1 row has no number from 0 to 1 in quality \(the first is row 8: 1.5\); scale scores",
    ),
    "quality below 0": (lambda r: [{**x, "quality": -0.1} for x in r], "180 rows .* in quality"),
    "quality is text": (changed(3, quality="good"), "row 4: good"),
    "quality is nan": (changed(3, quality="nan"), "row 4: nan"),
    "quality is infinite": (changed(3, quality="inf"), "row 4: inf"),
    "decimal comma": (changed(3, quality="1,0"), r"row 4: 1,0\); that is a comma: write 1\.0"),
    "negative usd": (changed(0, usd=-0.01), "no number from 0 to 1,000,000,000 in usd"),
    "negative seconds": (lambda r: [{**x, "seconds": -1} for x in r], "1,000,000,000 in seconds"),
    "usd beyond measure": (changed(1, usd=1e300), r"row 2: 1e\+300"),
    "seconds beyond measure": (lambda r: [{**x, "seconds": 1e10} for x in r], "180 rows .* in seconds"),
    "answer beyond measure": (
        lambda r: [{**x, "output_tokens": 1e10} for x in r],
        "in output_tokens",
    ),
    "prompt beyond measure": (
        lambda r: [{**x, "input_tokens": 1e300} for x in r],
        "in input_tokens",
    ),
    "duplicate rows": (lambda r: [*r, r[0]], r"1 pair .*request r00000, model small, 2 rows"),
    "partly full": (lambda r: r[:-1], "1 of 60 requests lacks a row for some of the 3 models"),
    "observational": (only_first, "no propensity"),
    "logged": (lambda r: only_first(r, propensity=0.3), "[Oo]ff-policy evaluation"),
    "partly logged": (
        lambda r: [{**x, "propensity": 0.5 if i else ""} for i, x in enumerate(only_first(r))],
        "1 of 60 decisions has no propensity",
    ),
    "propensity 0": (lambda r: only_first(r, propensity=0), "probability above 0"),
    "one model": (lambda r: [x for x in r if x["model"] == "small"], "one model only, small"),
    "too many models": (
        lambda r: [{**r[0], "model": f"m{i}"} for i in range(65)],
        "65 models, more than 64",
    ),
    "no request id": (changed(2, request_id=" "), "no request_id .*row 3"),
    "no model": (changed(2, model=""), "no model .*row 3"),
    "long class": (lambda r: [{**x, "request_class": "x" * 201} for x in r], "over 200 characters"),
    "torn class": (changed(0, request_class="code"), "1 request has rows of different classes"),
    "bad time": (lambda r: [{**x, "at": "yesterday"} for x in r], "no time .*yesterday"),
    "gap in time": (lambda r: [{**x, "at": "" if i == 5 else 5} for i, x in enumerate(r)], "row 6: nothing"),
    "time that is nan": (
        lambda r: [{**x, "at": "nan" if i == 5 else 5} for i, x in enumerate(r)],
        "row 6: nan",
    ),
    "time that is infinite": (lambda r: [{**x, "at": "-inf"} for x in r], "180 rows have .*no time .*-inf"),
    "time without end": (lambda r: [{**x, "at": "infinity"} for x in r], "180 rows have .*no time"),
    "time in milliseconds": (
        lambda r: [{**x, "at": 1.7e12} for x in r],
        "no time in at .*row 1: 1700000000000.0.*looks like milliseconds: divide by 1,000.*seconds since",
    ),
    "no quality at all": (lambda r: [{**x, "quality": ""} for x in r], "The weights price quality, but"),
    "usd with a gap": (changed(9, usd=""), "The weights price usd, but 1 row has none"),
    "quality with a gap": (changed(9, quality=""), "The weights price quality, but 1 row has none"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_log_that_cannot_be_used_is_refused_with_the_reason(
    case: str, rows: list[Row], write: WriteLog
) -> None:
    mutate, sentence = BAD_ROWS[case]
    path = write(list(mutate(rows)))  # type: ignore[call-overload]
    with pytest.raises(LogError, match=sentence) as refusal:
        simulate(path, ["fixed:small"], seeds=1)
    assert "\n" not in str(refusal.value)


BAD_FILES: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("log.csv", None, "There is no log at"),
    "unknown extension": ("log.xlsx", b"PK", r"a log is \.csv, \.jsonl or \.parquet"),
    "no extension": ("log", b"x", "extension"),
    "empty": ("log.csv", b"", "is empty"),
    "header only": ("log.csv", b"request_id,request_class,model,quality\n", "no rows"),
    "not parquet": ("log.parquet", b"a,b\n1,2\n", "content looks like csv"),
    "broken parquet": ("log.parquet", b"PAR1 and no more", "cannot be read"),
    "broken jsonl": ("log.jsonl", b'{"request_id": "a", \n{{', "cannot be read"),
    "not utf-8": ("log.csv", b"request_id,request_class,model,quality\na,\xff\xfe,m,0\n", "cannot be read"),
    "torn csv": ("log.csv", b'request_id,request_class,model,quality\na,b,c,"0.5\n', "cannot be read"),
    "no gzip": ("log.csv.gz", b"a,b\n", "cannot be read .*check the file, or export it again"),
    "torn gzip": ("log.csv.gz", gzip.compress(b"a,b\n" * 99)[:-20], "cannot be read .*export it again"),
    "torn gzip of lines": ("log.jsonl.gz", gzip.compress(b"{}\n" * 99)[:-20], "cannot be read .*export"),
    "blank lines": ("log.csv", b"\n\n\n", "first line of .* is blank.*must name the columns"),
    "a blank line first": ("log.csv", b"\nrequest_id,model,quality\na,m,1\n", "first line of .* is blank"),
    "other columns": ("log.csv", b"a,b\n1,2\n", "it has a, b"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_is_no_log_is_refused(case: str, tmp_path: Path) -> None:
    name, content, sentence = BAD_FILES[case]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LogError, match=sentence) as refusal:
        read_log(tmp_path / name)
    assert "\n" not in str(refusal.value)


BAD_OPTIONS: dict[str, tuple[dict[str, object], str]] = {
    "unknown schema name": ({"columns": {"qualty": "usd"}}, "Did you mean 'quality'"),
    "turned around": ({"columns": {"split": "quality"}}, "Write it as quality=split"),
    "unknown column": ({"columns": {"usd": "usdd"}}, "no column 'usdd'.*Did you mean 'usd'"),
    "unknown where": ({"where": {"fold": "1"}}, "no such column"),
    "fruitless where": ({"where": {"model": "tiny"}}, "model has large, medium, small"),
    "unknown feature": ({"features": ["hardness"]}, "no such column"),
    "feature beyond measure": ({"features": ["far"]}, r"180 rows have no number in far .*1e\+30"),
    "feature that is text": ({"features": ["model"]}, "180 rows have no number in model"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_names_that_the_log_lacks_are_refused(case: str, rows: list[Row], write: WriteLog) -> None:
    options, sentence = BAD_OPTIONS[case]
    path = write([{**row, "split": "test", "far": 1e30} for row in rows])
    with pytest.raises(LogError, match=sentence):
        read_log(path, **options)  # type: ignore[arg-type]
