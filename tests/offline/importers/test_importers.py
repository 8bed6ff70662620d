"""Each known format becomes the log it describes. The fixtures are made by hand, after the formats' pages."""

# ruff: noqa: E501 (rows of CSV are as long as they are)

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from banditroute.offline import DecisionLog, Log, read_log
from banditroute.offline.logs.importers import IMPORTERS
from banditroute.offline.logs.importers.convert import import_log
from tests.offline.importers.conftest import Import, Row, lines

ROUTERBENCH = """\
sample_id,prompt,eval_name,gpt-4,lab/mistral|7b,gpt-4|model_response,gpt-4|total_cost,lab/mistral|7b|total_cost,oracle_model_to_route_to
mmlu.1,"What, is it?",mmlu,1.0,0.0,A,0.01,0.001,gpt-4
gsm.2,"Two
lines",gsm8k,0.5,0.25,B,0.02,0.002,gpt-4
"""


def test_routerbench(taken: Import, tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text(ROUTERBENCH)
    done, rows = taken("routerbench", tmp_path / "wide.csv")
    assert (done.rows, done.requests, done.models, done.kind) == (4, 2, 2, "full_information")
    assert rows[3] == {
        "request_id": "gsm.2",
        "request_class": "gsm8k",
        "prompt": "Two\nlines",
        "model": "lab/mistral|7b",
        "quality": 0.25,
        "usd": 0.002,
    }
    log = read_log(tmp_path / "out.jsonl")
    assert isinstance(log, Log)
    np.testing.assert_array_equal(log.quality, [[0.5, 0.25], [1.0, 0.0]])


def arena(index: str, model: str, score: float) -> Row:
    return {
        "global_index": index,
        "question": f"q {index}",
        "llm_selected": model,
        "token_usage": {"input_tokens": 349, "output_tokens": 120, "total_tokens": 469},
        "success": True,
        "evaluation_result": {"ground_truth": "610", "score": score, "inference_cost": 0.0002},
    }


def test_routerarena_takes_a_folder_with_a_file_per_model(taken: Import, tmp_path: Path) -> None:
    for model in ("haiku", "flash"):
        results = [arena("AIME_112", model, 0.0), arena("Geo_Bench_3", model, 1.0)]
        lines(tmp_path / "cached_results" / f"{model}.jsonl", *results)
    done, rows = taken("routerarena", tmp_path / "cached_results")
    assert (done.rows, done.requests, done.models, done.kind) == (4, 2, 2, "full_information")
    assert {row["request_class"] for row in rows} == {"AIME", "Geo_Bench"}
    geo = next(row for row in rows if row["request_id"] == "Geo_Bench_3" and row["model"] == "flash")
    assert (geo["quality"], geo["usd"], geo["input_tokens"], geo["output_tokens"]) == (1.0, 0.0002, 349, 120)


def test_litellm_prior(taken: Import, tmp_path: Path) -> None:
    rows = [
        {
            "case_id": f"c{i}",
            "request_type": "code",
            "model": model,
            "quality": 0.5,
            "cost": 0.01,
            "latency_ms": 1500,
        }
        for i in range(2)
        for model in ("a", "b")
    ]
    done, written = taken("litellm-prior", lines(tmp_path / "prior.jsonl", *rows))
    assert done.kind == "full_information"
    assert written[0] == {
        "request_id": "c0",
        "request_class": "code",
        "model": "a",
        "quality": 0.5,
        "usd": 0.01,
        "seconds": 1.5,
    }


SPEND = """\
request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,model,user,metadata,cache_hit,end_user
a,acompletion,k,0.001,15,10,5,2025-01-01 00:00:00.000,2025-01-01 00:00:01.500,gpt-4o,u1,"{""spend_logs_metadata"": {""request_class"": ""code""}}",False,e1
b,aembedding,k,0.001,15,10,5,2025-01-01 00:00:00,2025-01-01 00:00:01,embed,u1,{},False,
c,acompletion,k,0.0,15,10,5,2025-01-01 00:00:02,2025-01-01 00:00:03,gpt-4o-mini,u1,{},True,
"""


def test_litellm_spend(taken: Import, tmp_path: Path) -> None:
    (tmp_path / "spend.csv").write_text(SPEND)
    done, rows = taken("litellm-spend", tmp_path / "spend.csv")
    assert (done.rows, done.kind) == (2, "observational")
    assert done.notes == ("Passed over: 1 call that is no chat (aembedding).",)
    assert rows[0] == {
        "request_id": "a",
        "at": 1735689600.0,
        "request_class": "code",
        "input_tokens": 10,
        "model": "gpt-4o",
        "usd": 0.001,
        "seconds": 1.5,
        "output_tokens": 5,
        "unit": "e1",
    }
    assert (rows[1]["unit"], rows[1]["kind"], rows[1]["request_class"]) == ("u1", "cache", "other")


ACTIVITY = """\
generation_id,created_at,cost_total,cost_cache,byok_usage_inference,tokens_prompt,tokens_completion,model_permaslug,provider_name,user,generation_time_ms,time_to_first_token_ms,app_name
gen-1,2025-09-01 10:00:00.500,0.0015,0,0,10,25,openai/gpt-4.1-2025-04-14,OpenAI,user-1,1200,200,my app
gen-2,2025-09-01 10:00:05,0.0005,0,0,12,20,deepseek/v3,DeepSeek,,,,my app
"""


def test_openrouter(taken: Import, tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_text(ACTIVITY)
    done, rows = taken("openrouter", tmp_path / "activity.csv")
    assert (done.rows, done.kind) == (2, "observational")
    assert rows[0] == {
        "request_id": "gen-1",
        "at": 1756720800.5,
        "request_class": "my app",
        "input_tokens": 10,
        "model": "openai/gpt-4.1-2025-04-14",
        "usd": 0.0015,
        "seconds": 1.2,
        "output_tokens": 25,
        "unit": "user-1",
    }
    assert "seconds" not in rows[1]


def completion(name: str, model: str, at: int) -> Row:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"id": name, "object": "chat.completion", "created": at, "model": model, "usage": usage}


def batched(custom_id: str, body: Row | None, error: Row | None = None) -> Row:
    response = None if body is None else {"status_code": 200, "request_id": "x", "body": body}
    return {"id": f"batch_{custom_id}", "custom_id": custom_id, "response": response, "error": error}


def test_openai(taken: Import, tmp_path: Path) -> None:
    response = {"id": "resp-1", "object": "response", "created_at": 7, "model": "o"}
    response["usage"] = {"input_tokens": 3, "output_tokens": 4}
    path = lines(
        tmp_path / "calls.jsonl",
        completion("c-1", "gpt-4o", 5),
        batched("r-2", completion("c-2", "gpt-4o-mini", 6)),
        response,
    )
    done, rows = taken("openai", path)
    assert (done.rows, done.kind) == (3, "observational")
    told = [
        (row["request_id"], row["at"], row["model"], row["input_tokens"], row["output_tokens"])
        for row in rows
    ]
    assert told == [("c-1", 5, "gpt-4o", 10, 5), ("r-2", 6, "gpt-4o-mini", 10, 5), ("resp-1", 7, "o", 3, 4)]


def test_our_own_schema_passes_unchanged(taken: Import, tmp_path: Path) -> None:
    row = {
        "request_id": "r1",
        "at": 5.0,
        "request_class": "code",
        "model": "a",
        "quality": 0.5,
        "propensity": 0.25,
        "candidates": '["a", "b"]',
        "pmf": "[0.25, 0.75]",
        "kind": "drawn",
    }
    done, (written,) = taken("banditroute", lines(tmp_path / "own.jsonl", row))
    assert written == row
    assert done.kind == "logged"


@pytest.mark.parametrize("out", ["log.parquet", "log.csv", "log.csv.gz", "log.jsonl.gz"])
def test_every_ending_is_written_and_read_alike(tmp_path: Path, out: str) -> None:
    (tmp_path / "wide.csv").write_text(ROUTERBENCH)
    import_log("routerbench", tmp_path / "wide.csv", tmp_path / out)
    log = read_log(tmp_path / out)
    assert isinstance(log, Log)
    assert log.prompts == ["Two\nlines", "What, is it?"]
    np.testing.assert_array_equal(log.usd, [[0.02, 0.002], [0.01, 0.001]])
    assert {path.name for path in tmp_path.iterdir()} == {"wide.csv", out}


def test_a_log_of_calls_is_read_as_decisions_without_propensity(tmp_path: Path) -> None:
    (tmp_path / "spend.csv").write_text(SPEND)
    import_log("litellm-spend", tmp_path / "spend.csv", tmp_path / "log.parquet")
    log = read_log(tmp_path / "log.parquet")
    assert isinstance(log, DecisionLog)
    assert (log.kind, log.models) == ("observational", ("gpt-4o", "gpt-4o-mini"))
    assert np.isnan(log.quality).all()


def test_a_log_with_many_requests_keeps_its_order(tmp_path: Path) -> None:
    duckdb.connect().execute(
        "COPY (SELECT 'c' || i AS id, 'm' AS model, 1000 + i AS created, "
        "{'prompt_tokens': i, 'completion_tokens': 1} AS usage FROM range(30000) t(i)) "
        f"TO '{tmp_path}/many.jsonl' (FORMAT json)"
    )
    done = import_log("openai", tmp_path / "many.jsonl", tmp_path / "log.parquet")
    assert done.rows == 30_000
    ids = duckdb.connect().execute(f"SELECT request_id FROM '{tmp_path}/log.parquet'").fetchall()
    assert [name for (name,) in ids] == [f"c{i}" for i in range(30_000)]


def test_every_format_is_tried_here() -> None:
    told = "".join(path.read_text() for path in Path(__file__).parent.glob("test_importers*.py"))
    assert all(f'"{form}"' in told for form in IMPORTERS)
