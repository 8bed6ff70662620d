"""Whether an answer to a golden task is right: deterministic checks, and what is wrong in a few words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from banditroute.errors import ConfigError
from banditroute.golden.tasks import Task
from banditroute.upstream.chat import Completion, ToolCall

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, and the tools that it called."""

    text: str
    calls: tuple[ToolCall, ...] = ()

    @classmethod
    def of(cls, completion: Completion) -> Answer:
        """The answer in a completion."""
        return cls(completion.text, completion.tool_calls)

    @classmethod
    def right(cls, task: Task) -> Answer:
        """The right answer that a task bears: its text, or the call."""
        if "call" not in task.checks:
            return cls(task.answer)
        call = json.loads(task.answer)
        return cls("", (ToolCall(call["name"], json.dumps(call["arguments"])),))


def fault(task: Task, answer: Answer) -> str | None:
    """What is wrong with an answer; None where nothing is."""
    for kind, wanted in task.checks.items():
        found = (
            _call_fault(task, answer.calls, wanted) if kind == "call" else _FAULTS[kind](answer.text, wanted)
        )
        if found is not None:
            return found
    return None


def _exact(said: str, wanted: str) -> str | None:
    return None if said.strip() == wanted.strip() else f"not {_short(wanted)} but {_short(said)}"


def _regex(said: str, pattern: str) -> str | None:
    return None if re.fullmatch(pattern, said.strip()) else f"not of the form asked for: {_short(said)}"


def _number(said: str, wanted: float) -> str | None:
    numbers = _NUMBER.findall(said)
    if not numbers:
        return f"no number in {_short(said)}"
    last = float(numbers[-1].replace(",", ""))
    return None if abs(last - wanted) <= _CLOSE * max(1.0, abs(wanted)) else f"not {wanted:g} but {last:g}"


def _json(said: str, wanted: object) -> str | None:
    try:
        found = json.loads(said)
    except ValueError:
        return f"no JSON: {_short(said)}"
    return None if _same(found, wanted) else f"not {_short(json.dumps(wanted))} but {_short(said)}"


def _schema(said: str, schema: Mapping[str, Any]) -> str | None:
    try:
        return schema_fault(json.loads(said), schema)
    except ValueError:
        return f"no JSON: {_short(said)}"


_FAULTS: Mapping[str, Callable[[str, Any], str | None]] = {
    "exact": _exact,
    "regex": _regex,
    "number": _number,
    "json": _json,
    "schema": _schema,
}


def schema_fault(value: object, schema: Mapping[str, Any]) -> str | None:
    """What keeps a value from being valid under a JSON schema (drafts 4, 6 and 7); None where it is valid.

    Raises ConfigError for what is no schema.
    """
    import fastjsonschema  # compiles the schema: only where one is checked

    try:
        fastjsonschema.compile(dict(schema))(value)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error.message)
    except Exception as error:  # noqa: BLE001 (whatever breaks the compiler is no schema)
        raise ConfigError(
            f"A schema of the golden set is not valid ({error}); see json-schema.org."
        ) from None
    return None


def _call_fault(task: Task, calls: Sequence[ToolCall], wanted: Mapping[str, Any]) -> str | None:
    if len(calls) != 1:
        return "no tool called" if not calls else f"{len(calls)} tools called instead of one"
    (call,) = calls
    if call.name != wanted["name"]:
        return f"called {call.name} instead of {wanted['name']}"
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        return f"arguments are no JSON: {_short(call.arguments)}"
    tool = next(tool for tool in task.tools if tool["name"] == call.name)
    invalid = schema_fault(arguments, tool.get("parameters", {}))
    if invalid is None and not _same(arguments, wanted["arguments"]):
        return f"called with {_short(call.arguments)}"
    return invalid


def _same(found: object, wanted: object) -> bool:
    """Equal as JSON: the order of keys is free, true is not 1, and 5.0 is 5."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(_same(found[key], wanted[key]) for key in wanted)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(_same, found, wanted))
    return isinstance(found, bool) == isinstance(wanted, bool) and found == wanted


def _short(said: str) -> str:
    line = " ".join(said.split())
    return f'"{line}"' if len(line) <= 60 else f'"{line[:57]}…"'
