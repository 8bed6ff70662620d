"""`banditroute experiments`, beside a running service and without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from banditroute.cli import cli
from banditroute.config.load import load_settings
from banditroute.errors import ConfigError
from banditroute.offline.logs.export import export_log
from banditroute.store import open_store
from tests.config.test_experiments import FILE, PLAIN
from tests.service.live import ask, serving


def said(*args: str, config: Path) -> Result:
    done = CliRunner().invoke(cli, ["experiments", *args, "--config", str(config)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "banditroute.toml"
    late = "units = [0.5, 1.0]\nstart = 2999-01-01T00:00:00Z\nrunning = false"
    blocks = PLAIN.format(name="first", more="units = [0.0, 0.5]"), PLAIN.format(name="later", more=late)
    path.write_text("\n".join((FILE, *blocks)), encoding="utf-8")
    return path


def status(config: Path) -> dict[str, str]:
    return {
        one["experiment"]["name"]: one["status"]
        for one in json.loads(said("list", "--json", config=config).stdout)
    }


def test_list_start_and_stop(config: Path) -> None:
    assert status(config) == {"first": "running", "later": "stopped"}
    done = said("stop", "first", config=config)
    assert done.stdout == "first is stopped; event 1 of the controls.\n"
    assert json.loads(said("start", "later", "--json", config=config).stdout)["body"] == {"running": True}
    assert status(config) == {"first": "stopped", "later": "waiting"}
    table = said("list", config=config).stdout
    assert "waiting until 2999-01-01 00:00 UTC" in " ".join(table.split())
    assert "a 50%, b 50%" in table


def test_misuse(config: Path, tmp_path: Path) -> None:
    done = said("stop", "frist", config=config)
    assert done.exit_code == 2
    assert "did you mean `first`?" in done.output
    (tmp_path / "none.toml").write_text(FILE, encoding="utf-8")
    done = said("list", config=tmp_path / "none.toml")
    assert done.stdout.startswith("No experiment is configured; add [[experiments]]")
    memory = config.read_text().replace("sqlite:///events.db", "memory://")
    (tmp_path / "memory.toml").write_text(memory, encoding="utf-8")
    with pytest.raises(ConfigError, match="POST /v1/controls"):
        said("stop", "first", config=tmp_path / "memory.toml")


def test_over_http_the_reply_and_the_receipt_name_it_and_the_export_too(config: Path, tmp_path: Path) -> None:
    settings = load_settings(config, {})
    store = open_store(settings.store.url)
    with serving(settings, store) as where:
        for i in range(20):
            _, reply = ask(where, "POST", "/v1/route", {"unit": f"user-{i}", "request_class": "code"})
            _, receipt = ask(where, "GET", f"/v1/decisions/{reply['decision_id']}")
            for name in ("experiment", "variant", "policy"):
                assert receipt[name] == reply[name]
            assert (reply["experiment"], reply["variant"] in ("a", "b")) in (("first", True), (None, False))
        status, event = ask(
            where, "POST", "/v1/controls", {"kind": "experiment", "subject": "first", "running": False}
        )
        assert (status, event["body"]) == (200, {"running": False})
        for body in (
            {"kind": "experiment", "subject": "first"},
            {"kind": "experiment", "subject": "x", "running": True},
        ):
            assert ask(where, "POST", "/v1/controls", body)[0] == 422
        export_log(open_store(settings.store.url), settings, tmp_path / "log.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {(row["experiment"], row["variant"], row["variant_share"]) for row in rows} == {
        ("first", "a", 0.5),
        ("first", "b", 0.5),
        (None, None, None),
    }
