"""`banditroute keys`: keys on the event log of a configuration, beside a running service or without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from banditroute import cli
from banditroute.config.starter import write_starter
from banditroute.store import open_store
from banditroute.store.keys import KeyStore

Ran = tuple[int, str, str]


class Keys:
    """The verb in this process, on a configuration of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "banditroute.toml"
        self._capsys = capsys
        write_starter(self.config)

    def __call__(self, *args: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            cli.main(["keys", *args, "--config", str(self.config)])
        captured = self._capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Keys:
    return Keys(tmp_path, capsys)


def test_a_key_is_made_listed_and_revoked(keys: Keys) -> None:
    code, out, err = keys("create", "search", "--scope", "route", "--scope", "feedback")
    assert code == 0
    text = out.strip()
    assert out == f"{text}\n", "nothing but the key, so that a script can take it"
    assert "not shown again" in err
    assert "scopes: route, feedback; sources: user, metric" in err
    log = open_store(f"sqlite:///{keys.config.parent}/banditroute.db")
    (held,) = KeyStore(log.engine).held()
    log.close()
    assert held.text_id in text
    code, out, err = keys("list")
    assert (code, err) == (0, "")
    assert held.id in out
    assert text.rpartition("_")[2] not in out
    code, out, _ = keys("revoke", held.id)
    assert code == 0
    assert f"Key {held.id} of search was revoked at" in out
    (listed,) = json.loads(keys("list", "--json")[1])
    assert listed["revoked_at"] is not None


def test_json_holds_everything_but_the_digest(keys: Keys) -> None:
    made = json.loads(
        keys(
            "create", "v", "--scope", "feedback", "--source", "user", "--requests-per-minute", "30", "--json"
        )[1]
    )
    shown = made.pop("key")
    (listed,) = json.loads(keys("list", "--json")[1])
    assert listed == made
    assert made.keys() == {
        "id", "name", "scopes", "sources", "requests_per_minute", "created_at", "revoked_at",
    }  # fmt: skip
    assert (made["scopes"], made["sources"], made["requests_per_minute"]) == (["feedback"], ["user"], 30.0)
    revoked = json.loads(keys("revoke", shown, "--json")[1])
    assert revoked["id"] == made["id"], "a key that was found somewhere is revoked as it was found"
    assert json.loads(keys("list", "--json")[1]) == [revoked]


@pytest.mark.parametrize(
    ("args", "way_out"),
    [
        (["create", "a"], "choose from route, feedback, judge, admin, read"),
        (["create", "a", "--scope", "root"], "'feedback'"),
        (["create", "a", "--scope", "route", "--source", "user"], "give it that scope too"),
        (["create", " ", "--scope", "route"], "1 to 200 printable characters"),
        (["create", "a", "--scope", "route", "--requests-per-minute", "-1"], "0 for no limit"),
        (["create", "a", "--scope", "route", "--requests-per-minute", "nan"], "0 for no limit"),
        (["revoke", "nobody"], "`banditroute keys list`"),
        (["revoke", "br_000000000000_0"], "no key '000000000000'"),
    ],
)
def test_misuse_exits_2_with_a_sentence(keys: Keys, args: list[str], way_out: str) -> None:
    code, out, err = keys(*args)
    assert (code, out) == (2, "")
    assert way_out in err
    assert len(err.strip().splitlines()) == 1
    assert keys("list")[1].startswith("There are no keys; make one with: banditroute keys create")


def test_a_log_in_memory_keeps_no_keys(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANDITROUTE_STORE__URL", "memory://")
    for args in (["list"], ["create", "a", "--scope", "read"], ["revoke", "a"]):
        code, out, err = keys(*args)
        assert (code, out) == (2, "")
        assert "name a file in [store] url" in err
