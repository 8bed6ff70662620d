"""Writing small files of other formats, and importing them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from banditroute.offline.logs.files import SCHEMA
from banditroute.offline.logs.importers.convert import Imported, import_log

Row = dict[str, Any]
Import = Callable[..., tuple[Imported, list[Row]]]


def lines(path: Path, *rows: Row) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def taken(tmp_path: Path) -> Import:
    """Imports into a JSONL log and gives what was said and what was written, without the empty cells."""

    def run(form: str, path: Path, **options: Any) -> tuple[Imported, list[Row]]:
        done = import_log(form, path, tmp_path / "out.jsonl", **options)
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").open()]
        assert all(set(row) <= set(SCHEMA) for row in rows)
        return done, [{name: value for name, value in row.items() if value is not None} for row in rows]

    return run
