"""The first start compiles in two processes, later ones in none; whatever the other one does, it goes on."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from banditroute.commands import first_start
from banditroute.commands.serve import serve
from banditroute.core import compiled
from banditroute.errors import ConfigError

STARTED: list[list[str]] = []


class Other(AbstractContextManager[None]):
    """A process that ends badly."""

    waited = 0

    def __init__(self, command: list[str], **_: object) -> None:
        STARTED.append(command[1:])

    def __exit__(self, *_: object) -> None:
        """Whatever it does, no error is kept back."""

    def wait(self) -> int:
        Other.waited += 1
        return 1


@pytest.mark.parametrize(
    ("processors", "known", "shared", "helps"),
    [(2, False, True, True), (2, True, True, False), (1, False, True, False), (2, False, False, False)],
)
def test_another_process_helps_where_there_is_work_and_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processors: int, known: bool, shared: bool, helps: bool
) -> None:
    folder = tmp_path / "core_abc"
    folder.mkdir()
    if known:
        (folder / "refit.refit-96.py311.nbi").touch()
    monkeypatch.setattr(compiled, "_folder", lambda: tmp_path)
    monkeypatch.setattr(compiled, "_shared_folder", lambda: tmp_path if shared else None)
    monkeypatch.setattr(first_start, "os", SimpleNamespace(cpu_count=lambda: processors))
    monkeypatch.setattr(first_start.subprocess, "Popen", Other)
    STARTED.clear()
    Other.waited = 0
    first_start.compile_kernels()
    assert Other.waited == len(STARTED) == helps
    assert all(code.endswith("import banditroute.core.refit") for _, code in STARTED)


def test_the_other_process_ends_where_this_one_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[subprocess.Popen[bytes]] = []

    def started() -> subprocess.Popen[bytes]:
        other = begin()
        assert other is not None
        others.append(other)
        return other

    begin = first_start._other
    monkeypatch.setattr(first_start, "_other", started)
    monkeypatch.setattr(first_start, "_HALF", "import time; time.sleep(60)")
    monkeypatch.setattr(first_start, "os", SimpleNamespace(cpu_count=lambda: 2))
    monkeypatch.setattr(compiled, "is_known", lambda file: False)
    monkeypatch.setattr(compiled, "_shared_folder", Path)
    monkeypatch.setitem(sys.modules, "banditroute.core.choosing", None)  # whatever ends the import
    with pytest.raises(ImportError):
        first_start.compile_kernels()
    (other,) = others
    assert other.returncode == 1, "it was told, and waited for"


def test_without_a_folder_to_share_kernels_are_compiled_for_this_process_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled.os, "access", lambda *_: False)
    assert compiled._shared_folder.__wrapped__() is None


def test_what_serve_refuses_at_once_is_not_compiled_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def compiling() -> None:
        raise AssertionError

    monkeypatch.setattr(first_start, "compile_kernels", compiling)
    done = CliRunner().invoke(serve, ["--config", str(tmp_path / "nowhere.toml")])
    assert isinstance(done.exception, ConfigError)


def test_it_knows_what_was_compiled() -> None:
    import banditroute.core.refit  # noqa: F401  (compiled or loaded now)

    assert compiled.is_known("refit.py")
    assert not compiled.is_known("nothing.py")
