"""API keys beside an event log: made, listed, revoked; on disk and in memory alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text

from banditroute.errors import RequestError, StoreError
from banditroute.store import Store, open_store
from banditroute.store.keys import ID_LENGTH, KEY_LENGTH, KeyStore, id_of
from tests.store.events import PATIENCE


@pytest.fixture(params=["memory://", "sqlite:///log.db"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Threads wait for each other as long as a slow disk takes; who waits is not served in turn."""
    monkeypatch.setattr("banditroute.store.engine.BUSY_SECONDS", PATIENCE)
    opened = open_store(request.param, base=tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def keys(store: Store) -> KeyStore:
    return KeyStore(store.engine)


def test_a_key_is_made_shown_and_kept_as_a_digest(store: Store, keys: KeyStore) -> None:
    made, shown = keys.create("search", ["feedback", "route"], requests_per_minute=90)
    assert len(shown) == KEY_LENGTH
    assert shown[:ID_LENGTH] == f"br_{made.id}" == made.text_id
    assert (made.scopes, made.sources) == (("route", "feedback"), ("user", "metric"))
    assert (made.name, made.requests_per_minute, made.revoked_at) == ("search", 90.0, None)
    assert made.digest == hashlib.sha256(shown.encode()).hexdigest()
    assert keys.all() == keys.held() == [made]
    with store.engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM keys"))
    secret = shown.rpartition("_")[2]
    assert not any(secret in str(value) for value in row)
    assert secret not in repr(made)
    assert made.digest not in repr(made)


def test_no_two_keys_are_alike_although_they_share_a_name(keys: KeyStore) -> None:
    made = [keys.create("search", ["read"]) for _ in range(50)]
    assert len({key.id for key, _ in made}) == len({shown.rpartition("_")[2] for _, shown in made}) == 50
    assert keys.all() == [key for key, _ in made]


def test_a_revoked_key_stays_revoked(keys: KeyStore) -> None:
    (first, shown), (second, _) = keys.create("a", ["read"]), keys.create("b", ["read"])
    revoked = keys.revoke(id_of(shown))
    assert revoked is not None
    assert revoked.id == id_of(first.id) == first.id
    assert revoked.revoked_at is not None
    assert revoked.revoked_at >= first.created_at
    assert keys.revoke(first.id) == revoked, "the first time stands"
    assert keys.revoke("nobody") is None
    assert keys.held() == [second]
    assert keys.all() == [revoked, second]


def test_every_change_is_told(keys: KeyStore) -> None:
    seen = [keys.changes()]
    made, _ = keys.create("a", ["read"])
    seen.append(keys.changes())
    keys.revoke(made.id)
    seen.append(keys.changes())
    keys.create("b", ["read"])
    seen.append(keys.changes())
    assert seen == sorted(set(seen))
    keys.revoke(made.id)
    assert keys.changes() == seen[-1]


@pytest.mark.parametrize(
    ("scopes", "wanted", "sources"),
    [
        (["feedback"], [], ("user", "metric")),
        (["judge"], [], ("judge",)),
        (["judge", "feedback"], [], ("user", "metric", "judge")),
        (["feedback", "judge"], ["judge", "metric"], ("metric", "judge")),
        (["route", "read", "admin"], [], ()),
    ],
)
def test_a_key_may_claim_what_its_scopes_allow_or_less(
    keys: KeyStore, scopes: list[str], wanted: list[str], sources: tuple[str, ...]
) -> None:
    assert keys.create("a", scopes, sources=wanted)[0].sources == sources


@pytest.mark.parametrize(
    ("name", "scopes", "more", "said"),
    [
        ("", ["read"], {}, "name"),
        (" a", ["read"], {}, "name"),
        ("a\nb", ["read"], {}, "name"),
        ("\ud800", ["read"], {}, "name"),
        ("a" * 201, ["read"], {}, "name"),
        ("a", [], {}, "needs a scope"),
        ("a", ["root"], {}, "no scope `root`"),
        ("a", ["feedback"], {"sources": ["judge"]}, "scope judge"),
        ("a", ["judge"], {"sources": ["user"]}, "scope feedback"),
        ("a", ["feedback"], {"sources": ["meter"]}, "no source `meter`"),
        ("a", ["read"], {"requests_per_minute": -1.0}, "rate"),
        ("a", ["read"], {"requests_per_minute": float("nan")}, "rate"),
        ("a", ["read"], {"requests_per_minute": float("inf")}, "rate"),
    ],
)
def test_what_no_key_can_be_is_refused(
    keys: KeyStore, name: str, scopes: list[str], more: dict[str, object], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        keys.create(name, scopes, **more)  # type: ignore[arg-type]
    assert keys.all() == []


def test_threads_share_the_tables(keys: KeyStore) -> None:
    def work() -> None:
        for _ in range(20):
            made, _ = keys.create("a", ["read"])
            keys.changes()
            keys.revoke(made.id)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys.all()) == 80
    assert keys.held() == []
    assert keys.changes() == 160


def test_keys_outlive_the_process_and_are_seen_by_another(tmp_path: Path) -> None:
    one = open_store("sqlite:///log.db", base=tmp_path)
    other = open_store("sqlite:///log.db", base=tmp_path)
    made, _ = KeyStore(one.engine).create("a", ["read"])
    one.close()
    assert KeyStore(other.engine).held() == [made]
    other.close()


def test_a_broken_table_is_told_in_a_sentence(tmp_path: Path) -> None:
    store = open_store("sqlite:///log.db", base=tmp_path)
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE keys"))
    keys = KeyStore(store.engine)
    for act in (keys.all, keys.changes, lambda: keys.create("a", ["read"]), lambda: keys.revoke("a")):
        with pytest.raises(StoreError, match=r"key.* cannot be .*no such table"):
            act()
    store.close()
