"""Every notebook runs from its source, and what is kept beside it is the same notebook, without an error."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path.stem for path in (ROOT / "notebooks").glob("*.py"))
LARGEST = 300_000
"""Bytes of a notebook with its outputs."""


def _script() -> ModuleType:
    """`scripts/notebooks`, which has no extension."""
    path = str(ROOT / "scripts" / "notebooks")
    loader = importlib.machinery.SourceFileLoader("write_notebooks", path)
    spec = importlib.util.spec_from_loader("write_notebooks", loader)
    assert spec is not None
    script = importlib.util.module_from_spec(spec)
    loader.exec_module(script)
    return script


SCRIPT = _script()


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


@pytest.mark.parametrize("name", SOURCES)
def test_it_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = SCRIPT.read(ROOT / "notebooks" / f"{name}.py")
    SCRIPT.execute(notebook)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_kept_is_the_same_notebook(name: str) -> None:
    kept = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(kept, 4)
    nbformat.validate(notebook)
    source = SCRIPT.read(ROOT / "notebooks" / f"{name}.py")
    again = f"{name}.ipynb is not what its source is; run scripts/notebooks {name}"
    assert code(notebook) == code(source), again
    assert text(notebook) == text(source), again
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    pictures = [one for one in outputs if "image/png" in one.get("data", {})]
    assert pictures
    assert all(one.metadata["image/png"]["alt"] for one in pictures), "who does not see it reads what it is"
    assert not [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert kept.stat().st_size < LARGEST
    assert str(ROOT) not in kept.read_text()


@pytest.mark.parametrize(("metric", "drawn"), [("quality", True), ("usd", False)])
def test_another_experiment_needs_another_path_alone(
    metric: str, drawn: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other names of variants, one metric, and of USD too few units for anything to be drawn."""
    log = tmp_path / "mine.csv"
    rows = [f"r{i},u{i},{'new' if i % 2 else 'old'},chat,m,0.{i % 10}" for i in range(40)]
    log.write_text("\n".join([f"request_id,unit,variant,request_class,model,{metric}", *rows]) + "\n")
    notebook = SCRIPT.read(ROOT / "notebooks" / "2_experiment.py")
    first, *cells = (cell.replace("%matplotlib inline", "") for cell in code(notebook))
    names: dict[str, object] = {}
    for cell in (first, f"LOG = {str(log)!r}", *cells):
        exec(cell, names)
    said = capsys.readouterr().out
    assert ("Figure(" in said, "to draw yet" in said) == (drawn, not drawn)


def test_all_five_are_there() -> None:
    assert [name[:1] for name in SOURCES] == ["1", "2", "3", "4", "5"]
