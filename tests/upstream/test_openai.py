"""OpenAI's dialect, against a provider on loopback that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from banditroute.config.settings import Upstream
from banditroute.errors import ConfigError, UpstreamError
from banditroute.types import Model
from banditroute.upstream import openai
from banditroute.upstream.chat import Completion, Upstreams, most_input_tokens
from banditroute.upstream.openai import OpenAIChat

MODEL = Model(
    "mine", upstream_name="theirs-1", usd_per_input_token=1e-6, usd_per_output_token=4e-6, provider="they"
)
ASKED = [{"role": "user", "content": "How are you?"}]
FINE: dict[str, Any] = {
    "choices": [{"message": {"role": "assistant", "content": "Well."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 3},
}
PATIENCE = 120.0
"""Seconds after which something is taken to hang; what a busy machine delays never takes as long."""

REFUSED = {"error": {"message": "No.", "type": "x", "code": "y", "param": None}}


class Provider:
    """Answers each call with the next of its answers, the last one again and again."""

    def __init__(self, *answers: Callable[[], Any]) -> None:
        self.answers = list(answers)
        self.heard: list[tuple[dict[str, Any], Mapping[str, str]]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.heard.append((await request.json(), request.headers))
        made = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()
        reply: web.StreamResponse = await made if asyncio.iscoroutine(made) else made
        return reply


def says(body: object = FINE, status: int = 200, **headers: str) -> Callable[[], web.Response]:
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(text=text, status=status, headers=named)


def ask(
    provider: Provider, *, times: int = 1, timeout: float = PATIENCE, key: str = "secret", **params: object
) -> list[Completion]:
    async def run() -> list[Completion]:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", provider.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        bound = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, bound).start()
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1/"
        upstream = Upstream("they", base_url=url, api_key_env="THEIR_KEY")
        chat = OpenAIChat(upstream, timeout=timeout, environ={"THEIR_KEY": key})
        try:
            return [await chat.complete(MODEL, ASKED, params) for _ in range(times)]
        finally:
            await chat.close()
            await runner.cleanup()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_PAUSE", 0.001)


def test_an_answer_with_what_it_took() -> None:
    provider = Provider(says())
    began = time.perf_counter()
    (completion,) = ask(provider, max_tokens=5, temperature=0)
    took = time.perf_counter() - began
    assert (completion.text, completion.input_tokens, completion.output_tokens) == ("Well.", 11, 3)
    assert completion.usd == pytest.approx(11e-6 + 12e-6)
    assert (completion.finish_reason, completion.counted) == ("stop", True)
    assert 0.0 < completion.seconds < took
    body, headers = provider.heard[0]
    assert body == {"model": "theirs-1", "messages": ASKED, "max_tokens": 5, "temperature": 0}
    assert headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503, 529])
def test_a_refusal_that_may_pass_is_asked_again(status: int) -> None:
    provider = Provider(says(REFUSED, status), says(REFUSED, status), says())
    assert ask(provider)[0].text == "Well."
    assert len(provider.heard) == 3


def test_after_three_refusals_it_gives_up_in_words() -> None:
    provider = Provider(says(REFUSED, 429))
    with pytest.raises(
        UpstreamError, match=r"they answered with status 429 \(No\); its rate limit"
    ) as refusal:
        ask(provider)
    assert len(provider.heard) == 3
    assert not refusal.value.billed
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 302])
def test_a_refusal_for_good_is_not_asked_again(status: int) -> None:
    provider = Provider(says(REFUSED, status, Location="http://127.0.0.1:1/elsewhere"), says())
    with pytest.raises(UpstreamError, match=str(status)):
        ask(provider)
    assert len(provider.heard) == 1


@pytest.mark.parametrize("status", [408, 504, 524])
def test_a_late_answer_may_have_been_charged(status: int) -> None:
    provider = Provider(says("too late", status))
    with pytest.raises(UpstreamError) as refusal:
        ask(provider)
    assert refusal.value.billed
    assert len(provider.heard) == 1


def test_what_takes_too_long_is_not_asked_again_and_may_have_been_charged() -> None:
    async def later() -> web.Response:
        loop = asyncio.get_running_loop()
        clock = loop.time
        loop.time = lambda: clock() + 2 * PATIENCE  # type: ignore[method-assign]  # the time is up
        await asyncio.sleep(0.01)
        return web.Response(text="{}")

    provider = Provider(later)
    with pytest.raises(UpstreamError, match="no answer in time") as refusal:
        ask(provider)
    assert refusal.value.billed
    assert len(provider.heard) == 1


def test_who_cannot_be_reached_charged_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    chat = OpenAIChat(Upstream("they", base_url=f"http://127.0.0.1:{port}"))

    async def run() -> None:
        try:
            await chat.complete(MODEL, ASKED, {})
        finally:
            await chat.close()

    with pytest.raises(UpstreamError, match="cannot be reached") as failure:
        asyncio.run(run())
    assert not failure.value.billed


def test_the_pause_that_is_asked_for_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    class Standing(datetime):
        @classmethod
        def now(cls, _: object = None) -> Standing:
            return cls(2026, 3, 1, 12, tzinfo=UTC)

    monkeypatch.setattr("banditroute.upstream.openai.asyncio.sleep", counted)
    monkeypatch.setattr(openai, "datetime", Standing)
    soon = format_datetime(Standing.now() + timedelta(seconds=10), usegmt=True)
    ask(Provider(says(REFUSED, 429, Retry_After="3"), says(REFUSED, 503, Retry_After=soon), says()))
    assert pauses[:2] == [3.0, 10.0]


def test_a_pause_too_long_to_be_made_here_is_told() -> None:
    provider = Provider(says(REFUSED, 429, Retry_After="3600"))
    with pytest.raises(UpstreamError) as refusal:
        ask(provider)
    assert refusal.value.retry_after == 3600.0
    assert len(provider.heard) == 1


def test_a_parameter_that_a_model_does_not_take_is_left_out_or_renamed_for_good() -> None:
    def unsupported(param: str) -> Callable[[], web.Response]:
        return says({"error": {"message": "no", "code": "unsupported_parameter", "param": param}}, 400)

    provider = Provider(unsupported("max_tokens"), unsupported("temperature"), says())
    ask(provider, times=2, max_tokens=7, temperature=0)
    sent = [{key: value for key, value in body.items() if key not in ("model", "messages")}
            for body, _ in provider.heard]  # fmt: skip
    assert sent == [
        {"max_tokens": 7, "temperature": 0},
        {"max_completion_tokens": 7, "temperature": 0},
        {"max_completion_tokens": 7},
        {"max_completion_tokens": 7},
    ]


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "",
        [],
        {},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"content": ["x"]}}]},
        {**FINE, "usage": {"prompt_tokens": "many"}},
        {**FINE, "usage": []},
    ],
)
def test_what_is_not_the_dialect_is_refused_and_may_have_been_charged(body: object) -> None:
    with pytest.raises(UpstreamError, match="OpenAI's dialect") as refusal:
        ask(Provider(says(body)))
    assert refusal.value.billed


def test_without_a_count_the_most_there_can_have_been_is_charged() -> None:
    provider = Provider(says({"choices": [{"message": {"content": None}, "finish_reason": "length"}]}))
    (completion,) = ask(provider, max_tokens=50)
    assert (completion.text, completion.finish_reason, completion.counted) == ("", "length", False)
    assert (completion.input_tokens, completion.output_tokens) == (most_input_tokens(ASKED), 50)


def test_a_key_is_needed_where_one_is_named() -> None:
    with pytest.raises(ConfigError, match="THEIR_KEY is not set"):
        OpenAIChat(Upstream("they", api_key_env="THEIR_KEY"), environ={})


def test_calls_go_to_the_upstream_of_their_model() -> None:
    upstreams = Upstreams([Upstream("sim", dialect="simulated")])

    async def run() -> Completion:
        try:
            return await upstreams.complete(Model("gpt-4o", provider="sim"), ASKED, {})
        finally:
            await upstreams.close()

    assert "gpt-4o" in asyncio.run(run()).text
    with pytest.raises(ConfigError, match='no upstream "they"'):
        upstreams.open("they")
