"""`check --sample`: a labelled sample in, a confusion report out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from banditroute.commands.check import check
from banditroute.commands.sample import read_sample
from banditroute.config.starter import write_starter
from banditroute.errors import LogError

ROWS = [
    ("Write a Python function that parses dates", "code"),
    ("Translate this letter into German", "translation"),
]


def as_csv(path: Path) -> Path:
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS), encoding="utf-8")
    return path


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    jsonl = tmp_path / "sample.jsonl"
    lines = [json.dumps({"prompt": text, "request_class": label}) for text, label in ROWS]
    jsonl.write_text("\n".join(lines), encoding="utf-8")
    assert read_sample(as_csv(tmp_path / "sample.csv")) == read_sample(jsonl) == ROWS


def test_the_report_counts_what_each_was_taken_for(tmp_path: Path) -> None:
    config = tmp_path / "banditroute.toml"
    write_starter(config)
    sample = as_csv(tmp_path / "sample.csv")
    ran = CliRunner().invoke(check, ["--config", str(config), "--sample", str(sample), "--json"])
    assert ran.exit_code == 0, ran.output
    confusion = json.loads(ran.stdout)["confusion"]
    assert confusion["n"] == 2
    assert confusion["matrix"]["code"] == {"code": 1}
    assert confusion["accuracy"] == 1.0
    shown = CliRunner().invoke(check, ["--config", str(config), "--sample", str(sample)])
    assert "min_confidence" in shown.output


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "", "is empty"),
        ("a.csv", "text,kind\nhello,chat\n", "has no label"),
        ("a.jsonl", '{"text": "hello", "label": "chat"}\n[1]\n', "line 2"),
        ("a.jsonl", '{"text": 3, "label": "chat"}\n', "has no text"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_a_broken_sample_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(LogError, match=says):
        read_sample(path)
