"""`banditroute rebuild`: what it finds, what it mends, and how it ends."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from banditroute.cli import main
from banditroute.config.load import load_settings
from banditroute.config.starter import write_starter
from banditroute.router import Router
from banditroute.routing.engine import opened_store
from banditroute.routing.follow import save_state


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose log holds ten outcomes."""
    path = tmp_path / "banditroute.toml"
    write_starter(path)
    with Router.from_toml(path) as router:
        for i in range(10):
            router.feedback(router.route(request_class="code").id, quality=i / 10)
    return path


def spoilt(config: Path) -> None:
    """The snapshot, off by a thousandth."""
    settings = load_settings(config)
    with Router(settings) as router:
        state = router.state
    sums = state.stats[0]
    assert sums is not None
    store = opened_store(settings)
    save_state(store, settings, replace(state, stats=(replace(sums, xy=sums.xy * 1.001), *state.stats[1:])))
    store.close()


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return int(end.value.code or 0)


def test_a_log_that_agrees(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("rebuild", "--config", config, "--verify") == 0
    told = capsys.readouterr()
    assert "Folded 10 events on 10 decisions from zero" in told.out
    assert ended("rebuild", "--config", config, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["difference"] <= 1e-9
    assert {**report, "difference": 0.0} == {
        "events": 10, "decisions": 10, "snapshot_seq": 10, "difference": 0.0, "agrees": True,
    }  # fmt: skip


def test_a_snapshot_that_cannot_be_read_is_told_and_replaced(
    config: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(config.with_name("banditroute.db")) as connection:
        connection.execute("UPDATE snapshots SET payload = x''")
    connection.close()
    for arguments, damaged in ((["--verify"], True), ([], True), (["--verify"], False)):
        caplog.clear()
        assert ended("rebuild", "--config", config, *arguments) == 0
        assert ("event 10 is damaged" in caplog.text) is damaged
        assert ("no snapshot to compare with" in capsys.readouterr().out) is damaged


def test_a_snapshot_that_lies_is_found_and_replaced(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt(config)
    for verify, code in ((True, 1), (True, 1), (False, 1), (True, 0)):
        assert ended("rebuild", "--config", config, *(["--verify"] if verify else [])) == code
        told = capsys.readouterr()
        if code:
            assert "differs" in told.err
            assert ("without --verify" in told.err) is verify
