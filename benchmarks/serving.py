"""HTTP throughput: durable routing and feedback against a FastAPI app that does nothing.

    python benchmarks/serving.py --seconds 2 --rounds 5 --concurrency 32

Two real servers on loopback, one worker each, uvloop and httptools: banditroute on a SQLite file with
the starter configuration, and a FastAPI app whose one POST validates the same body with pydantic and
answers. This process makes the load, keep-alive connections with one request in flight each, and asks
them in turn; the medians over the rounds and their ratios are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import uvloop
from fastapi import FastAPI
from pydantic import BaseModel

ROUTE = {"request_class": "code", "input_tokens": 812, "max_output_tokens": 400, "unit": "user-123"}
FACTS = {"quality": 0.9, "latency_ms": 2140, "output_tokens": 377}

NextBody = Callable[[], bytes | None]
OnReply = Callable[[bytes], None]


class Asked(BaseModel):
    """The body of the app that does nothing."""

    request_class: str | None = None
    input_tokens: int | None = None
    max_output_tokens: int | None = None
    unit: str | None = None


class Answered(BaseModel):
    """Its answer."""

    decision_id: str
    model: str


idle = FastAPI()


@idle.post("/noop")
async def answer(body: Asked) -> Answered:
    """Validates, and answers."""
    return Answered(decision_id="0", model=body.request_class or "")


class Caller(asyncio.Protocol):
    """One keep-alive connection: sends the next body as soon as the last reply is complete."""

    def __init__(self, path: str, next_body: NextBody, on_reply: OnReply) -> None:
        self._head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
        self._next_body = next_body
        self._on_reply = on_reply
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts."""
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Ends; before its time if the server closed."""
        if not self.done.done():
            self.done.set_exception(error or RuntimeError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Takes a reply once it is whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
        if len(body) < length:
            return
        if b" 200 " not in head[:16]:
            self.done.set_exception(RuntimeError(body.decode()))
            self._transport.close()
            return
        self._received = b""
        self._on_reply(body)
        self._send()

    def _send(self) -> None:
        body = self._next_body()
        if body is None:
            self._transport.close()
            self.done.set_result(None)
        else:
            self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body))


async def load(port: int, path: str, next_body: NextBody, on_reply: OnReply, concurrency: int) -> None:
    """Keeps `concurrency` requests in flight until there is no next body."""
    loop = asyncio.get_running_loop()
    callers = [
        (await loop.create_connection(lambda: Caller(path, next_body, on_reply), "127.0.0.1", port))[1]
        for _ in range(concurrency)
    ]
    await asyncio.gather(*(caller.done for caller in callers))


def measured(
    port: int, path: str, bodies: Iterator[bytes], seconds: float, concurrency: int
) -> tuple[float, list[bytes]]:
    """Requests per second, and the replies."""
    replies: list[bytes] = []
    started = time.perf_counter()

    def next_body() -> bytes | None:
        return next(bodies, None) if time.perf_counter() - started < seconds else None

    uvloop.run(load(port, path, next_body, replies.append, concurrency))
    return len(replies) / (time.perf_counter() - started), replies


@contextmanager
def server(command: list[str], folder: Path) -> Iterator[int]:
    """A server process on a port of its own; gives the port it names."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                yield int(found[1])
                break
        else:
            raise RuntimeError("the server did not start")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def always(body: dict[str, object]) -> Iterator[bytes]:
    """The same body for ever."""
    encoded = json.dumps(body).encode()
    while True:
        yield encoded


def feedback(replies: list[bytes]) -> Iterator[bytes]:
    """Feedback on every decision of some routing replies."""
    return (
        json.dumps({"decision_id": json.loads(reply)["decision_id"], **FACTS}).encode() for reply in replies
    )


def compare(noop_port: int, port: int, seconds: float, rounds: int, concurrency: int) -> dict[str, float]:
    """Medians of requests per second over the rounds; the three take turns within each."""
    rates: dict[str, list[float]] = {"noop": [], "route": [], "feedback": []}
    for number in range(rounds + 1):
        noop_rate, _ = measured(noop_port, "/noop", always(ROUTE), seconds, concurrency)
        route_rate, replies = measured(port, "/v1/route", always(ROUTE), seconds, concurrency)
        bodies = list(feedback(replies))
        feedback_rate, _ = measured(port, "/v1/feedback", iter(bodies), seconds, concurrency)
        print(f"{'warm-up' if number == 0 else f'round {number}':8} no-op {noop_rate:7,.0f}/s   "
              f"route {route_rate:7,.0f}/s   feedback {feedback_rate:7,.0f}/s", flush=True)  # fmt: skip
        if number:
            for name, rate in zip(rates, (noop_rate, route_rate, feedback_rate), strict=True):
                rates[name].append(rate)
    return {name: statistics.median(values) for name, values in rates.items()}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()
    here = Path(__file__)
    does_nothing = [
        sys.executable,
        "-m",
        "uvicorn",
        "serving:idle",
        "--app-dir",
        str(here.parent),
        "--port",
        "0",
    ]
    does_nothing += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    ours = [sys.executable, "-m", "banditroute"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([*ours, "init"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with (
            server(does_nothing, folder) as noop_port,
            server([*ours, "serve", "--port", "0"], folder) as port,
        ):
            medians = compare(noop_port, port, options.seconds, options.rounds, options.concurrency)
    noop = medians["noop"]
    for name in ("route", "feedback"):
        print(f"{name}: {medians[name]:,.0f}/s, {medians[name] / noop:.2f} times no-op ({noop:,.0f}/s)")


if __name__ == "__main__":
    main()
