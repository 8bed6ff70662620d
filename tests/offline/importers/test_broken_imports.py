"""Files that are not what they are said to be: refused with the reason, skipped where that was asked for."""

# ruff: noqa: E501 (rows of CSV are as long as they are)

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from banditroute.errors import LogError
from banditroute.offline.logs.importers import IMPORTERS, SEVERAL_SCORES
from banditroute.offline.logs.importers.convert import import_log

WIDE = "sample_id,eval_name,a,b,a|total_cost,b|total_cost\n"
SPEND = "request_id,call_type,spend,prompt_tokens,startTime,endTime,model\n"
ACTIVITY = "generation_id,created_at,cost_total,generation_time_ms,model_permaslug\n"
ARENA = {"global_index": "AIME_1", "llm_selected": "m", "evaluation_result": {"score": 1.0}}
PRIOR = {"case_id": "c", "request_type": "t", "model": "m", "quality": 0.5, "cost": 1, "latency_ms": 5}
CALL = {"id": "c", "created": 5, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
TRACE = {
    "id": "o",
    "name": "n",
    "start_time": "2025-01-01 00:00:00",
    "end_time": "2025-01-01 00:00:01",
    "model": "m",
}
INFERENCE = {"id": "i", "function_name": "f", "variant_name": "v", "processing_time_ms": 5}


def text(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


BROKEN: dict[str, tuple[str, str, str, str]] = {
    "unknown format": ("routerbnch", "x.csv", WIDE, "Did you mean 'routerbench'"),
    "no file": ("routerbench", "x.csv", "", "is empty"),
    "a pickle": ("routerbench", "x.pkl", "x", r"a log is \.csv"),
    "no cost beside a score": ("routerbench", "x.csv", "sample_id,eval_name,a,b\ns,e,1,0\n", r"MODEL\|total_cost"),
    "no sample id": ("routerbench", "x.csv", "id,a,a|total_cost\n1,1,1\n", "no sample_id"),
    "score of ten": ("routerbench", "x.csv", WIDE + "s,e,1,10,0,0\n", r"no number from 0 to 1 in score .*row 1: 10"),
    "score in words": ("routerbench", "x.csv", WIDE + "s,e,1,1,0,0\nt,e,1,yes,0,0\n", r"row 2: yes"),
    "cost below 0": ("routerbench", "x.csv", WIDE + "s,e,1,1,-1,0\n", "no number .* in .*total_cost"),
    "one prompt twice": ("routerbench", "x.csv", WIDE + "s,e,1,1,0,0\n" * 2, "request s, model a, 2 rows"),
    "a torn line": ("routerbench", "x.csv", WIDE + "s,e,1,1,0,0\nt,e,1\n", r"1 line .*line 3"),
    "arena without id": ("routerarena", "x.jsonl", text({"llm_selected": "m"}), "no global_index"),
    "arena score of two": (
        "routerarena",
        "x.jsonl",
        text(ARENA, {**ARENA, "global_index": "B_2", "evaluation_result": {"score": 2}}),
        r"no number from 0 to 1 in evaluation_result.score .*row 2: 2",
    ),
    "prior with latency in words": ("litellm-prior", "x.jsonl", text({**PRIOR, "latency_ms": "fast"}), "row 1: fast"),
    "prior with a lost model": (
        "litellm-prior",
        "x.jsonl",
        text(PRIOR, {**PRIOR, "model": "n"}, {**PRIOR, "case_id": "d"}),
        "1 of 2 requests lacks a row for some of the 2 models",
    ),
    "spend without model": ("litellm-spend", "x.csv", SPEND + "a,acompletion,1,1,2025-01-01,2025-01-02,\n", "no model"),
    "spend with a broken time": (
        "litellm-spend",
        "x.csv",
        SPEND + "a,acompletion,1,1,2025-01-01,2025-01-01,m\nb,acompletion,1,1,soon,2025-01-01,m\n",
        r"row 2: soon",
    ),
    "spend that ends before it starts": (
        "litellm-spend",
        "x.csv",
        SPEND + "a,acompletion,1,1,2025-01-02,2025-01-01,m\n",
        r"in endTime - startTime .*-86400",
    ),
    "spend of embeddings only": (
        "litellm-spend",
        "x.csv",
        SPEND + "a,aembedding,1,1,2025-01-01,2025-01-01,m\n",
        "no rows",
    ),
    "activity by day": ("openrouter", "x.csv", "date,model,usage,requests\n2025-01-01,m,1,2\n", "summed up by day"),
    "activity with dollars": (
        "openrouter",
        "x.csv",
        ACTIVITY + "g,2025-01-01,$0.1,5,m\n",
        r"in cost_total .*row 1: \$0\.1",
    ),
    "calls without id": ("openai", "x.jsonl", text({"model": "m"}), "no id and no custom_id"),
    "a batch that failed": (
        "openai",
        "x.jsonl",
        text(CALL, {"id": "b", "custom_id": "r", "response": None, "error": {"message": "no"}}),
        r"1 row has no model \(the first is row 2\)",
    ),
    "calls with broken lines": ("openai", "x.jsonl", text(CALL) + '{"id": \n', r"row 2"),
    "one call twice": ("openai", "x.jsonl", text(CALL, CALL), "request c, model m, 2 rows"),
    "traces without times": ("langfuse", "x.jsonl", text({"id": "o"}), "no start_time and no startTime"),
    "traces with tokens in words": (
        "langfuse",
        "x.jsonl",
        text({**TRACE, "usage_details": {"input": "many"}}),
        r"in usage_details.input .*row 1: many",
    ),
    "inferences without function": ("tensorzero", "x.jsonl", text({"id": "i"}), "no function_name"),
    "inferences that took less than no time": (
        "tensorzero",
        "x.jsonl",
        text({**INFERENCE, "processing_time_ms": -5}),
        "in processing_time_ms / 1000",
    ),
    "our own with a wrong propensity": (
        "banditroute",
        "x.jsonl",
        text({"request_id": "r", "model": "m", "propensity": 0}),
        "probability above 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_cannot_be_imported_is_refused_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    form, name, content, sentence = BROKEN[case]
    (tmp_path / name).write_text(content)
    with pytest.raises(LogError, match=sentence) as refusal:
        import_log(form, tmp_path / name, tmp_path / "out.parquet")
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


SKIPPED: dict[str, tuple[str, str, str, list[str], str]] = {
    "a score in words takes its prompt along": (
        "routerbench",
        "x.csv",
        WIDE + "s,e,1,1,0,0\nt,e,1,yes,0,0\n",
        ["s", "s"],
        "1 row has no number from 0 to 1 in score",
    ),
    "a torn line": ("routerbench", "x.csv", WIDE + "s,e,1,1,0,0\nt,e,1\n", ["s", "s"], "1 line"),
    "a bad cell after a torn line": (
        "openrouter",
        "x.csv",
        ACTIVITY + "g,2025-01-01,1,5,m\nh,2025\ni,2025-01-01,$1,5,m\n",
        ["g"],
        r"row 3: \$1",
    ),
    "a batch that failed": (
        "openai",
        "x.jsonl",
        text(CALL, {"id": "b", "custom_id": "r", "response": None, "error": {}}),
        ["c"],
        "no model",
    ),
    "a broken line": ("openai", "x.jsonl", text(CALL) + '{"id": \n', ["c"], "row 2"),
    "one call twice": ("openai", "x.jsonl", text(CALL, {**CALL, "id": "d"}, CALL), ["d"], "request c"),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_broken_rows_are_left_out_and_told_when_that_is_asked_for(case: str, tmp_path: Path) -> None:
    form, name, content, kept, note = SKIPPED[case]
    (tmp_path / name).write_text(content)
    done = import_log(form, tmp_path / name, tmp_path / "out.jsonl", skip_bad=True)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").open()]
    assert [row["request_id"] for row in rows] == kept
    assert re.search(note, " ".join(done.notes))


def test_an_unclear_quality_is_asked_about(tmp_path: Path) -> None:
    for part, rows in (
        ("observations", [TRACE]),
        ("scores", [{"observation_id": "o", "name": name, "value": 1} for name in ("a", "b")]),
    ):
        (tmp_path / "export" / part).mkdir(parents=True)
        (tmp_path / "export" / part / "1.jsonl").write_text(text(*rows))
    with pytest.raises(LogError, match=r"several scores \(a, b\).*--quality NAME"):
        import_log("langfuse", tmp_path / "export", tmp_path / "out.csv")
    with pytest.raises(LogError, match="no score c; there are a, b"):
        import_log("langfuse", tmp_path / "export", tmp_path / "out.csv", quality="c")


@pytest.mark.parametrize("form", sorted({*IMPORTERS} - {*SEVERAL_SCORES}))
def test_a_quality_cannot_be_named_where_there_is_one_or_none(form: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(WIDE + "s,e,1,1,0,0\n")
    with pytest.raises(
        LogError, match=rf"^{form} has one quality or none.*several scores take it: langfuse, tensorzero"
    ):
        import_log(form, tmp_path / "x.csv", tmp_path / "out.csv", quality="a")


@pytest.mark.parametrize(("form", "row"), [("langfuse", TRACE), ("tensorzero", INFERENCE)])
def test_a_quality_cannot_be_named_where_no_scores_are(
    form: str, row: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "x.jsonl").write_text(text(row))
    import_log(form, tmp_path / "x.jsonl", tmp_path / "out.csv")
    with pytest.raises(LogError, match=r"no scores beside these calls.*leave --quality out"):
        import_log(form, tmp_path / "x.jsonl", tmp_path / "none.csv", quality="helpful")
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("form", ["langfuse", "tensorzero", "routerarena"])
def test_an_empty_folder_is_refused(form: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LogError, match=r"name (a file, or )?the folder"):
        import_log(form, tmp_path / "empty", tmp_path / "out.csv")


def test_a_log_is_not_written_over_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(text({**PRIOR, "request_id": "r"}))
    with pytest.raises(LogError, match="is the file that is read"):
        import_log("banditroute", tmp_path / "x.jsonl", tmp_path / "x.jsonl")
    with pytest.raises(LogError, match="folder that exists"):
        import_log("banditroute", tmp_path / "x.jsonl", tmp_path / "no" / "x.csv")
