"""Small logs with one row per request, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from banditroute.offline import DecisionLog, read_log

Row = dict[str, Any]

MODELS = ("large", "medium", "small")


def made(n: int = 30) -> list[Row]:
    """Decisions of a policy that could choose all models in odd requests, and two of them in even ones."""
    rows: list[Row] = []
    for i in range(n):
        names = MODELS if i % 2 else MODELS[1:]
        pmf = [1 / len(names)] * len(names)
        rows.append(
            {
                "request_id": f"r{i:03d}",
                "request_class": ("code", "chat")[i % 3 == 0],
                "model": names[i % len(names)],
                "quality": round(0.5 + i / 100, 3),
                "usd": i / 1000,
                "propensity": pmf[0],
                "candidates": json.dumps(names),
                "pmf": json.dumps(pmf),
                "unit": f"u{i % 4}",
                "policy": "thompson",
                "variant": "a" if i % 2 else None,
                "input_tokens": 10 + i,
                "difficulty": i / 10,
                "prompt": f"prompt {i}",
            }
        )
    return rows


def write(folder: Path, rows: list[Row], name: str = "log.jsonl") -> Path:
    lines = folder / "log.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if name != "log.jsonl":
        relation = duckdb.connect().read_json(str(lines))
        relation.write_parquet(str(folder / name)) if "parquet" in name else relation.write_csv(
            str(folder / name)
        )
    return folder / name


def read(path: Path, **options: Any) -> DecisionLog:
    log = read_log(path, **options)
    assert isinstance(log, DecisionLog)
    return log
