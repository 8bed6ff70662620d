"""The simulated models as an upstream: texts instead of numbers, with the truth written into them.

An answer is a pure function of (seed, model, messages). It is a sentence that names the model and the
quality which the simulated world gave it, so that a simulated judge can see it and everybody else can
check what the judge made of it. A prompt of the simulated world is answered as its class is; any other as
one of a class that its key draws.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b

import msgspec
import numpy as np

from banditroute.errors import UpstreamError
from banditroute.types import Model
from banditroute.upstream.chat import CHARACTERS_PER_TOKEN, Completion, Message, cost
from banditroute.upstream.prompts import TEMPLATES
from banditroute.upstream.simulated import SimulatedWorld

_MARK = re.compile(r"\[simulated answer of (?P<model>\S+), quality (?P<quality>[01]\.\d{4})\]")


@dataclass(frozen=True, slots=True)
class Written:
    """What a simulated answer says of itself."""

    model: str
    quality: float


def written_answer(model: str, prompt: str, quality: float) -> str:
    """The text of a simulated answer with the given quality in [0, 1]."""
    subject = " ".join(prompt.split())[:80]
    return f"What {model} says on “{subject}”. [simulated answer of {model}, quality {quality:.4f}]"


def read_answer(text: str) -> Written | None:
    """What a text says of itself, where it is a simulated answer."""
    found = _MARK.search(text)
    return None if found is None else Written(found["model"], float(found["quality"]))


class SimulatedChat:
    """The models of a simulated world. Answers come at once, or after `pace` times what they would take."""

    def __init__(self, world: SimulatedWorld | None = None, *, pace: float = 0.0) -> None:
        self._world = world or SimulatedWorld()
        self._position = {model.id: i for i, model in enumerate(self._world.models)}
        self._pace = pace

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        position = self._position.get(model.upstream_name or model.id)
        if position is None:
            raise UpstreamError(
                f"The simulated world has no model {model.upstream_name or model.id}; "
                f"it has {', '.join(self._position)}."
            )
        prompt = "\n".join(str(message.get("content") or "") for message in messages)
        asked = self._world.requests(np.array([text_key(msgspec.json.encode(list(messages)).decode())]))
        name = class_of(prompt)
        if name in self._world.classes:
            asked = replace(asked, request_class=np.array([self._world.classes.index(name)]))
        made = self._world.outcomes_of(asked)
        seconds, output = float(made.seconds[0, position]), int(made.output_tokens[0, position])
        await asyncio.sleep(self._pace * seconds)
        if made.error[0, position]:
            raise UpstreamError(f"The simulated model {model.id} failed, as it sometimes does.")
        limit = params.get("max_tokens")
        cut = isinstance(limit, int) and output > limit
        output = limit if isinstance(limit, int) and cut else output
        tokens = max(1, len(prompt) // CHARACTERS_PER_TOKEN), output
        text = written_answer(model.id, prompt, float(made.quality[0, position]))
        return Completion(text, *tokens, cost(model, *tokens), seconds, "length" if cut else "stop")

    async def close(self) -> None:
        """There is nothing to close."""


def text_key(text: str) -> int:
    """The number of the simulated request that a text stands for: 62 bits of its digest."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 2


def class_of(prompt: str) -> str | None:
    """The class of a prompt that the simulated world made; None for any other."""
    return next((name for name, pattern in _patterns() if pattern.search(prompt)), None)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (name, re.compile(re.escape(template).replace(r"\{\}", f"(?:{'|'.join(map(re.escape, of.topics))})")))
        for name, of in TEMPLATES.items()
        for template in (*of.plain, *of.demanding)
    )
