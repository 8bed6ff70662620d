"""A simulated judge: an upstream whose verdicts have a known bias and a known noise.

It sees the quality that a simulated answer bears (`banditroute.upstream.answers`) through the errors of its
profile, which are pure functions of (judge, answering model) and (judge, answer): `offset + slope·quality
+ bias of the model + noise`, cut to [0, 1]. So what calibration should find is known exactly. Asked anything
else than for a verdict, it answers as the simulated model of its name.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.types import Model
from banditroute.upstream.answers import Written, read_answer, text_key
from banditroute.upstream.chat import CHARACTERS_PER_TOKEN, Chat, Completion, Message, cost
from banditroute.upstream.keyed import normals, request_keys, subject_key

REPLY_TOKENS = 40

_QUOTED = re.compile(
    r"<(?P<mark>answer|first-answer|second-answer)-(?P<id>\w+)>\n(?P<body>.*?)\n</(?P=mark)-(?P=id)>",
    re.DOTALL,
)
_BIAS, _NOISE, _UNKNOWN = range(3)


@dataclass(frozen=True, slots=True)
class JudgeProfile:
    """The errors of a judge, in quality points: `model_sd` is the sd of its bias between models, `noise` that
    between answers; comparing, it adds `first` to the answer that is shown first, and calls what is closer
    than `tie` a tie."""

    offset: float = 0.10
    slope: float = 0.80
    model_sd: float = 0.05
    noise: float = 0.12
    first: float = 0.03
    tie: float = 0.02


class SimulatedJudge:
    """Judges simulated answers; a text that is none has a quality drawn by its key. `pace` is the seconds
    that a verdict takes."""

    def __init__(self, chat: Chat, profile: JudgeProfile | None = None, *, pace: float = 0.0) -> None:
        self._chat = chat
        self.profile = profile or JudgeProfile()
        self._pace = pace

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        asked = "\n".join(str(message.get("content") or "") for message in messages)
        quoted = list(_QUOTED.finditer(asked))
        if not quoted:
            return await self._chat.complete(model, messages, params)
        await asyncio.sleep(self._pace)
        seen = [self.seen(model.id, match["body"]) for match in quoted]
        verdict: dict[str, object] = {"id": quoted[0]["id"], "reasons": "It seemed so to a simulated judge."}
        verdict |= {"score": round(seen[0], 4)} if len(seen) == 1 else {"better": self._better(*seen)}
        tokens = max(1, len(asked) // CHARACTERS_PER_TOKEN), REPLY_TOKENS
        return Completion(json.dumps(verdict), *tokens, cost(model, *tokens), self._pace)

    async def close(self) -> None:
        await self._chat.close()

    def seen(self, judge: str, answer: str) -> float:
        """The score in [0, 1] that the judge of that name sees in an answer."""
        written = read_answer(answer) or Written("", 0.5 + 0.2 * _normal(judge, answer, _UNKNOWN))
        score = self.profile.offset + self.profile.slope * written.quality + self.bias(judge, written.model)
        return float(np.clip(score + self.profile.noise * _normal(judge, answer, _NOISE), 0.0, 1.0))

    def bias(self, judge: str, model: str) -> float:
        """What the judge of that name gives to every answer of a model."""
        return self.profile.model_sd * _normal(judge, model, _BIAS)

    def _better(self, first: float, second: float) -> str:
        ahead = first + self.profile.first - second
        return "tie" if abs(ahead) < self.profile.tie else ("first" if ahead > 0.0 else "second")


def _normal(judge: str, text: str, stream: int) -> float:
    """A standard normal number by key."""
    return float(normals(request_keys(0, np.array([text_key(text)])), subject_key(judge), stream)[0])
