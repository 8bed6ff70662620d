"""Reads a golden set: a TOML file of tasks, each with what a right answer is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from banditroute.config.checks import Check, Refused, many, nearest, number, text, whole
from banditroute.config.parse import parse_toml
from banditroute.errors import ConfigError
from banditroute.golden.answers import Answer, fault
from banditroute.golden.tasks import CHECKS, GoldenSet, Task

SHIPPED = Path(__file__).parent / "tasks.toml"

_name = text(longest=60, pattern=r"[\w.-]+", shape="one word of letters, digits and . _ -")


def _document(value: object) -> Any:
    written: str = text()(value)
    try:
        return json.loads(written)
    except ValueError as error:
        raise Refused(f"must be JSON in a text ({error}).") from None


def _pattern(value: object) -> str:
    written: str = text()(value)
    try:
        re.compile(written)
    except re.error as error:
        raise Refused(f"is not a valid regular expression: {error}.") from None
    return written


def _call(value: object) -> Any:
    call = _document(value)
    if not isinstance(call, dict) or set(call) != {"name", "arguments"}:
        raise Refused('must be a JSON object with name and arguments, as {"name": "f", "arguments": {}}.')
    return call


def _tool(value: object) -> Any:
    tool = _document(value)
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        raise Refused("must be a JSON object with the name, description and parameters of a function.")
    return tool


_KEYS: Mapping[str, Check] = {
    "name": _name,
    "area": _name,
    "prompt": text(),
    "system": text(),
    "tools": many(_tool),
    "answer": text(),
    "max_output_tokens": whole(10, 10**5),
    "exact": text(),
    "regex": _pattern,
    "number": number(-(10**12), 10**12),
    "json": _document,
    "schema": _document,
    "call": _call,
}


def read_golden(path: Path = SHIPPED) -> GoldenSet:
    """The golden set in a file, by default the shipped one.

    Raises ConfigError where it is none, and where a task refuses its own answer.
    """
    try:
        written = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"The golden set {path} cannot be read ({error.strerror}); see its path.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The golden set {path} is not UTF-8 text; save the file as UTF-8.") from None
    data = parse_toml(written, path)
    if unknown := [key for key in data if key not in ("name", "version", "tasks")]:
        known = nearest(unknown[0], ("name", "version", "tasks"))
        raise ConfigError(f'The golden set {path} has an unknown key "{unknown[0]}"; {known}')
    entries = data.get("tasks")
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"The golden set {path} has no tasks; add [[tasks]] as docs/new-models.md shows.")
    tasks = tuple(_task(entry, position, path) for position, entry in enumerate(entries, 1))
    if twice := next(
        (task.name for i, task in enumerate(tasks) if task.name in {t.name for t in tasks[:i]}), ""
    ):
        raise ConfigError(f'The golden set {path} has the task "{twice}" twice; give each its own name.')
    digest = blake2b(written.encode(), digest_size=3).hexdigest()
    return GoldenSet(f"{data.get('name', path.stem)}-{data.get('version', 1)}+{digest}", tasks)


def _task(entry: object, position: int, path: Path) -> Task:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"Task {position} of the golden set {path} is no table; write [[tasks]].")
    label = f'Task "{entry.get("name", position)}" of the golden set {path}'
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key not in _KEYS:
            raise ConfigError(f'{label} has an unknown key "{key}"; {nearest(key, _KEYS)}')
        try:
            values[key] = _KEYS[key](value)
        except Refused as refusal:
            raise ConfigError(f"{label}: {key} {refusal}") from None
    for key in ("name", "area", "prompt"):
        if key not in values:
            raise ConfigError(f"{label} has no {key}; add it.")
    checks = {kind: values.pop(kind) for kind in CHECKS if kind in values}
    if not checks:
        raise ConfigError(f"{label} has no check; add one of {', '.join(CHECKS)}.")
    answer = values.pop("answer", None) or _answer(entry)
    if answer is None:
        raise ConfigError(f"{label} has no answer; add a right one.")
    wanted = checks.get("call", {}).get("name")
    if wanted is not None and all(tool["name"] != wanted for tool in values.get("tools", ())):
        raise ConfigError(f"{label} wants a call, and there is no tool {wanted}; add it to tools.")
    task = Task(**{**values, "tools": tuple(values.get("tools", ()))}, answer=answer, checks=checks)
    if wrong := fault(task, Answer.right(task)):
        raise ConfigError(f"{label} refuses its own answer: {wrong}; mend the check or the answer.")
    return task


def _answer(entry: Mapping[str, object]) -> str | None:
    """The right answer, where a check leaves only one."""
    found = next((entry[kind] for kind in ("exact", "json", "number", "call") if kind in entry), None)
    return None if found is None else str(found)
