"""Idempotency keys of lists and of their entries, asked of every store alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from banditroute.errors import Conflict
from banditroute.store import Entry, Receipt, Store, open_store
from tests.store.events import decision, quality, tell


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()


def values(store: Store, decision_id: str = "d1") -> list[float | None]:
    record = store.record(decision_id)
    assert record is not None
    return [outcome.value for outcome in record.outcomes]


def test_each_entry_of_a_list_has_a_key_of_its_own(store: Store) -> None:
    for i in (1, 2):
        store.append_decisions([decision(f"d{i}")]).result(10)
    a, b = Entry([quality(0.9)], {"d1": {"comment": "a"}}, "a"), Entry([quality(0.8, "d2")], {}, "b")
    assert store.append_list([a, b]).result(10) == Receipt(2, 0, 2)
    tell(store, quality(0.1))
    store.append_outcomes([], texts={"d1": {"comment": "later"}}).result(10)
    assert store.append_list([a]).result(10) == Receipt(0, 1, 1)
    assert store.append_list([b, Entry([quality(0.7, "d2")]), a]).result(10) == Receipt(1, 2, 4)
    assert values(store) == [0.9, 0.1], "a replay revises nothing"
    assert store.texts("d1") == {"comment": "later"}
    record = store.record("d2")
    assert record is not None
    assert [outcome.idempotency_key for outcome in record.outcomes] == ["b", None]


def test_one_entry_and_a_list_of_it_are_the_same_under_a_key(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    entry = Entry([quality(0.9)], {}, "k")
    assert store.append_list([entry, entry], idempotency_key="list").result(10) == Receipt(1, 1, 1)
    assert tell(store, quality(0.9), idempotency_key="k") == Receipt(0, 1, 1)
    tell(store, quality(0.5), idempotency_key="whole")
    assert store.append_list([Entry([quality(0.5)], {}, "whole")]).result(10) == Receipt(0, 1, 2)
    assert store.append_list([entry, entry], idempotency_key="list").result(10) == Receipt(0, 2, 1)


def test_a_key_of_an_entry_that_conflicts_refuses_the_whole_list(store: Store) -> None:
    store.append_decisions([decision()]).result(10)
    store.append_list([Entry([quality(0.9)], {}, "a")]).result(10)
    told = [
        ([Entry([quality(0.2)], {}, "new"), Entry([quality(0.1)], {}, "a")], None),
        ([Entry([quality(0.2)], {}, "new"), Entry([quality(0.1)], {}, "new")], None),
        ([Entry([quality(0.2)], {}, "new"), Entry([quality(0.1)])], "new"),
        ([Entry([quality(0.2)], {}, "new"), Entry([quality(0.1)])], "a"),
    ]
    for entries, key in told:
        with pytest.raises(Conflict):
            store.append_list(entries, idempotency_key=key).result(10)
    assert values(store) == [0.9]
    assert tell(store, quality(0.3), idempotency_key="new") == Receipt(1, 0, 2), "no key was used up"
