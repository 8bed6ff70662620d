"""`check`: what every section says in plain words, and nothing passed that `serve` refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from banditroute.commands.check import check
from banditroute.commands.serve import serve
from banditroute.config.starter import write_starter

FULL = """
[judge]
model = "gpt-4o"
base_rate = 0.1
[budget]
usd_per_day = 5
exploration_usd_per_day = 0.5
[alerts]
webhook = "https://hooks.example.com/T0/secret-path"
[auth]
required = true
[telemetry]
endpoint = "https://collector.example.com/secret-path"
sample = 0.1
[logging]
format = "json"
[[guardrails]]
request_class = "code"
baseline = "gpt-4o"
margin = 0.03
[[experiments]]
name = "learned"
[[experiments.variants]]
name = "premium"
policy = "fixed:gpt-4o"
share = 0.4
[[experiments.variants]]
name = "auto"
policy = "thompson"
share = 0.6
"""

REMOTE = """
[[upstreams]]
name = "far"
dialect = "openai"
base_url = "http://127.0.0.1:9"
api_key_env = "NO_SUCH_KEY_HERE"
[judge]
model = "some-judge"
upstream = "far"
usd_per_million_input = 1
usd_per_million_output = 1
"""

REFUSED = {
    "secret": (
        '[alerts]\nwebhook = "https://a.example"\nsecret_env = "NO_SUCH_SECRET_HERE"\n',
        "NO_SUCH_SECRET",
    ),
    "redactor": ('[judge]\nmodel = "gpt-4o"\nredactor = "no_such_module:f"\n', "cannot be imported"),
    "judge key": (REMOTE, "NO_SUCH_KEY_HERE is not set"),
    "rubric": ('[judge]\nmodel = "gpt-4o"\nrubric = "none.toml"\n', "none.toml"),
}


def configured(folder: Path, more: str) -> Path:
    path = folder / "banditroute.toml"
    write_starter(path)
    path.write_text(path.read_text() + more)
    return path


def checked(path: Path, *options: str) -> Result:
    return CliRunner().invoke(check, ["--config", str(path), *options])


def test_every_configured_section_is_told(tmp_path: Path) -> None:
    path = configured(tmp_path, FULL)
    path.write_text(path.read_text().replace("[trial]\n", "[trial]\nmax_share = 0.2\n"))
    done = checked(path)
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    for words in (
        "gpt-4o scores 10% of all answers",
        "5 USD a day in the mean",
        "Trying models may cost 0.5 USD a day",
        "posted to hooks.example.com, unsigned",
        "at most 20% of all choices",
        "budget at most 60%",
        "Everybody needs an API key",
        "In code, mean quality is at least that of gpt-4o less 0.03",
        "40% premium (fixed:gpt-4o), 60% auto (thompson)",
        "Sends 10% of all traces to collector.example.com as banditroute.",
        "Logs from info on, as one JSON object a line; decisions at debug.",
        "Nothing is set in trust.",
        "[auth] asks for API keys and none holds",
    ):
        assert words in told, words
    assert "secret-path" not in told
    sections = json.loads(checked(path, "--json").stdout)["sections"]
    assert sections["judge"]["values"]["base_rate"] == 0.1
    assert sections["trial"]["values"]["usd_per_day"] is None  # without a limit
    assert not sections["trust"]["set"]
    assert "secret-path" not in json.dumps(sections)


@pytest.mark.parametrize("name", REFUSED)
def test_what_serve_refuses_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    more, says = REFUSED[name]
    path = configured(tmp_path, more)
    done = checked(path)
    served = CliRunner().invoke(serve, ["--config", str(path), "--port", "0"])
    assert done.exception is not None
    assert served.exception is not None
    assert str(done.exception) == str(served.exception)
    assert str(done.exception).startswith(f"{path}:")
    assert says in str(done.exception)


def test_a_judge_apart_may_lack_its_key_here(tmp_path: Path) -> None:
    done = checked(configured(tmp_path, f"{REMOTE}worker = false\n"))
    assert done.exit_code == 0, done.output
    assert "start `banditroute judge`" in " ".join(done.output.split())


def test_an_open_address_needs_keys_unless_it_is_said_to_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configured(tmp_path, "")
    monkeypatch.setenv("BANDITROUTE_SERVER__HOST", "0.0.0.0")
    refused = checked(path)
    assert refused.exception is not None
    assert "no API key tells them apart" in str(refused.exception)
    assert checked(path, "--insecure").exit_code == 0
    assert not (tmp_path / "banditroute.db").exists()


def test_an_event_log_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = configured(tmp_path, "")
    monkeypatch.setenv("BANDITROUTE_STORE__URL", "sqlite:///none/banditroute.db")
    refused = checked(path)
    assert refused.exception is not None
    assert "does not exist: create it" in str(refused.exception)
