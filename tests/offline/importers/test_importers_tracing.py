"""Calls and the scores that came for them later: Langfuse and TensorZero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from banditroute.errors import LogError
from banditroute.offline.options import parse_scale
from tests.offline.importers.conftest import Import, Row, lines


def generation(name: str, trace: str, **more: Any) -> Row:
    return {
        "id": name,
        "trace_id": trace,
        "type": "GENERATION",
        "name": "summarise",
        "start_time": "2025-05-29 13:46:19.500000",
        "end_time": "2025-05-29 13:46:21.000000",
        "provided_model_name": "gpt-4o",
        "usage_details": {"input": 11, "output": 22, "total": 33},
        "cost_details": {"total": 0.004},
        "total_cost": 0.005,
        "user_id": "u",
        **more,
    }


def score(value: float, at: int, observation: str | None, trace: str, name: str = "correct") -> Row:
    return {
        "id": f"s{at}",
        "observation_id": observation,
        "trace_id": trace,
        "name": name,
        "value": value,
        "timestamp": f"2025-05-29 14:00:{at:02d}",
    }


def langfuse_folder(folder: Path, *scores: Row) -> Path:
    lines(
        folder / "observations_v2" / "1.jsonl",
        generation("o1", "t1"),
        {**generation("span", "t1"), "type": "SPAN"},
        generation("o2", "t2", total_cost=None),
        generation("o3", "t2", user_id=None),
    )
    if scores:
        lines(folder / "scores" / "1.jsonl", *scores)
    return folder


def test_langfuse(taken: Import, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    folder = langfuse_folder(
        tmp_path / "export",
        score(0.1, 1, "o2", "t2"),
        score(0.7, 2, "o2", "t2"),
        score(1.0, 3, None, "t1"),
        score(0.0, 4, None, "t2"),
    )
    done, rows = taken("langfuse", folder)
    assert done.notes == ("Passed over: 1 score of several calls together.",)
    assert rows[0] == {
        "request_id": "o1",
        "at": 1748526379.5,
        "request_class": "summarise",
        "input_tokens": 11,
        "model": "gpt-4o",
        "quality": 1.0,
        "usd": 0.005,
        "seconds": 1.5,
        "output_tokens": 22,
        "unit": "u",
    }
    assert [(row["request_id"], row.get("quality"), row["usd"]) for row in rows[1:]] == [
        ("o2", 0.7, 0.004),
        ("o3", None, 0.005),
    ]


def test_langfuse_without_scores_in_camel_case(taken: Import, tmp_path: Path) -> None:
    row = {
        "id": "o1",
        "traceId": "t",
        "name": "n",
        "startTime": "2025-05-29T13:46:19.500Z",
        "endTime": "2025-05-29T13:46:20Z",
        "model": "m",
        "calculatedTotalCost": 0.25,
        "usageDetails": {"input": 1, "output": 2},
    }
    _, (written,) = taken("langfuse", lines(tmp_path / "o.jsonl", row))
    assert (written["at"], written["seconds"], written["usd"]) == (1748526379.5, 0.5, 0.25)


def test_the_score_that_is_the_quality_is_named_where_there_are_several(
    taken: Import, tmp_path: Path
) -> None:
    (tmp_path / "export").mkdir()
    several = (score(0.2, 1, "o1", "t1"), score(0.9, 2, "o1", "t1", "style"))
    folder = langfuse_folder(tmp_path / "export", *several)
    for name, value in (("style", 0.9), ("correct", 0.2)):
        _, rows = taken("langfuse", folder, quality=name)
        assert rows[0]["quality"] == value


@pytest.mark.parametrize(("scale", "wanted"), [((1.0, 5.0), 0.75), ((5.0, 1.0), 0.25), ((0.0, 10.0), 0.4)])
def test_scores_of_another_scale_are_put_on_ours_where_it_is_named(
    taken: Import, tmp_path: Path, scale: tuple[float, float], wanted: float
) -> None:
    (tmp_path / "export").mkdir()
    folder = langfuse_folder(tmp_path / "export", score(4, 1, "o1", "t1"))
    with pytest.raises(LogError, match=r"scale scores to .*--scale"):
        taken("langfuse", folder)
    _, rows = taken("langfuse", folder, scale=scale)
    assert [row.get("quality") for row in rows] == [pytest.approx(wanted), None, None]


def test_the_score_of_a_judge_is_on_the_scale_as_the_quality_is(taken: Import, tmp_path: Path) -> None:
    """Each where it is there, an empty one stays empty; the worst of a falling scale is 0.0, not -0.0."""
    own = [
        {"request_id": "a", "model": "m", "quality": 5, "source": "user", "judge": "j", "judge_quality": 1},
        {"request_id": "a", "model": "n", "quality": 1, "source": "user", "judge": "j", "judge_quality": 4},
        {"request_id": "b", "model": "m", "quality": 2, "source": "user"},
        {"request_id": "b", "model": "n", "judge": "j", "judge_quality": 3},
    ]
    path = lines(tmp_path / "own.jsonl", *own)
    for scale, wanted in (
        ((1.0, 5.0), [("1.0", "0.0"), ("0.0", "0.75"), ("0.25", "None"), ("None", "0.5")]),
        ((5.0, 1.0), [("0.0", "1.0"), ("1.0", "0.25"), ("0.75", "None"), ("None", "0.5")]),
    ):
        _, rows = taken("banditroute", path, scale=scale)
        assert [(str(row.get("quality")), str(row.get("judge_quality"))) for row in rows] == wanted
    judged = lines(tmp_path / "judged.csv")
    judged.write_text("request_id,model,judge,judge_quality\na,m,j,1\na,n,j,4\n")
    _, rows = taken("banditroute", judged, scale=(1.0, 5.0))
    assert [row["judge_quality"] for row in rows] == [0.0, 0.75]
    judged.write_text("request_id,model\na,m\na,n\n")
    with pytest.raises(LogError, match="no scores in banditroute"):
        taken("banditroute", judged, scale=(1.0, 5.0))


def test_a_score_that_is_not_on_the_scale_is_refused(taken: Import, tmp_path: Path) -> None:
    """Also where it would do as a score in [0, 1]."""
    (tmp_path / "export").mkdir()
    folder = langfuse_folder(tmp_path / "export", score(0.5, 1, "o1", "t1"))
    with pytest.raises(LogError, match=r"0\.5 on a scale from 1 to 5\); check the ends of --scale"):
        taken("langfuse", folder, scale=(1.0, 5.0))
    with pytest.raises(LogError, match="no scores"):
        taken("langfuse", folder / "observations_v2" / "1.jsonl", scale=(1.0, 5.0))
    for text in ("5", "1:1", "one:five", "0:inf", "1:2:3"):
        with pytest.raises(LogError, match="--scale takes the worst and the best"):
            parse_scale(text)
    assert parse_scale("1:5") == (1.0, 5.0)


def tensorzero_folder(folder: Path) -> Path:
    folder.mkdir()
    inferences = [
        {
            "id": f"i{i}",
            "function_name": "write",
            "variant_name": f"v{i % 2}",
            "episode_id": episode,
            "processing_time_ms": 1500,
            "timestamp": "2025-01-01T00:00:00Z",
        }
        for i, episode in enumerate(("e0", "e1", "e1"))
    ]
    lines(folder / "ChatInference.jsonl", *inferences)
    lines(
        folder / "BooleanMetricFeedback.jsonl",
        {"id": "f0", "target_id": "i0", "metric_name": "solved", "value": False, "timestamp": "2025-01-02"},
        {"id": "f1", "target_id": "i0", "metric_name": "solved", "value": True, "timestamp": "2025-01-03"},
        {"id": "f2", "target_id": "e1", "metric_name": "solved", "value": True, "timestamp": "2025-01-03"},
    )
    return folder


def test_tensorzero(taken: Import, tmp_path: Path) -> None:
    folder = tensorzero_folder(tmp_path / "t0")
    done, rows = taken("tensorzero", folder)
    assert done.notes == ("Passed over: 1 metric of several calls together.",)
    assert rows[0] == {
        "request_id": "i0",
        "at": 1735689600.0,
        "request_class": "write",
        "model": "v0",
        "quality": 1.0,
        "seconds": 1.5,
        "unit": "e0",
        "variant": "v0",
    }
    assert [row.get("quality") for row in rows] == [1.0, None, None]


def test_tensorzero_takes_model_and_tokens_from_the_model_inference(taken: Import, tmp_path: Path) -> None:
    folder = tensorzero_folder(tmp_path / "t0")
    calls = [
        {
            "id": f"m{i}",
            "inference_id": f"i{i}",
            "model_name": f"gpt-{i}",
            "input_tokens": 3,
            "output_tokens": 4,
        }
        for i in range(3)
    ]
    lines(folder / "ModelInference.jsonl", *calls)
    _, rows = taken("tensorzero", folder)
    assert [(row["model"], row["variant"], row["output_tokens"]) for row in rows] == [
        ("gpt-0", "v0", 4),
        ("gpt-1", "v1", 4),
        ("gpt-2", "v0", 4),
    ]
