"""Tables, consoles and progress that show text as it is.

rich reads `[bold]` in a string as markup and `:gemini:` as an emoji, and what is shown here are names that
others gave: models, classes, policies. Whatever is printed goes through these, nothing else makes a table or
a console.
"""

from __future__ import annotations

from typing import IO

from rich.console import Console, RenderableType
from rich.progress import TextColumn
from rich.style import Style
from rich.table import Table
from rich.text import Text


def verbatim_console(
    file: IO[str] | None = None, *, stderr: bool = False, width: int | None = None, plain: bool = False
) -> Console:
    """A console that prints strings as they are. `width` is in columns, that of the terminal by default;
    `plain` has no colours, whatever the environment says."""
    return Console(
        file=file,
        stderr=stderr,
        width=width,
        markup=False,
        emoji=False,
        highlight=False,
        no_color=plain or None,
        force_terminal=False if plain else None,
    )


def described() -> TextColumn:
    """The column of a progress bar that says what is at work."""
    return TextColumn("{task.description}", markup=False)


class VerbatimTable(Table):
    """A table whose strings are what they are, whichever console prints it."""

    def add_column(self, header: RenderableType = "", *args: object, **style: object) -> None:
        """As of `rich.table.Table`."""
        super().add_column(_verbatim(header), *args, **style)  # type: ignore[arg-type]

    def add_row(
        self, *cells: RenderableType | None, style: str | Style | None = None, end_section: bool = False
    ) -> None:
        """As of `rich.table.Table`."""
        super().add_row(*map(_verbatim, cells), style=style, end_section=end_section)

    @property
    def title(self) -> str | Text | None:
        """What stands above."""
        title = self._title
        return Text(title, self.title_style or "table.title") if isinstance(title, str) else title

    @title.setter
    def title(self, text: str | Text | None) -> None:
        self._title = text

    @property
    def caption(self) -> str | Text | None:
        """What stands below."""
        caption = self._caption
        return Text(caption, self.caption_style or "table.caption") if isinstance(caption, str) else caption

    @caption.setter
    def caption(self, text: str | Text | None) -> None:
        self._caption = text


def _verbatim(cell: RenderableType | None) -> RenderableType | None:
    return Text(cell) if isinstance(cell, str) else cell
