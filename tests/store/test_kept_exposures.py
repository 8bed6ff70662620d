"""Experiments that are kept in memory and brought up to date are, to the bit, those that are read anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from sqlalchemy import event, text

from banditroute.config.settings import RequestClass
from banditroute.routing.tally import catch_up, rebuild_views, step
from banditroute.store import Store, open_store
from banditroute.store.exposures import Exposed
from banditroute.store.kept_exposures import KeptExposures
from banditroute.store.views import Views
from banditroute.types import Outcome
from tests.store.telling import SETTINGS, START, lived, made, said


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()


def same(one: Exposed, other: Exposed) -> bool:
    """Whether all of it is the same, to the bit."""
    for name in (own.name for own in fields(Exposed)):
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, dict):
            if list(a) != list(b) or any(a[key].tobytes() != b[key].tobytes() for key in a):
                return False
        elif a != b if isinstance(a, tuple) else (a.dtype != b.dtype or a.tobytes() != b.tobytes()):
            return False
    return True


def anew(store: Store, experiment: str) -> Exposed:
    return Views(store, SETTINGS).exposures(experiment)


@pytest.mark.parametrize("seed", range(2))
def test_kept_ones_are_those_that_are_read_anew(
    store: Store, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under revisions, retractions, late outcomes, judges that come and go, and units that enter later."""
    for name, size in (
        ("exposure_columns.PAGE", 7),
        ("exposure_columns.UNITS", 2),
        ("kept_exposures.PAGE", 3),
    ):
        monkeypatch.setattr(f"banditroute.store.{name}", size)
    rng = random.Random(seed)
    names = lived(store, rng, 25)
    views = Views(store, SETTINGS)
    for turn in range(8):
        for name in ("e1", "e2"):
            assert same(views.exposures(name), anew(store, name)), turn
        if rng.random() < 0.7:
            batch = [f"x{len(names) + k:05d}" for k in range(rng.randint(1, 9))]
            late = [made(name, rng, START + turn) for name in batch]
            units = [f"v{rng.randrange(30)}" if rng.random() < 0.5 else own.context.unit for own in late]
            store.append_decisions(
                [
                    structs.replace(own, context=structs.replace(own.context, unit=unit))
                    for own, unit in zip(late, units, strict=True)
                ]
            ).result()
            names += batch
        store.append_outcomes([said(rng.choice(names), rng) for _ in range(rng.randint(0, 12))] or [
            Outcome(names[0], "usd", rng.random())
        ]).result()  # fmt: skip
        while rng.random() < 0.8 and step(store, SETTINGS, rng.choice([1, 5, 40])):
            pass
    catch_up(store, SETTINGS)
    assert len(views.exposures("e1")) > 20
    assert any(np.isfinite(values).any() for values in views.exposures("e1").before.values())
    for name in ("e1", "e2"):
        assert same(views.exposures(name), anew(store, name))


def test_a_later_attempt_names_the_unit_that_its_first_one_was(store: Store) -> None:
    """Its past begins to count only once the name is one."""
    views, rng = Views(store, SETTINGS), random.Random(1)
    first = structs.replace(made("a", rng, START), experiment="e1", variant="control", model="small")
    first = structs.replace(first, context=structs.replace(first.context, unit=None))
    outside = structs.replace(first, id="b", root_id="a", attempt=2, experiment=None, variant=None)
    again = structs.replace(first, id="c", root_id="a", attempt=3)
    for own in (first, outside, again):
        store.append_decisions([own]).result()
        store.append_outcomes([Outcome(own.id, "usd", 0.25)]).result()
        catch_up(store, SETTINGS)
        assert same(views.exposures("e1"), anew(store, "e1")), own.id
    assert views.exposures("e1").before["usd"].tolist() == [0.25]


