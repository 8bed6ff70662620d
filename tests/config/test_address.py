"""Where the event log lies: beside the configuration, whatever its folder is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from banditroute.config.address import log_file
from banditroute.config.load import load, load_settings
from banditroute.store import open_store
from tests.config.bad_configurations import MODEL


def test_a_relative_store_lies_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    (folder / "c.toml").write_text(MODEL)
    assert load_settings(Path("a folder/c.toml"), {}).store.url == f"sqlite:///{folder}/banditroute.db"
    for url in ("sqlite:////var/x.db", "memory://"):
        env = {"BANDITROUTE_STORE__URL": url}
        assert load_settings(Path("a folder/c.toml"), env).store.url == url


@pytest.mark.parametrize("name", ["we?ird", "a%41b", "with space", "ü#x", "50% off", "q%3Fx"])
def test_the_log_lies_beside_the_file_whatever_the_folder_is_called(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "banditroute.toml").write_text(f'{MODEL}[store]\nurl = "sqlite:///log%3F.db"\n')
    url = load_settings(folder / "banditroute.toml", {}).store.url
    assert log_file(url) == folder / "log?.db"
    open_store(url).close()
    assert {entry.name for entry in folder.iterdir()} == {"banditroute.toml", "log?.db"}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f'{MODEL}usd_per_request = 1\n[store]\nurl = "sqlite:///none/log.db"\n')
    (warning,) = load(path, {}).warnings
    assert f"{tmp_path / 'none'} of the event log does not exist" in warning
