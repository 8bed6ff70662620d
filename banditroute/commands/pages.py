"""What reports that are pages too share: where page, figures and text go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from banditroute.commands.results import show, write

if TYPE_CHECKING:
    from rich.console import RenderableType

Answer = TypeVar("Answer")


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
