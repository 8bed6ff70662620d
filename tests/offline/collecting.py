"""A small collection to test with: prompts of the simulated world, and models that do as they are told."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from banditroute.config.load import load_settings
from banditroute.config.settings import Settings
from banditroute.config.starter import write_starter
from banditroute.errors import UpstreamError
from banditroute.types import Model
from banditroute.upstream.chat import Completion, Message, cost, most_input_tokens
from banditroute.upstream.simulated import SimulatedWorld

MODELS = ("deepseek-v3", "gpt-4o-mini")
JUDGE = "claude-sonnet"


def starter(folder: Path) -> Settings:
    """The starter configuration, written to a folder."""
    write_starter(folder / "banditroute.toml")
    return load_settings(folder / "banditroute.toml", env={})


def prompts_file(path: Path, n: int) -> Path:
    """Prompts of the simulated world as CSV; every other one names its class."""
    world = SimulatedWorld(seed=3)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("request_id", "request_class", "prompt"))
        for index in range(n):
            asked = world.request(index)
            rows.writerow((f"q{index}", asked.request_class if index % 2 else "", asked.prompt))
    return path


class Puppet:
    """Models whose calls cost the most that they can, and a judge that gives 0.5. Those named in `failing`
    fail, as does every call that holds `fails_on`; to what holds all of `confusing` the judge talks
    nonsense."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.failing: set[str] = set()
        self.fails_on = ""
        self.bills_failures = False
        self.confusing: tuple[str, ...] | None = None
        self.usd = 0.0
        self.at_a_time = self.most_at_a_time = 0

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        asked = str(messages[-1]["content"])
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        await asyncio.sleep(0.0005)
        self.at_a_time -= 1
        if model.id in self.failing or (self.fails_on and self.fails_on in asked):
            raise UpstreamError(f"{model.id} is out.", billed=self.bills_failures)
        limit = params["max_tokens"]
        assert isinstance(limit, int)
        tokens = most_input_tokens(messages), limit
        usd = cost(model, *tokens)
        self.usd += usd
        return Completion(self._reply(model.id, asked), *tokens, usd, 0.5)

    async def close(self) -> None:
        return

    def _reply(self, model: str, asked: str) -> str:
        quoted = re.search(r"<request-(\w+)>\n(.*?)\n</request", asked, re.DOTALL)
        self.asked[model, quoted[2] if quoted else asked] += 1
        if quoted is None:
            return f"{model} says: {'word ' * 300}"
        if self.confusing is not None and all(part in asked for part in self.confusing):
            return "I like it."
        return json.dumps({"id": quoted[1], "reasons": "So it is.", "score": 0.5})
