"""Asking a model: one completion of a chat, whoever serves it.

    upstreams = Upstreams(settings.upstreams)
    completion = await upstreams.complete(model, [{"role": "user", "content": "…"}], {"max_tokens": 400})

An upstream is whatever has `complete` and `close` (`Chat`): a provider that speaks OpenAI's dialect
(`banditroute.upstream.openai`), or the simulated models (`banditroute.upstream.answers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from banditroute.config.settings import Upstream
from banditroute.errors import ConfigError
from banditroute.types import Model

Message = Mapping[str, object]
"""In OpenAI's shape: `role` and `content`."""

CHARACTERS_PER_TOKEN = 4
"""What a token is worth in ordinary text, where only a guess is needed."""

MESSAGE_TOKENS = 16
"""More than any provider's template spends on one message."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function that a model asks for; `arguments` is JSON as the model wrote it."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, and what it took: tokens, USD and seconds.

    `counted` is false where the provider did not say how many tokens there were: then they are the most
    there can have been. `finish_reason` is `length` where the limit on output cut the text off.
    """

    text: str
    input_tokens: int
    output_tokens: int
    usd: float
    seconds: float
    finish_reason: str = "stop"
    counted: bool = True
    tool_calls: tuple[ToolCall, ...] = ()


class Chat(Protocol):
    """Whoever completes chats; to be used from one event loop."""

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        """The answer of `model`. `params` are call parameters under OpenAI's names.

        Raises UpstreamError where there is none.
        """
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


class Upstreams:
    """Sends each call to the upstream that serves its model (`Model.provider`)."""

    def __init__(self, upstreams: Sequence[Upstream], *, timeout: float = 60.0) -> None:
        self._upstreams = {upstream.name: upstream for upstream in upstreams}
        self._timeout = timeout
        self._open: dict[str, Chat] = {}

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        return await self._chat(model.provider).complete(model, messages, params)

    def open(self, name: str) -> None:
        """Makes an upstream ready: where it lacks its key, ConfigError comes now, not at the first call."""
        self._chat(name)

    async def close(self) -> None:
        for chat in self._open.values():
            await chat.close()
        self._open.clear()

    def _chat(self, name: str) -> Chat:
        if name not in self._open:
            if name not in self._upstreams:
                raise ConfigError(f'There is no upstream "{name}"; declare it in [[upstreams]].')
            self._open[name] = open_chat(self._upstreams[name], timeout=self._timeout)
        return self._open[name]


def open_chat(upstream: Upstream, *, timeout: float) -> Chat:
    """The chat of an upstream; `timeout` in seconds for one answer. Raises ConfigError without its key."""
    if upstream.dialect == "simulated":
        from banditroute.upstream.answers import SimulatedChat

        return SimulatedChat()
    from banditroute.upstream.openai import OpenAIChat

    return OpenAIChat(upstream, timeout=timeout)


def cost(model: Model, input_tokens: float, output_tokens: float) -> float:
    """USD of a call at list prices; a model without any price counts as free."""
    if model.usd_per_input_token is None or model.usd_per_output_token is None:
        return model.usd_per_request or 0.0
    return input_tokens * model.usd_per_input_token + output_tokens * model.usd_per_output_token


def most_input_tokens(messages: Sequence[Message]) -> int:
    """More tokens than the messages can have: every tokenizer in use makes at most one of a byte of
    UTF-8. A tight bound would need each model's own; where money is reserved, the bound is what counts."""
    return sum(len(msgspec.json.encode(message)) + MESSAGE_TOKENS for message in messages)
