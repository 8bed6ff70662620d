"""What the gate is made of: the key ring, the bucket of a key's rate, and where keys are needed."""

from __future__ import annotations

import pytest

from banditroute.errors import TooManyRequests
from banditroute.service import keyring
from banditroute.service.keyring import Bucket, Keyring
from banditroute.service.run import CannotListen, check_host
from banditroute.store import open_store
from banditroute.store.keys import KeyStore


def test_a_bucket_gives_its_rate_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(keyring.time, "monotonic", lambda: now[0])
    bucket = Bucket(30.0)
    served, waits = 0, []
    for _ in range(6_000):  # ten times a second for ten minutes
        now[0] += 0.1
        try:
            bucket.take()
            served += 1
        except TooManyRequests as refusal:
            waits.append(refusal.retry_after)
    assert served == pytest.approx(30 + 300, abs=1)
    assert max(waits) <= 2.0
    now[0] += waits[-1] + 1e-6
    bucket.take()
    now[0] += 3_600.0
    for _ in range(30):
        bucket.take()
    with pytest.raises(TooManyRequests):
        bucket.take()


def test_a_key_is_found_by_all_of_it() -> None:
    store = KeyStore(open_store("memory://").engine)
    shown = [store.create(f"n{i}", ["read"])[1].encode() for i in range(3)]
    ring = Keyring(store)
    assert len(ring) == 3
    for i, text in enumerate(shown):
        caller = ring.find(text)
        assert caller is not None
        assert caller.name == f"n{i}"
        for position in range(len(text)):
            changed = bytes([text[position] ^ 1])
            assert ring.find(text[:position] + changed + text[position + 1 :]) is None
        assert ring.find(text[:-1]) is ring.find(text + b"0") is ring.find(text.upper()) is None
    mixed = shown[0][:15] + shown[1][15:]
    assert ring.find(mixed) is None


@pytest.mark.parametrize("name", ["judge", "Judge", "meter", "banditroute"])
def test_a_key_with_the_name_of_a_worker_does_not_speak_for_it(name: str) -> None:
    store = KeyStore(open_store("memory://").engine)
    key, text = store.create(name, ["judge"])
    caller = Keyring(store).find(text.encode())
    assert caller is not None
    assert caller.name == f"{name} {key.text_id}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_loopback_needs_no_key(host: str) -> None:
    assert check_host(host, KeyStore(open_store("memory://").engine), insecure=False) is False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org", "localhost.example"])
def test_beyond_loopback_a_key_that_holds_is_needed(host: str) -> None:
    keys = KeyStore(open_store("memory://").engine)
    for _ in range(2):
        with pytest.raises(CannotListen, match="banditroute keys create"):
            check_host(host, keys, insecure=False)
        keys.revoke(keys.create("a", ["route"])[0].id)
    assert check_host(host, keys, insecure=True) is False
    keys.create("a", ["route"])
    assert check_host(host, keys, insecure=False) is True
