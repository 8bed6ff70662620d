"""A labelled sample of prompts, read for `banditroute check --sample`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from banditroute.errors import LogError

TEXT, LABEL = ("text", "prompt"), ("label", "request_class")
"""The names that the two columns may have."""


def read_sample(path: Path) -> list[tuple[str, str]]:
    """Pairs of text and label from a CSV or JSONL file. Raises LogError with the line that is wrong."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = _json_rows(path, lines) if path.suffix in (".jsonl", ".ndjson") else csv.DictReader(lines)
            pairs = [
                (_cell(row, TEXT, path, number), _cell(row, LABEL, path, number))
                for number, row in enumerate(rows, 1)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"The sample {path} cannot be read: {error}. Give a CSV or JSONL file.") from None
    if not pairs:
        raise LogError(f"The sample {path} is empty; give rows with the columns text and label.")
    return pairs


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[Mapping[str, object]]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise LogError(
                f'{path}, line {number}, is no JSON object; write {{"text": "…", "label": "code"}}.'
            )
        yield row


def _cell(row: Mapping[str, object], names: tuple[str, ...], path: Path, number: int) -> str:
    value = next((row[name] for name in names if row.get(name)), None)
    if not isinstance(value, str):
        raise LogError(
            f"{path}, row {number}, has no {names[0]}; every row needs the columns text and label."
        )
    return value
