"""The read model is a fold of the log: however it came about, it is what the log alone says."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import structs
from sqlalchemy import text

from banditroute.cli import cli
from banditroute.config.settings import RequestClass
from banditroute.errors import StoreError
from banditroute.routing.tally import Tally, catch_up, step
from banditroute.store import Store, open_store
from banditroute.store.rollups import DAY, HOUR, MINUTE
from banditroute.store.tables import SUMS
from banditroute.store.tallied import cursor_of, forget
from banditroute.store.views import Views
from banditroute.types import Outcome
from tests.store.telling import SETTINGS, START, alike, contents, expected_sums, lived, made, said, table


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()


def same_from_scratch(store: Store) -> None:
    """What was tallied bit by bit is what a fold of the whole log gives."""
    catch_up(store, SETTINGS)
    grown = contents(store)
    forget(store.engine)
    catch_up(store, SETTINGS)
    fresh = contents(store)
    for name, rows in fresh.items():
        assert alike(grown[name], rows), name


@pytest.mark.parametrize("seed", range(4))
def test_revisions_retractions_and_late_outcomes_give_what_the_records_say(store: Store, seed: int) -> None:
    names = lived(store, random.Random(seed), 120)
    catch_up(store, SETTINGS)
    expected, waits = expected_sums(store, names)
    found = contents(store)
    assert found["rollups"].keys() == expected.keys()
    for key, row in found["rollups"].items():
        assert dict(zip(SUMS, row, strict=True)) == pytest.approx(expected[key], abs=1e-9), key
    assert {key: row[0] for key, row in found["latencies"].items()} == waits
    same_from_scratch(store)


def test_what_was_tallied_already_is_not_tallied_again(store: Store) -> None:
    lived(store, random.Random(9), 40, tallied=False)
    catch_up(store, SETTINGS)
    before, cursor = contents(store), cursor_of(store.engine)
    assert step(store, SETTINGS) is False
    assert (contents(store), cursor_of(store.engine)) == (before, cursor)
    assert Views(store, SETTINGS).is_current()
    store.append_outcomes([said("d00000", random.Random(1))]).result()
    assert not Views(store, SETTINGS).is_current()


def test_two_that_tally_one_log_at_once_never_count_twice(tmp_path: Path) -> None:
    """As two processes do: each has a connection of its own, and reads while the other stores."""
    stores = [open_store("sqlite:///log.db", base=tmp_path) for _ in range(2)]
    done = threading.Event()

    def tally(place: int) -> None:
        while not done.is_set():
            step(stores[place], SETTINGS, 7)

    threads = [threading.Thread(target=tally, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    names = lived(stores[0], random.Random(4), 150, tallied=False)
    done.set()
    for thread in threads:
        thread.join()
    catch_up(stores[1], SETTINGS)
    expected, _ = expected_sums(stores[0], names)
    found = contents(stores[0])["rollups"]
    assert {key: row[0] for key, row in found.items()} == {
        key: row["requests"] for key, row in expected.items()
    }
    assert len(table(stores[0], "results", 1)) == len(names)
    same_from_scratch(stores[0])
    for one in stores:
        one.close()


def test_a_page_made_from_an_old_cursor_is_not_stored(store: Store) -> None:
    """The other one was faster between reading and storing."""
    lived(store, random.Random(2), 30, tallied=False)
    step(store, SETTINGS, 5)
    append, page = store.append_tallied, []
    store.append_tallied = lambda own, **_: (page.append(own), append(own))[1]  # type: ignore[method-assign]
    step(store, SETTINGS, 5)
    store.append_tallied = append  # type: ignore[method-assign]
    assert page[0].results
    assert store.append_tallied(page[0]).result() is False
    same_from_scratch(store)


def test_what_is_told_between_the_two_reads_of_a_step_is_not_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append_decisions([made("d", random.Random(1), START)]).result()
    assert step(store, SETTINGS)  # begins
    for name in ("changes", "decided"):
        read = getattr(store, name)

        def first(*args: object, read: Callable[..., object] = read, **more: object) -> object:
            page = read(*args, **more)
            store.append_outcomes([Outcome("d", "quality", 0.7)]).result()  # stored once: then a duplicate
            return page

        monkeypatch.setattr(store, name, first)
    step(store, SETTINGS)
    monkeypatch.undo()
    catch_up(store, SETTINGS)
    row = Views(store, SETTINGS).result("d")
    assert row is not None
    assert row.quality == 0.7


TALLYING = """
import sys
from pathlib import Path
from banditroute.routing.tally import step
from banditroute.store import open_store
from tests.store.telling import SETTINGS

store = open_store("sqlite:///log.db", base=Path(sys.argv[1]))
print("begun", flush=True)
while step(store, SETTINGS, 3):
    pass
