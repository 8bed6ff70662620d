"""The options of every verb that reads a log: which of its columns and rows, and what to do with bad ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., None])

_OPTIONS = (
    click.option("--columns", metavar="A=B,…", help="The log's own names: request_id=prompt_id,…"),
    click.option("--where", metavar="A=V,…", help="Only rows with these values, e.g. split=test."),
    click.option("--features", metavar="A,B", help="Numeric columns that learners may use."),
    click.option("--skip-bad", is_flag=True, help="Leave out broken rows, and say how many."),
)


def log_options(command: Command) -> Command:
    """Adds the options, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def reading_of(
    columns: str | None, where: str | None, features: str | None, skip_bad: bool
) -> dict[str, Any]:
    """What was written there, as the keyword arguments of reading a log."""
    from banditroute.offline.options import parse_names, parse_pairs

    return {
        "columns": parse_pairs(columns, "--columns") if columns else None,
        "where": parse_pairs(where, "--where") if where else None,
        "features": parse_names(features, "--features") if features else (),
        "skip_bad": skip_bad,
    }
