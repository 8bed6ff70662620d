"""Calls that failed or were cancelled observed no answer: they are no rows of a log, and it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from banditroute.errors import LogError

from .conftest import Import

SPEND = "request_id,call_type,spend,prompt_tokens,startTime,endTime,model,metadata,status\n"
ACTIVITY = "generation_id,created_at,cost_total,model_permaslug,cancelled\n"
DAY = "2025-01-01 00:00:0"


def _spend(key: str, call: str, status: str, inner: str = "") -> str:
    metadata = json.dumps({"status": inner} if inner else {}).replace('"', '""')
    return f'{key},{call},0.001,10,{DAY}0,{DAY}1,gpt-4o,"{metadata}",{status}\n'


def test_litellm_calls_that_failed(taken: Import, tmp_path: Path) -> None:
    rows = [
        _spend("a", "acompletion", "success"),
        _spend("b", "acompletion", "failure"),
        _spend("c", "aembedding", "failure"),
        _spend("d", "acompletion", "", "failure"),
        _spend("e", "acompletion", "", "success"),
        _spend("f", "acompletion", ""),
    ]
    (tmp_path / "spend.csv").write_text(SPEND + "".join(rows))
    done, found = taken("litellm-spend", tmp_path / "spend.csv")
    assert [row["request_id"] for row in found] == ["a", "e", "f"]
    assert done.notes == (
        "Passed over: 1 call that is no chat (aembedding).",
        "Passed over: 2 calls that failed (rows 2, 4).",
    )


def test_openrouter_calls_that_were_cancelled(taken: Import, tmp_path: Path) -> None:
    rows = [f"g{i},{DAY}{i},0.001,m,{'True' if i in (1, 3) else 'false'}\n" for i in range(5)]
    (tmp_path / "activity.csv").write_text(ACTIVITY + "".join(rows))
    done, found = taken("openrouter", tmp_path / "activity.csv")
    assert [row["request_id"] for row in found] == ["g0", "g2", "g4"]
    assert done.notes == ("Passed over: 2 calls that were cancelled (rows 2, 4).",)


@pytest.mark.parametrize("success", [False, "false", None])
def test_routerarena_calls_without_success(success: object, taken: Import, tmp_path: Path) -> None:
    def result(i: int, succeeded: object) -> str:
        told = {"evaluation_result": {"score": 0.0}, "success": succeeded}
        return json.dumps({"global_index": f"AIME_{i}", "llm_selected": "m", **told}) + "\n"

    path = tmp_path / "results.jsonl"
    path.write_text("".join(result(i, success if i < 7 else True) for i in range(10)))
    done, found = taken("routerarena", path)
    unknown = success is None  # nothing is said of the call, so that its score stands
    assert len(found) == (10 if unknown else 3)
    notes = () if unknown else ("Passed over: 7 calls that failed (rows 1, 2, 3, 4, 5 and others).",)
    assert done.notes == notes


def test_where_no_call_came_off_the_refusal_says_what_became_of_them(taken: Import, tmp_path: Path) -> None:
    rows = [f"g{i},{DAY}{i},0.001,m,true\n" for i in range(2)]
    (tmp_path / "activity.csv").write_text(ACTIVITY + "".join(rows))
    with pytest.raises(LogError, match=r"no rows; .*Passed over: 2 calls that were cancelled \(rows 1, 2\)"):
        taken("openrouter", tmp_path / "activity.csv")
