"""Names that rich would take for markup or for emoji are shown as they are, by every table and console."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from rich.console import Console
from rich.progress import Progress

import banditroute
from banditroute.commands.evaluate import evaluate
from banditroute.commands.fit import fit
from banditroute.commands.savings import savings
from banditroute.commands.simulate import simulate
from banditroute.offline.verbatim import VerbatimTable, described, verbatim_console

NAMES = ("gemini", "a", "[bold]x")
TOLD = ":gemini: :a: [bold]x [/] [red]"
READING = {"Console", "Table", "TextColumn", "Panel", "from_markup", "render"}
"""What of rich takes strings for markup and emoji."""


def _called(path: Path) -> Iterator[str]:
    """Names of what a file calls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def test_nothing_else_makes_a_table_or_a_console() -> None:
    package = Path(banditroute.__file__).parent
    printing = {path for path in package.rglob("*.py") if "rich" in path.read_text()}
    found = {path.name for path in printing if READING & {*_called(path)}}
    assert found == {"verbatim.py"}


def test_a_table_shows_every_string_as_it_is() -> None:
    for console in (Console(file=io.StringIO(), width=200), verbatim_console(io.StringIO(), width=200)):
        table = VerbatimTable(TOLD, title=f"title {TOLD}", caption=f"caption {TOLD}")
        table.add_column(header=f"head {TOLD}")
        table.add_row("1", f"cell {TOLD}")
        console.print(table)
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue().count(TOLD) == 5


def test_a_console_and_a_bar_do_too() -> None:
    page = io.StringIO()
    console = verbatim_console(page, width=200)
    console.print(TOLD, style="bold")
    with Progress(described(), console=console) as bar:
        bar.add_task(TOLD, total=1)
    assert page.getvalue().count(TOLD) == 2
    assert verbatim_console(page, plain=True).color_system is None


def _log(path: Path, *, drawn: bool) -> Path:
    """A log with a row for every model, or with one that was drawn evenly."""
    rng = np.random.default_rng(3)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["request_id", "request_class", "model", "quality", "usd", *["propensity"] * drawn])
        for i in range(60):
            for a in [int(rng.integers(3))] if drawn else range(3):
                quality = round(float(rng.uniform(0.2 * a, 1)), 4)
                rows.writerow(
                    [f"r{i}", "gemini", NAMES[a], quality, 0.001 * (a + 1), *["0.333333333"] * drawn]
                )
    return path


def test_commands_show_models_by_their_names(tmp_path: Path) -> None:
    full, drawn = _log(tmp_path / "full.csv", drawn=False), _log(tmp_path / "drawn.csv", drawn=True)
    fixed = [f"--policy=fixed:{name}" for name in NAMES]
    played = CliRunner().invoke(simulate, [str(full), *fixed, "--seeds=1"])
    judged = CliRunner().invoke(evaluate, [str(drawn), *fixed])
    fitted = CliRunner().invoke(fit, [str(full), "-o", str(tmp_path / "prior.json")])
    saved = CliRunner().invoke(savings, [str(full), "--policy", "thompson"])
    for done in (played, judged, fitted, saved):
        assert done.exit_code == (done is judged), done.output  # so few rows identify nothing
        assert all(name in done.stdout for name in NAMES)
        assert not any(mark in done.stdout for mark in "♊🅰")
        assert "\\[" not in done.stdout
    assert "fixed:gemini: The weights leave" in judged.stdout
