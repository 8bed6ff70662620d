"""What `simulate` does beside replaying a log: it plays scenarios, and draws from worlds fitted to a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from banditroute.commands.results import deliver, progress_shown

if TYPE_CHECKING:
    from banditroute.offline.logs.reading import Log

OPTIONS = ("log", "policies", "seeds", "jobs", "cluster", "json_path", "plot_path")
"""Parameters of `simulate` that mean something to a scenario."""


def play_scenario(
    name: Path,
    policies: Sequence[str],
    seeds: int,
    jobs: int | None,
    cluster: str | None,
    json_path: str | None,
    plot_path: Path | None,
) -> None:
    """Plays a scenario and shows what came of it. Its own file says what the other options say of a log."""
    from banditroute.offline.worlds.run import simulate_scenario

    context = click.get_current_context()
    given = [
        parameter
        for parameter in context.command.params
        if parameter.name is not None
        and parameter.name not in OPTIONS
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{given[0].opts[0]} is about logs; a scenario says such things in its file: {name.name}."
        )
    own_seeds = context.get_parameter_source("seeds") is ParameterSource.DEFAULT
    with progress_shown("seeds") as progress:
        result = simulate_scenario(
            name,
            policies or None,
            seeds=None if own_seeds else seeds,
            jobs=jobs,
            cluster=cluster,
            progress=progress,
        )
    deliver(result, json_path, plot_path)


def draw_world(
    path: Path,
    requests: int,
    columns: Mapping[str, str] | None,
    where: Mapping[str, str] | None,
    features: Sequence[str],
    skip_bad: bool,
    json_path: str | None,
) -> Log:
    """Requests drawn from a world fitted to a log; how well it fits is shown first."""
    from rich.console import Console

    from banditroute.offline.logs.reading import read_log
    from banditroute.offline.worlds.check import check_of_fit
    from banditroute.offline.worlds.checktables import terminal_tables
    from banditroute.offline.worlds.fitted import fit_world

    log = read_log(path, columns=columns, where=where, features=features, skip_bad=skip_bad)
    console = Console(stderr=json_path == "-")
    Console(stderr=json_path == "-", width=None if console.is_terminal else 160).print(
        terminal_tables(check_of_fit(log)), "", sep="\n"
    )
    return fit_world(log).draw(requests, seed=0)
