"""The first start compiles in two processes, later ones in none; whatever the other one does, it goes on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from banditroute.commands import first_start
from banditroute.core import compiled

STARTED: list[object] = []


class Other:
    """A process that ends badly."""

    waited = 0

    def __init__(self, command: list[str], **_: object) -> None:
        STARTED.append(command[1:])

    def wait(self) -> int:
        Other.waited += 1
        return 1


@pytest.mark.parametrize(
    ("processors", "known", "wanted"),
    [(2, False, [["-c", "import banditroute.core.refit"]]), (2, True, []), (1, False, [])],
)
def test_another_process_helps_where_there_is_work_and_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, processors: int, known: bool, wanted: list[object]
) -> None:
    folder = tmp_path / "core_abc"
    folder.mkdir()
    if known:
        (folder / "refit.refit-96.py311.nbi").touch()
    monkeypatch.setattr(compiled, "_folder", lambda: tmp_path)
    monkeypatch.setattr(first_start, "os", SimpleNamespace(cpu_count=lambda: processors))
    monkeypatch.setattr(first_start.subprocess, "Popen", Other)
    STARTED.clear()
    Other.waited = 0
    first_start.compile_kernels()
    assert wanted == STARTED
    assert Other.waited == len(wanted)


def test_it_knows_what_was_compiled() -> None:
    import banditroute.core.refit  # noqa: F401  (compiled or loaded now)

    assert compiled.is_known("refit.py")
    assert not compiled.is_known("nothing.py")
