"""OpenAI's dialect over HTTP, which nearly every provider speaks.

A call is repeated, with a growing pause, only where it cannot have been charged: the provider was not
reached, or refused. One that ran out of time may have been answered and charged all the same; its error
says so, and whether to ask again is the caller's choice.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec

from banditroute.config.settings import Upstream
from banditroute.errors import ConfigError, UpstreamError
from banditroute.types import Model
from banditroute.upstream.chat import Completion, Message, ToolCall, cost, most_input_tokens

BASE_URL = "https://api.openai.com/v1"

TRIES = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
"""Seconds. A provider that asks for a longer pause is not waited for: the caller hears how long it is."""

CONNECT_SECONDS = 10.0

_AGAIN = frozenset({409, 429, 500, 502, 503, 529})
_TOO_LATE = frozenset({408, 504, 524})
_UNSUPPORTED = frozenset({"unsupported_parameter", "unsupported_value"})
_INSTEAD = {"max_tokens": "max_completion_tokens"}
"""What newer models call a parameter; others that a model does not know are left out."""


class OpenAIChat:
    """One provider. Remembers which parameters each of its models does not take."""

    def __init__(
        self, upstream: Upstream, *, timeout: float = 60.0, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._name = upstream.name
        self._url = f"{(upstream.base_url or BASE_URL).rstrip('/')}/chat/completions"
        self._headers = {"Content-Type": "application/json", **authorization(upstream, environ)}
        self._timeout = timeout
        self._refused: dict[str, set[str]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        tries = 0
        while True:
            tries += 1
            sent = self._sent(model, messages, params)
            started = time.perf_counter()
            try:
                status, headers, content = await self._post(sent)
            except aiohttp.ClientConnectorError as error:
                failure = UpstreamError(
                    f"{self._name} cannot be reached ({error}); see base_url and the network."
                )
                await self._pause(failure, tries)
                continue
            except (aiohttp.ClientError, TimeoutError) as error:
                what = "no answer in time" if isinstance(error, TimeoutError) else str(error) or "cut off"
                raise UpstreamError(f"{self._name} did not answer ({what}).", billed=True) from error
            if status == 200:
                return _completion(self._name, model, messages, sent, content, time.perf_counter() - started)
            if status == 400 and self._learn(model, sent, content):
                tries -= 1
                continue
            failure = refusal(self._name, status, headers, content)
            if status not in _AGAIN:
                raise failure
            await self._pause(failure, tries)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, sent: Mapping[str, object]) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout, sock_connect=CONNECT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        # A redirect would carry the key to another address.
        request = self._session.post(
            self._url, data=msgspec.json.encode(sent), headers=self._headers, allow_redirects=False
        )
        async with request as reply:
            return reply.status, reply.headers, await reply.read()

    def _sent(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> dict[str, object]:
        name = model.upstream_name or model.id
        refused = self._refused.get(name, ())
        taken = {
            _INSTEAD.get(key, key) if key in refused else key: value
            for key, value in params.items()
            if key not in refused or key in _INSTEAD
        }
        return {**taken, "model": name, "messages": list(messages)}

    def _learn(self, model: Model, sent: Mapping[str, object], content: bytes) -> bool:
        """Whether the refusal names a parameter that the call can do without, or under another name."""
        error = _error(content)
        param, code = error.get("param"), error.get("code")
        if code not in _UNSUPPORTED or param not in sent or param in ("model", "messages"):
            return False
        self._refused.setdefault(model.upstream_name or model.id, set()).add(str(param))
        return True

    async def _pause(self, failure: UpstreamError, tries: int) -> None:
        """Waits before the next try; raises the failure where there is none."""
        pause = failure.retry_after
        if pause is None:
            pause = FIRST_PAUSE * 2.0 ** (tries - 1) * random.uniform(0.5, 1.0)
        if tries >= TRIES or pause > LONGEST_PAUSE:
            raise failure
        await asyncio.sleep(pause)


def authorization(upstream: Upstream, environ: Mapping[str, str]) -> dict[str, str]:
    """The header that carries the key of an upstream; none where it has no key. Raises ConfigError."""
    if upstream.api_key_env is None:
        return {}
    key = environ.get(upstream.api_key_env, "").strip()
    if not key:
        raise ConfigError(
            f"The environment variable {upstream.api_key_env} is not set; "
            f"it holds the key for the upstream {upstream.name}."
        )
    return {"Authorization": f"Bearer {key}"}


def _completion(
    name: str,
    model: Model,
    messages: Sequence[Message],
    sent: Mapping[str, object],
    content: bytes,
    seconds: float,
) -> Completion:
    """The answer in a reply. Its cost counts also where nothing can be made of it."""
    try:
        reply = msgspec.json.decode(content)
        choice = reply["choices"][0]
        text, reason = choice["message"].get("content") or "", choice.get("finish_reason") or "stop"
        usage = reply.get("usage")
        tokens = None if usage is None else (int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
        if not isinstance(text, str):
            raise TypeError("the content is no text")
        asked = choice["message"].get("tool_calls") or ()
        calls = tuple(ToolCall(str(own["name"]), str(own["arguments"])) for own in map(_function, asked))
    except (msgspec.DecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UpstreamError(
            f"The reply of {name} is not in OpenAI's dialect ({error}); see that base_url is the address "
            "of its API, as in https://api.openai.com/v1.",
            billed=True,
        ) from error
    if tokens is None:
        limit = sent.get("max_tokens", sent.get("max_completion_tokens"))
        written = limit if isinstance(limit, int) else len(text.encode())
        tokens = most_input_tokens(messages), written
    return Completion(text, *tokens, cost(model, *tokens), seconds, reason, usage is not None, calls)


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = call["function"]
    return found


def refusal(name: str, status: int, headers: Mapping[str, str], content: bytes) -> UpstreamError:
    """The error for a reply with another status than 200: what the provider said, and what to do."""
    told = str(_error(content).get("message") or "").strip().rstrip(".")[:300]
    what = f"{name} answered with status {status}{f' ({told})' if told else ''}"
    way_out = {
        401: "see that its key is right",
        403: "see that its key is right, and may use the model",
        404: "see that base_url and the model's upstream_name are right",
        429: "its rate limit or quota is used up",
    }.get(status, "see base_url" if 300 <= status < 400 else "")
    return UpstreamError(
        f"{what}; {way_out}." if way_out else f"{what}.",
        billed=status in _TOO_LATE,
        retry_after=_seconds(headers.get("Retry-After")),
    )


def _error(content: bytes) -> dict[str, Any]:
    """The error object of a refusal; empty where it has none."""
    try:
        error = msgspec.json.decode(content)["error"]
    except (msgspec.DecodeError, LookupError, TypeError):
        return {}
    return error if isinstance(error, dict) else {"message": error}


def _seconds(retry_after: str | None) -> float | None:
    """The Retry-After header, in seconds or as a date (RFC 9110, section 10.2.3)."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
