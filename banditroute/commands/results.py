"""What verbs that end in a table share: where figures and plots go, and progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

Progress = Callable[[int, int, str], None]
"""Told now and then: how much is done, of how much, and what that was."""


class Result(Protocol):
    """What can be shown: a simulation, an evaluation."""

    def to_dict(self) -> dict[str, Any]: ...

    def table(self) -> RenderableType: ...

    def plot(self, path: str | Path | None = None) -> object: ...


def check_writable(*paths: Path | str | None) -> None:
    """Refuses before the work what could not be written after it; `-` is standard output."""
    for path in (Path(path) for path in paths if path not in (None, "-")):
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise click.UsageError(f"{path} cannot be written: it must be a file in a folder that exists.")


def deliver(result: Result, json_path: str | None, plot_path: Path | None) -> None:
    """The table on standard output, unless the JSON goes there; files where they were asked for."""
    if plot_path is not None:
        result.plot(plot_path)
    text = json.dumps(result.to_dict(), indent=2, allow_nan=False)
    if json_path == "-":
        click.echo(text)
        return
    if json_path is not None:
        try:
            Path(json_path).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{json_path} cannot be written: {error.strerror}.") from error
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 160).print(result.table())


def progress_shown(unit: str) -> AbstractContextManager[Progress]:
    """A bar on a terminal, a line now and then elsewhere; always on standard error."""
    return _bar() if sys.stderr.isatty() else nullcontext(_lines(unit))


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading the log", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def _lines(unit: str) -> Progress:
    """A line for every tenth that is behind."""
    told = 0

    def tell(done: int, total: int, what: str) -> None:
        nonlocal told
        if done == total or 10 * done // total > told:
            told = 10 * done // total
            click.echo(f"{done:,} of {total:,} {unit} ({what})", err=True)

    return tell
