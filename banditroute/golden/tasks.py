"""What a golden set is: small tasks, each with the checks that a right answer passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CAPABILITIES = ("tools", "json")
"""Areas that are for models which declare the capability of that name."""

CHECKS = ("exact", "regex", "number", "json", "schema", "call")


@dataclass(frozen=True, slots=True)
class Task:
    """One question. `checks` are what an answer must be, by kind (`CHECKS`); `tools` are functions in
    OpenAI's shape. `answer` is a right one, the JSON of a call where a tool is to be called."""

    name: str
    area: str
    prompt: str
    answer: str
    checks: Mapping[str, Any]
    system: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    max_output_tokens: int = 400

    @property
    def messages(self) -> list[dict[str, object]]:
        """What is sent."""
        asked: list[dict[str, object]] = [{"role": "user", "content": self.prompt}]
        return [{"role": "system", "content": self.system}, *asked] if self.system else asked

    @property
    def params(self) -> dict[str, object]:
        """The call's parameters under OpenAI's names."""
        params: dict[str, object] = {"max_tokens": self.max_output_tokens, "temperature": 0}
        if self.area == "json":
            params["response_format"] = {"type": "json_object"}
        if self.tools:
            params["tools"] = [{"type": "function", "function": dict(tool)} for tool in self.tools]
        return params


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """Tasks in their order; `label` tells this set from every other, also where nobody raised the version."""

    label: str
    tasks: tuple[Task, ...]

    def for_capabilities(self, capabilities: frozenset[str]) -> tuple[Task, ...]:
        """The tasks that a model with these capabilities takes."""
        return tuple(
            task for task in self.tasks if task.area not in CAPABILITIES or task.area in capabilities
        )