def test_what_was_made_anew_is_read_anew(store: Store) -> None:
    lived(store, random.Random(2), 40)
    catch_up(store, SETTINGS)
    views = Views(store, SETTINGS)
    before = views.exposures("e1")
    rebuild_views(store, replace(SETTINGS, classes=(RequestClass("code"),)))
    after = views.exposures("e1")
    assert set(before.classes) == {"code", "chat"}
    assert set(after.classes) == {"code", "other"}
    assert same(after, anew(store, "e1"))


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    """Rows that the database hands over, whatever the length of the log."""
    store = open_store("sqlite:///log.db", base=tmp_path)
    names = lived(store, random.Random(3), 60)
    catch_up(store, SETTINGS)
    views = Views(store, SETTINGS)
    asked: list[tuple[str, object]] = []

    def read() -> int:
        """The rows of results that the next look reads."""
        asked.clear()
        event.listen(store.engine, "before_cursor_execute", note)
        try:
            views.exposures("e1")
        finally:
            event.remove(store.engine, "before_cursor_execute", note)
        with store.engine.connect() as connection:
            found = [connection.exec_driver_sql(*one).all() for one in asked]  # type: ignore[arg-type]
        return sum(map(len, found))

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        if "FROM results" in statement:
            asked.append((statement, parameters))

    first = read()
    assert first >= len(views.exposures("e1")) > 30
    assert read() == 0
    mine = next(row for row in views.recent(1_000) if row.experiment == "e1")
    store.append_outcomes([Outcome(mine.id, "usd", 0.123)]).result()
    catch_up(store, SETTINGS)
    assert read() <= 2
    assert 0.123 in views.exposures("e1").metrics["usd"]
    plan = "EXPLAIN QUERY PLAN "
    told = [one for one in asked if " IN (" in one[0]]
    assert told
    with store.engine.connect() as connection:
        for statement, parameters in told:
            lines = connection.exec_driver_sql(plan + statement, parameters).all()  # type: ignore[arg-type]
            assert all("SEARCH results USING INDEX sqlite_autoindex" in line[3] for line in lines), lines
        assert connection.scalar(text("SELECT count(*) FROM decisions")) == len(names)
    store.close()


def test_no_more_are_kept_than_there_is_room_for(store: Store) -> None:
    lived(store, random.Random(4), 60)
    catch_up(store, SETTINGS)
    found = {name: anew(store, name) for name in ("e1", "e2")}
    sizes = {name: len(one) + len(one.units) for name, one in found.items()}
    kept = KeptExposures(store, SETTINGS, most=max(sizes.values()))
    for name in ("e1", "e2", "e1", "nobody"):
        assert len(kept.get(name, lambda: None)) == (len(found[name]) if name in found else 0)
        assert list(kept._looks) == ([name] if name in found else ["e1"])
    assert min(sizes.values()) < max(sizes.values())
    some = KeptExposures(store, SETTINGS, most=min(sizes.values()))
    for name in sorted(sizes, key=sizes.__getitem__):
        assert same(some.get(name, lambda: None), found[name])
    assert list(some._looks) == [min(sizes, key=sizes.__getitem__)], "the larger one drives nobody out"
    small = KeptExposures(store, SETTINGS, most=1)
    assert same(small.get("e1", lambda: None), anew(store, "e1"))
    assert not small._looks


def test_what_is_handed_out_cannot_be_written(store: Store) -> None:
    lived(store, random.Random(5), 30)
    catch_up(store, SETTINGS)
    found = Views(store, SETTINGS).exposures("e1")
    with pytest.raises(ValueError, match="read-only"):
        found.metrics["usd"][0] = 1.0


def test_a_look_that_was_broken_off_loses_nothing(store: Store) -> None:
    names = lived(store, random.Random(6), 40)
    catch_up(store, SETTINGS)
    views = Views(store, SETTINGS)
    views.exposures("e1")
    rng = random.Random(1)
    new = [structs.replace(made(f"y{i}", rng, START), experiment="e1", variant="new") for i in range(5)]
    store.append_decisions(new).result()
    store.append_outcomes([Outcome(own, "quality", 0.5, "judge", rater="late/1") for own in names]).result()
    catch_up(store, SETTINGS)

    def ending() -> None:
        raise InterruptedError

    for _ in range(2):
        with pytest.raises(InterruptedError):
            views.exposures("e1", breathe=ending)
    assert same(views.exposures("e1"), anew(store, "e1"))
