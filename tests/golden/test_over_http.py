"""The golden set over real HTTP: a provider on loopback that speaks OpenAI's dialect, tool calls included."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from banditroute.cli import cli
from banditroute.golden.answers import Answer
from banditroute.golden.reading import read_golden

TASKS = {task.prompt: task for task in read_golden().tasks}


def reply(asked: dict[str, Any], *, able: bool) -> dict[str, Any]:
    """The right answer to a golden task; a model that is not `able` describes its calls instead."""
    task = TASKS[asked["messages"][-1]["content"]]
    answer = Answer.right(task)
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if task.tools:
        assert asked["tools"][0]["type"] == "function"
        if able:
            message["tool_calls"] = [
                {
                    "id": f"call-{i}",
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for i, call in enumerate(answer.calls)
            ]
        else:
            message["content"] = task.answer
    return {
        "choices": [{"message": message, "finish_reason": "tool_calls" if task.tools and able else "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10},
    }


@contextmanager
def provider() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(reply(asked, able=asked["model"] == "able")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_calls_reach_the_check_and_talk_of_calls_does_not_pass(tmp_path: Path) -> None:
    config = tmp_path / "banditroute.toml"
    price = "usd_per_million_input = 1.0\nusd_per_million_output = 2.0\n"
    with provider() as url:
        config.write_text(
            f'[[upstreams]]\nname = "they"\nbase_url = "{url}"\n'
            f'[[models]]\nid = "able"\ncapabilities = ["tools", "json"]\n{price}'
            f'[[models]]\nid = "talker"\ncapabilities = ["tools", "json"]\n{price}'
        )
        done = CliRunner().invoke(cli, ["probe", "--config", str(config), "--json"])
    assert done.exit_code == 1, done.output
    able, talker = json.loads(done.stdout)["models"]
    assert able["passed"], able
    assert able["usd"] == pytest.approx(len(TASKS) * (20 * 1e-6 + 10 * 2e-6))
    assert talker["areas"]["tools"] == {"passed": 0, "taken": 5}
    assert (talker["reason"], talker["areas"]["json"]["passed"]) == ("probe_failed", 6)
    assert set(talker["failed"].values()) == {"no tool called"}
    told = CliRunner().invoke(cli, ["check", "--config", str(config)])
    assert "model talker passed 0 of 5 tasks of tools" in told.stderr
    assert "model able" not in told.stderr
