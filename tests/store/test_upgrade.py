"""An event log of an earlier version is brought up to date, and loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

from alembic import command
from alembic.config import Config
from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text

import banditroute.store.engine as engine
from banditroute.cli import cli
from banditroute.store import open_store
from banditroute.store.tables import HEAD, metadata

CONFIG = '[store]\nurl = "sqlite:///old.db"\n[[models]]\nid = "a"\n'


def old_log(path: Path) -> None:
    """A log as the first version left it, with one decision that has one outcome."""
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(engine._MIGRATIONS))
        command.upgrade(config, "0001")
        body = json.dumps(
            {
                "id": "d", "at": 1.0, "context": {}, "preferences": {}, "candidates": [], "excluded": [],
                "model": "a", "propensity": 1.0, "policy": "cheapest", "seed": 1, "draw": 0.5, "state_seq": 0,
            }
        )  # fmt: skip
        connection.execute(
            text(
                "INSERT INTO decisions (id, at, request_class, model, policy, kind, propensity, body) "
                "VALUES ('d', 1.0, 'other', 'a', 'cheapest', 'drawn', 1.0, :body)"
            ),
            {"body": body},
        )
        connection.execute(
            text(
                "INSERT INTO outcomes (seq, decision_id, factor, value, source, rater, principal, at, "
                "weight) VALUES (1, 'd', 'quality', 0.75, 'user', '', '', 2.0, 1.0)"
            )
        )


def test_the_tables_are_those_of_this_version_and_hold_what_they_held(tmp_path: Path) -> None:
    old_log(tmp_path / "old.db")
    (tmp_path / "banditroute.toml").write_text(CONFIG)
    done = CliRunner().invoke(
        cli, ["db", "upgrade", "--config", str(tmp_path / "banditroute.toml"), "--json"]
    )
    assert (done.exit_code, json.loads(done.output)["tables"]) == (0, HEAD)
    tables = inspect(create_engine(f"sqlite:///{tmp_path / 'old.db'}"))
    for table in metadata.sorted_tables:
        assert {column["name"] for column in tables.get_columns(table.name)} == set(table.columns.keys())
    store = open_store("sqlite:///old.db", base=tmp_path)
    record = store.record("d")
    store.close()
    assert record is not None
    assert [outcome.value for outcome in record.outcomes] == [0.75]
    assert record.decision.judge_propensity == 0.0


def test_a_log_in_memory_has_no_tables(tmp_path: Path) -> None:
    (tmp_path / "banditroute.toml").write_text(CONFIG.replace("sqlite:///old.db", "memory://"))
    done = CliRunner().invoke(cli, ["db", "upgrade", "--config", str(tmp_path / "banditroute.toml")])
    assert done.exit_code != 0
