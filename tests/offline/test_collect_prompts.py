"""Reading and sampling the prompts of a collection."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from banditroute.errors import LogError
from banditroute.offline.collection.prompts import Prompt, prompts_of_text, read_prompts, sampled
from tests.offline.collecting import prompts_file
from tests.offline.conftest import write_csv


def test_every_format_gives_the_same_prompts(tmp_path: Path) -> None:
    table = prompts_file(tmp_path / "prompts.csv", 30)
    lines = tmp_path / "prompts.jsonl"
    duckdb.sql(f"COPY (FROM read_csv('{table}')) TO '{lines}' (FORMAT json)")
    duckdb.sql(f"COPY (FROM read_csv('{table}')) TO '{tmp_path}/prompts.parquet' (FORMAT parquet)")
    first = read_prompts(table)
    assert read_prompts(lines) == read_prompts(tmp_path / "prompts.parquet") == first
    assert first.total == len(first.sample) == 30
    assert {prompt.request_id for prompt in first.sample} == {f"q{i}" for i in range(30)}
    assert sum(prompt.request_class is None for prompt in first.sample) == 15


def test_plain_text_has_a_prompt_per_line(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("\ufeffWhat is 2 + 2?\n\n  And 3 + 3?  \n", encoding="utf-8")
    read = read_prompts(tmp_path / "prompts.txt")
    assert sorted(read.sample, key=lambda prompt: prompt.request_id) == [
        Prompt("1", "What is 2 + 2?"),
        Prompt("3", "And 3 + 3?"),
    ]
    with pytest.raises(LogError, match="no prompt"):
        prompts_of_text("\n \n")
    with pytest.raises(LogError, match="plain text"):
        read_prompts(tmp_path / "prompts.txt", columns={"prompt": "text"})


def test_a_sample_is_uniform_nested_and_independent_of_the_order() -> None:
    """200 seeds take 10 of 100 ids: each is taken 20 times on average, sd 4.2. The bounds are 4.5 and 5.5 sds
    away: one false alarm in 3,000 for all ids together, if normal; the seeds are fixed."""
    ids = [f"r{i}" for i in range(100)]
    assert sampled(ids, 10, 4) == sampled(ids, 30, 4)[:10]
    assert {ids[i] for i in sampled(ids, 10, 4)} == {ids[::-1][i] for i in sampled(ids[::-1], 10, 4)}
    times = [0] * 100
    for seed in range(200):
        for place in sampled(ids, 10, seed):
            times[place] += 1
    assert min(times) > 0
    assert max(times) < 44


def test_rows_of_one_request_are_one_prompt_and_names_can_be_given(tmp_path: Path) -> None:
    rows = [
        {"id": f"q{i}", "question": f"What is {i}?", "model": model, "split": "test" if i < 3 else "train"}
        for i in range(6)
        for model in ("a", "b")
    ]
    path = write_csv(tmp_path / "log.csv", list(rows))
    names = {"prompt": "question", "request_id": "id"}
    read = read_prompts(path, columns=names, where={"split": "test"})
    assert sorted(prompt.text for prompt in read.sample) == ["What is 0?", "What is 1?", "What is 2?"]
    without = read_prompts(path, columns={"prompt": "question"}, sample=5)
    assert (without.total, len(without.sample)) == (12, 5)


def test_what_is_broken_is_refused_or_left_out_and_told(tmp_path: Path) -> None:
    rows = [
        {"request_id": "a", "request_class": "code", "prompt": "One?"},
        {"request_id": "b", "request_class": "code", "prompt": ""},
        {"request_id": "c", "request_class": "code", "prompt": "Two?"},
        {"request_id": "c", "request_class": "code", "prompt": "Three?"},
        {"request_id": "d", "request_class": "c" * 201, "prompt": "Four?"},
    ]
    path = write_csv(tmp_path / "prompts.csv", list(rows))
    with path.open("a", newline="") as file:
        file.write("e,code,Five?,too many\r\n")
    with pytest.raises(LogError, match=r"1 lines of .* cannot be read \(the first is line 7\).*--skip-bad"):
        read_prompts(path)
    read = read_prompts(path, skip_bad=True)
    assert [prompt.request_id for prompt in read.sample] == ["a"]
    assert len(read.notes) == 4
    assert "no prompt (the first is row 2)" in " ".join(read.notes)
    assert "over 200 characters" in " ".join(read.notes)
    assert "different prompts or classes (the first is c)" in " ".join(read.notes)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.csv", "question\nWhat?\n", "no column prompt"),
        ("p.csv", "prompt\n", "no prompt in"),
        ("p.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("p.docx", "x", "extension"),
        ("none.csv", None, "no log at"),
    ],
)
def test_what_is_no_list_of_prompts_is_refused(
    tmp_path: Path, name: str, content: str | bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LogError, match=says):
        read_prompts(path)
