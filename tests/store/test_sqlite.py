"""The event log on SQLite: opening, migrating, staying whole when the disk or a neighbour is not."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event

from banditroute.errors import StoreError, UnknownDecision
from banditroute.store import Store, engine, open_store, upgrade
from banditroute.store.sql import SqlStore
from banditroute.store.tables import HEAD, metadata
from banditroute.types import Outcome
from tests.store.events import PATIENCE, decision, quality, tell

URL = "sqlite:///log.db"


def test_a_log_outlives_its_process(tmp_path: Path) -> None:
    store = open_store(URL, base=tmp_path)
    store.append_decisions([decision()]).result(PATIENCE)
    tell(store, quality(0.9), idempotency_key="k")
    store.close()
    again = open_store(f"sqlite:///{tmp_path}/log.db")
    record = again.record("d1")
    assert record is not None
    assert record.decision == decision()
    assert tell(again, quality(0.9), idempotency_key="k").duplicates == 1
    assert tell(again, quality(0.8)).event_seq == 2
    again.close()


def test_migrations_make_the_tables(tmp_path: Path) -> None:
    upgrade(URL, base=tmp_path)
    bare = create_engine(f"sqlite:///{tmp_path}/log.db")
    with bare.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    bare.dispose()


def test_an_up_to_date_log_opens_without_alembic(tmp_path: Path) -> None:
    upgrade(URL, base=tmp_path)
    code = (
        "import sys; from banditroute.store import open_store; "
        f"open_store('sqlite:///{tmp_path}/log.db').close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_commits_are_durable(tmp_path: Path) -> None:
    opened = engine.open_engine(URL, tmp_path)
    with opened.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    opened.dispose()


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        ("sqlite:///missing/log.db", "create it"),
        ("sqlite:///folder", "name a file"),
        ("sqlite:///text.db", "restore a backup"),
        ("sqlite:///newer.db", "upgrade banditroute"),
        ("sqlite:///foreign.db", "already exists"),
        ("sqlite://", "write sqlite:///file.db"),
        ("mysql://host/db", "write sqlite:///file.db"),
        ("log.db", "write sqlite:///file.db"),
        ("sqlite:///log.db?mode=ro", "takes no options"),
    ],
)
def test_a_place_that_will_not_do_is_refused(tmp_path: Path, url: str, way_out: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("This is not a database, whatever its name says. " * 50)
    upgrade("sqlite:///newer.db", base=tmp_path)
    for name, statement in {
        "newer.db": "UPDATE alembic_version SET version_num = '9999'",
        "foreign.db": "CREATE TABLE decisions (x)",
    }.items():
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute(statement)
        connection.close()
    with pytest.raises(StoreError, match=way_out):
        open_store(url, base=tmp_path)


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o500)
    if os.geteuid() == 0:  # root may write everywhere, and is told what others would be
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot be written"):
        open_store(URL, base=tmp_path)
    tmp_path.chmod(0o700)


def test_a_damaged_event_is_told_in_a_sentence(tmp_path: Path) -> None:
    store = open_store(URL, base=tmp_path)
    store.append_decisions([decision()]).result(PATIENCE)
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute("UPDATE decisions SET body = '{\"id\": 3}'")
    connection.close()
    with pytest.raises(StoreError, match="restore a backup"):
        store.record("d1")
    store.close()


def test_two_writers_share_one_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each must see what the other one stored, or duplicates and numbers go wrong."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", PATIENCE)
    one, other = open_store(URL, base=tmp_path), open_store(URL, base=tmp_path)
    one.append_decisions([decision()]).result(PATIENCE)
    for n, store in enumerate([one, other, one, other], start=1):
        assert tell(store, quality(n / 10)).event_seq == n
        assert tell(other if store is one else one, quality(n / 10)).duplicates == 1
    pending = [store.append_outcomes([quality(n / 200)]) for n in range(50, 150) for store in (one, other)]
    seqs = [p.result(PATIENCE).event_seq for p in pending]
    assert sorted(set(seqs)) == list(range(5, one.last_seq() + 1))
    assert one.last_seq() == one.counts()["outcomes"] == other.counts()["outcomes"]
    one.close()
    other.close()


def test_a_locked_log_fails_the_waiting_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.1)
    store = open_store(URL, base=tmp_path)
    store.append_decisions([decision()]).result(PATIENCE)
    neighbour = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    neighbour.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds it"):
        tell(store, quality(0.9))
    assert store.counts() == {"decisions": 1, "outcomes": 0}  # reading goes on
    neighbour.execute("ROLLBACK")
    neighbour.close()
    assert tell(store, quality(0.9)).event_seq == 1
    store.close()


def test_a_full_disk_fails_the_waiting_and_recovers(tmp_path: Path) -> None:
    opened = engine.open_engine(URL, tmp_path)
    opened.dispose()
    pages = [40]

    @event.listens_for(opened, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    store = SqlStore(opened)
    waiting = [store.append_decisions([decision(f"d{i}")]) for i in range(300)]
    errors = [w.exception(PATIENCE) for w in waiting]
    assert all("make room" in str(e) for e in errors if e is not None)
    assert any(errors)
    assert store.counts()["decisions"] == errors.count(None)
    last = store.append_decisions([decision("big")], texts={"big": {"prompt": "x" * 1_000_000}})
    assert "make room" in str(last.exception(PATIENCE))
    pages[0] = 1_000_000
    opened.dispose()  # the readers' connections still have the limit; the writer's was dropped with `last`
    later = [store.append_decisions([decision(f"later{i}")]) for i in range(300)]
    assert [w.exception(PATIENCE) for w in later] == [None] * 300
    store.close()


def test_one_bad_event_harms_no_other_of_its_group(tmp_path: Path) -> None:
    store = open_store(URL, base=tmp_path)
    store.append_decisions([decision("twice")]).result(PATIENCE)
    waiting = [store.append_decisions([decision("twice" if i == 50 else f"d{i}")]) for i in range(100)]
    told = [store.append_outcomes([quality(0.5, f"d{i}")]) for i in range(51)]
    assert [i for i, w in enumerate(waiting) if w.exception(PATIENCE)] == [50]
    assert [i for i, t in enumerate(told) if isinstance(t.exception(PATIENCE), UnknownDecision)] == [50]
    assert store.counts() == {"decisions": 100, "outcomes": 50}
    assert store.last_seq() == 50
    store.close()


def test_a_long_list_is_one_list(tmp_path: Path) -> None:
    store: Store = open_store(URL, base=tmp_path)
    for waiting in [store.append_decisions([decision(f"d{i}")]) for i in range(2_500)]:
        waiting.result(PATIENCE)
    told = [Outcome(f"d{i}", "usd", i * 1e-6, "meter") for i in range(2_500)]
    with pytest.raises(UnknownDecision):
        tell(store, *told, quality(1.0, "nobody"))
    assert tell(store, *told).accepted == 2_500
    assert tell(store, *told).duplicates == 2_500
    assert len(store.changes(0, limit=2_000).records) == 2_000
    store.close()
