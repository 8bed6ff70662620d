"""Progress of long reads and writes, drawn on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from banditroute.offline.logs.queries import Progress


@contextmanager
def reading() -> Iterator[Progress]:
    """A bar on a terminal, a line for each quarter elsewhere; nothing for what is done at once."""
    if not sys.stderr.isatty():
        yield quarters()
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn

    from banditroute.offline.verbatim import described, verbatim_console

    columns = (described(), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=verbatim_console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda done, what: bar.update(task, completed=done, description=what)


def quarters() -> Progress:
    """A line for each quarter of what takes long."""
    told: dict[str, int] = {}

    def tell(done: float, what: str) -> None:
        quarter = int(4 * done)
        if 0 < quarter < 4 and quarter > told.get(what, 0):
            told[what] = quarter
            click.echo(f"{what}: {25 * quarter}%", err=True)

    return tell