print("done", flush=True)
"""


def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path) -> None:
    store = open_store("sqlite:///log.db", base=tmp_path)
    names = lived(store, random.Random(5), 250, tallied=False)
    moments = random.Random(3)
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", TALLYING, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(moments.uniform(0.02, 0.2))
        process.kill()
        process.wait()
    cursor = cursor_of(store.engine)
    assert cursor is not None
    assert len(table(store, "results", 1)) == cursor.decided, "rows and cursor are of one transaction"
    catch_up(store, SETTINGS)
    expected, _ = expected_sums(store, names)
    found = contents(store)["rollups"]
    assert {key: row[0] for key, row in found.items()} == {
        key: row["requests"] for key, row in expected.items()
    }
    store.close()


def test_minutes_go_after_some_hours_and_a_late_word_does_not_bring_them_back(store: Store) -> None:
    rng = random.Random(1)
    old, new = made("old", rng, START), made("new", rng, START + 4 * HOUR)
    store.append_decisions([old]).result()
    catch_up(store, SETTINGS)
    assert MINUTE in {key[0] for key in table(store, "rollups", 7)}
    store.append_decisions([new]).result()
    catch_up(store, SETTINGS)
    store.append_outcomes([Outcome("old", "quality", 1.0), Outcome("old", "seconds", 1.0)]).result()
    catch_up(store, SETTINGS)
    for name in ("rollups", "latencies"):
        minutes = [key for key in table(store, name, 7 if name == "rollups" else 4) if key[0] == MINUTE]
        assert all(key[2 if name == "rollups" else 1] > START + HOUR for key in minutes), name  # type: ignore[operator]
    days = Views(store, SETTINGS).summary(0.0, START + DAY, level=DAY, by=())
    assert [(own.requests, own.scored, own.timed) for own in days] == [(2, 1, 1)]


def test_a_clock_that_was_wrong_once_does_not_end_the_charts(store: Store) -> None:
    now = time.time()
    rng = random.Random(1)
    store.append_decisions([made("mad", rng, now + 900 * DAY), made("sane", rng, now - 60.0)]).result()
    catch_up(store, SETTINGS)
    minutes = Views(store, SETTINGS).series(now - 600.0, now, level=MINUTE, by=())
    assert [own.requests for own in minutes] == [1]


def test_a_class_that_is_not_declared_counts_as_other(store: Store) -> None:
    """Else a caller could make as many sums as he makes up names."""
    declared = replace(SETTINGS, classes=(RequestClass("code"),))
    own = made("d", random.Random(1), START)
    odd = structs.replace(own, context=structs.replace(own.context, request_class="made-up"))
    code = structs.replace(own, id="e", context=structs.replace(own.context, request_class="code"))
    store.append_decisions([odd, code]).result()
    catch_up(store, declared)
    found = {result.id: result.request_class for result in Views(store, declared).recent()}
    assert found == {"d": "other", "e": "code"}


def test_the_thread_keeps_up_and_survives_a_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("banditroute.routing.tally.POLL_SECONDS", 0.01)
    tally, changes = Tally(store, SETTINGS), store.changes

    def broken(*_: object) -> None:
        raise StoreError("the disk is gone.")

    monkeypatch.setattr(store, "changes", broken)
    tally.start()
    wait_for(lambda: tally.failure is not None)
    monkeypatch.setattr(store, "changes", changes)
    store.append_decisions([made("d", random.Random(1), START)]).result()
    wait_for(lambda: Views(store, SETTINGS).result("d") is not None and tally.failure is None)
    tally.close()
    assert caplog.text.count("could not be brought up to date") == 1


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_can_be_dropped_while_somebody_tallies(store: Store) -> None:
    lived(store, random.Random(8), 60)
    step(store, SETTINGS, 5)
    forget(store.engine)
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM results")).scalar() == 0
    same_from_scratch(store)


def test_the_command_makes_the_figures_anew(tmp_path: Path) -> None:
    """Also where the tables hold nonsense."""
    (tmp_path / "banditroute.toml").write_text(
        '[store]\nurl = "sqlite:///log.db"\n[[models]]\nid = "small"\n'
    )
    store = open_store("sqlite:///log.db", base=tmp_path)
    names = lived(store, random.Random(6), 20)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE rollups SET requests = 1e6"))
    command = ["db", "rebuild-views", "--config", str(tmp_path / "banditroute.toml"), "--json"]
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, json.loads(done.output)) == (0, {"decisions": len(names)})
    (total,) = Views(store, SETTINGS).summary(0.0, START + 9 * DAY, level=DAY, by=())
    assert total.requests == len(names)
    store.close()
