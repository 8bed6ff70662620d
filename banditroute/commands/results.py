"""What verbs that end in a table share: where figures and plots go, and progress on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from banditroute.commands.progress import quarters

if TYPE_CHECKING:
    from rich.console import RenderableType

    from banditroute.offline.logs.queries import Progress as Reading

Progress = Callable[[int, int, str], None]
"""Told now and then: how much is done, of how much, and what that was."""


class Result(Protocol):
    """What can be shown: a simulation, an evaluation."""

    def to_dict(self) -> dict[str, Any]: ...

    def table(self) -> RenderableType: ...

    def plot(self, path: str | Path | None = None) -> object: ...


class Within(click.FloatRange):
    """A number in a range; nan, which every comparison lets through, is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


DRAWN = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".svgz", ".eps", ".ps", ".webp", ".tif", ".tiff")
"""Extensions of pictures that can be drawn."""


def check_plot(path: Path | None) -> None:
    """Refuses before the work a picture that could not be drawn after it."""
    if path is None:
        return
    if path.suffix.lower() not in DRAWN:
        raise click.UsageError(f"{path} is no picture that can be drawn; name a .png, .svg or .pdf file.")
    if find_spec("matplotlib") is None:
        raise click.UsageError("Plots need matplotlib; install it with: python -m pip install matplotlib")


def check_writable(*paths: Path | str | None) -> None:
    """Refuses before the work what could not be written after it, what would be written over a file that the
    verb reads, and one file for two things; `-` is standard output."""
    from banditroute.commands.inputs import files_read

    outputs = [Path(path) for path in paths if path not in (None, "-")]
    for path in outputs:
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise click.UsageError(f"{path} cannot be written: it must be a file in a folder that exists.")
    _check_once(outputs)
    there = [path for path in outputs if path.is_file()]
    read = list(files_read()) if there else []
    for path in there:
        if any(_overwrites(path, one) for one in read) or _is_database(path):
            raise click.UsageError(f"{path} is read, and would be written over; name another file.")


def _check_once(outputs: Sequence[Path]) -> None:
    """Refuses two outputs that are one file."""
    places = [path.resolve() for path in outputs if path.is_file() or not path.exists()]
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise click.UsageError(f"{twice} was named for two things to write; name a file for each.")


def _is_database(path: Path) -> bool:
    """Whether it is one, such as an event log, whatever configuration it belongs to."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _overwrites(path: Path, read: Path) -> bool:
    """Whether a file that is written is one that is read, or one of those that are read of a folder."""
    if read.is_dir():
        from banditroute.offline.logs.importers.source import JSON_LINES

        return path.name.endswith(JSON_LINES) and path.resolve().is_relative_to(read.resolve())
    return read.exists() and path.samefile(read)


def deliver(
    result: Result, json_path: str | None, plot_path: Path | None, more: Mapping[str, Any] | None = None
) -> None:
    """The table on standard output, unless the JSON goes there; files where they were asked for. `more` is
    what else the JSON holds."""
    if plot_path is not None:
        result.plot(plot_path)
        click.echo(f"Drew {plot_path}.", err=True)
    text = json.dumps({**result.to_dict(), **(more or {})}, indent=2, allow_nan=False)
    if json_path == "-":
        click.echo(text)
        return
    if json_path is not None:
        write(Path(json_path), text + "\n")
    show(result.table())


def write(path: Path, text: str) -> None:
    """Writes a file, or says why not."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error


def show(*shown: RenderableType, stderr: bool = False) -> None:
    """Prints for people. A table that is wider than the terminal keeps its width, and the terminal breaks
    its lines: a figure or a name that is cut off is worse."""
    from banditroute.offline.verbatim import verbatim_console

    console = verbatim_console(stderr=stderr)
    console.width = max(console.width, *(_width(one) for one in shown))
    for one in shown:
        console.print(one)


def _width(one: object) -> int:
    """What the tables in it need."""
    from rich.console import Group
    from rich.table import Table

    from banditroute.offline.verbatim import verbatim_console

    if isinstance(one, Group):
        return max((_width(part) for part in one.renderables), default=0)
    wide = verbatim_console(width=1_000)
    return wide.measure(one).maximum if isinstance(one, Table) else 0


def progress_shown(unit: str) -> AbstractContextManager[tuple[Progress, Reading]]:
    """Who is told how far the work is, and who how far the log is read.

    A bar on a terminal, a line now and then elsewhere; always on standard error.
    """
    return _bar() if sys.stderr.isatty() else nullcontext((_lines(unit), quarters()))


@contextmanager
def _bar() -> Iterator[tuple[Progress, Reading]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from banditroute.offline.verbatim import described, verbatim_console

    columns = (described(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=verbatim_console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading the log", total=None)
        yield (
            lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
            lambda done, what: bar.update(task, completed=round(100 * done), total=100, description=what),
        )


def _lines(unit: str) -> Progress:
    """A line for every tenth that is behind."""
    told = 0

    def tell(done: int, total: int, what: str) -> None:
        nonlocal told
        if done == total or 10 * done // total > told:
            told = 10 * done // total
            click.echo(f"{done:,} of {total:,} {unit} ({what})", err=True)

    return tell
