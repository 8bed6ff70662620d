"""What reports that are pages too share: what a page may be called, where page, figures and text go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from banditroute.commands.results import show, write

if TYPE_CHECKING:
    from rich.console import RenderableType

Answer = TypeVar("Answer")

PAGES = (".html", ".htm")
"""Extensions of pages."""


def check_page(out: Path | None, *others: str) -> None:
    """Refuses before the work a page named as what it will not be; `others` are extensions that the verb
    writes too."""
    if out is not None and out.suffix.lower() not in (*PAGES, *others):
        listed = " or ".join((PAGES[0], *others))
        raise click.UsageError(f"{out} is no page that can be written; name a {listed} file.")


def deliver_page(
    result: Answer,
    json_path: str | None,
    out: Path | None,
    page: Callable[[Answer], str],
    printed: Callable[[Answer], RenderableType],
) -> None:
    """The page and the JSON where they were asked for; the text, unless the JSON is on standard output."""
    import msgspec

    if out is not None:
        write(out, page(result))
    if json_path is not None:
        text = msgspec.json.format(msgspec.json.encode(result), indent=2).decode()
        if json_path == "-":
            click.echo(text)
            return
        write(Path(json_path), text + "\n")
    show(printed(result))
