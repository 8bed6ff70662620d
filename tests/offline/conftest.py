"""Small generated logs."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from banditroute.offline.logs.reading import Log, read_log

Row = dict[str, object]
WriteLog = Callable[..., Path]

QUALITY = {"code": (0.5, 0.8, 0.9), "chat": (0.7, 0.75, 0.7)}
"""True mean quality of the models small, medium, large in each class."""


def make_rows(requests: int = 60, seed: int = 0) -> list[Row]:
    """One row per request and model; the dear model is better at code only."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for i in range(requests):
        name = "code" if i % 2 else "chat"
        for a, model in enumerate(("small", "medium", "large")):
            rows.append(
                {
                    "request_id": f"r{i:05d}",
                    "request_class": name,
                    "model": model,
                    "quality": round(float(np.clip(rng.normal(QUALITY[name][a], 0.1), 0, 1)), 6),
                    "usd": round(0.001 * (1 + 4 * a) * float(rng.lognormal(0, 0.1)), 9),
                }
            )
    return rows


def write_csv(path: Path, rows: list[Row]) -> Path:
    """Rows as CSV; the columns are those of the first row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def rows() -> list[Row]:
    return make_rows()


@pytest.fixture
def write(tmp_path: Path) -> WriteLog:
    return lambda rows, name="log.csv": write_csv(tmp_path / name, rows)


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """300 requests, two classes, three models."""
    return read_log(write_csv(tmp_path_factory.mktemp("log") / "log.csv", make_rows(300)))


@pytest.fixture(scope="session")
def short_log(log: Log) -> Log:
    """The first 60 requests of `log`."""
    parts = ("request_ids", "class_index", "quality", "usd", "seconds", "output_tokens", "input_tokens")
    return replace(log, **{part: getattr(log, part)[:60] for part in parts})


@pytest.fixture(scope="session")
def rich_log() -> Log:
    """1,000 requests with every column that learners can use, in memory."""
    rng = np.random.default_rng(7)
    n, k, cls = 1000, 4, rng.integers(0, 3, size=1000)
    level = rng.uniform(0.4, 0.95, size=(3, k))
    tokens, difficulty = rng.lognormal(6, 1, size=n).round() + 1, rng.uniform(size=n)
    quality = level[cls] - 0.2 * difficulty[:, None] * np.linspace(1, 0, k) + rng.normal(0, 0.1, size=(n, k))
    return Log(
        kind="full_information",
        request_ids=np.array([f"r{i:04d}" for i in range(n)]),
        models=("a", "b", "c", "d"),
        classes=("x", "y", "z"),
        class_index=cls,
        quality=np.clip(quality, 0, 1),
        usd=tokens[:, None] * 1e-6 * np.arange(1, k + 1) * rng.lognormal(0, 0.2, size=(n, k)),
        seconds=rng.lognormal(0, 0.5, size=(n, k)),
        output_tokens=rng.lognormal(5, 1, size=(n, k)).round(),
        input_tokens=tokens,
        at=1.7e9 + np.cumsum(rng.exponential(60, size=n)),
        features={"difficulty": difficulty},
    )
