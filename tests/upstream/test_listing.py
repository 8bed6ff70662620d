"""Which models providers serve, asked on loopback, and what the configuration lacks of them."""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from banditroute.cli import cli
from banditroute.config.load import load

SERVED = {"object": "list", "data": [{"id": name} for name in ("gpt-4o", "gpt-4.1", "house-7b", "o3", "o3")]}


@contextmanager
def provider(status: int, body: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A provider on loopback that answers everything alike; its address, and what it heard."""
    heard: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


CONFIG = """
[[classes]]
name = "code"
[[upstreams]]
name = "openai"
base_url = "{url}"
api_key_env = "SOME_KEY"
[[upstreams]]
name = "simulated"
dialect = "simulated"
[[models]]
id = "gpt-4o"
upstream = "openai"
[[models]]
id = "old"
upstream = "openai"
upstream_name = "gpt-3"
[[models]]
id = "o3"
upstream = "simulated"
"""


def discovered(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> Result:
    monkeypatch.setenv("SOME_KEY", "secret")
    file = folder / "banditroute.toml"
    file.write_text(CONFIG.format(url=url))
    return CliRunner().invoke(cli, ["check", "--discover", "--config", str(file), *more])


def test_new_and_gone_models_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider(200, json.dumps(SERVED)) as (url, heard):
        done = discovered(tmp_path, url, monkeypatch, "--json")
    assert heard == [("/v1/models", "Bearer secret")]
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["discovered"]
    assert (found["upstream"], found["gone"], found["trouble"]) == ("openai", ["old"], None)
    assert [own["id"] for own in found["new"]] == ["gpt-4.1", "house-7b", "openai/o3"]
    assert found["new"][1]["toml"] is None


def test_what_is_printed_can_be_added_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider(200, json.dumps(SERVED)) as (url, _):
        done = discovered(tmp_path, url, monkeypatch)
        entries = json.loads(discovered(tmp_path, url, monkeypatch, "--json").stdout)["discovered"][0]["new"]
    assert "openai: 3 new, 1 gone." in done.stdout
    assert "It does not serve old any more" in done.stdout
    assert "in no list of prices or results: house-7b." in done.stdout
    block = entries[0]["toml"]
    assert block in done.stdout
    (model,) = tomllib.loads(block)["models"]
    assert model["usd_per_million_input"] == 2
    assert 0.9 < model["prior_quality"] < 1.0
    file = tmp_path / "banditroute.toml"
    file.write_text(file.read_text() + block + "\n" + entries[2]["toml"])
    names = {own.id: own.upstream_name for own in load(file, {"SOME_KEY": "x"}).settings.models}
    assert names == {"gpt-4o": None, "old": "gpt-3", "o3": None, "gpt-4.1": None, "openai/o3": "o3"}


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, '{"error": {"message": "No."}}', "see that its key is right"),
        (302, "", "see base_url"),
        (200, "<html>", "not in OpenAI's dialect"),
        (200, '{"data": [3]}', "not in OpenAI's dialect"),
    ],
)
def test_a_provider_that_does_not_say_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: str, told: str
) -> None:
    with provider(status, body) as (url, _):
        done = discovered(tmp_path, url, monkeypatch)
    assert done.exit_code == 1
    assert told in done.stdout
    assert "Traceback" not in done.output


def test_nobody_is_asked_where_nobody_speaks_the_dialect(tmp_path: Path) -> None:
    file = tmp_path / "banditroute.toml"
    file.write_text('[[models]]\nid = "gpt-4o"\n')
    done = CliRunner().invoke(cli, ["check", "--discover", "--config", str(file)])
    assert done.exit_code == 0
    assert "there is nobody to ask" in done.stdout
