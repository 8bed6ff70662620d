"""What `simulate` does beside replaying a log: it plays scenarios, and draws from worlds fitted to a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from banditroute.commands.results import deliver, progress_shown, show

if TYPE_CHECKING:
    from banditroute.offline.logs.queries import Progress as Reading
    from banditroute.offline.logs.reading import Log

OPTIONS = ("log", "policies", "seeds", "weights", "jobs", "cluster", "json_path", "plot_path")
"""Parameters of `simulate` that mean something to a scenario."""

INSTEAD = {
    "feedback_rate": "[feedback] rate",
    "feedback_delay": "[feedback] delay_hours",
    "feedback_odds": "[feedback] rate and rate_below",
    "half_life": "[learning] half_life_days",
    "prior": "[[learners]] history",
    "columns": "columns, beside its world",
    "where": "where, beside its world",
    "world": "its requests and its world",
}
"""What of a scenario's file says what an option says of a log."""


def play_scenario(
    name: Path,
    policies: Sequence[str],
    seeds: int,
    weights: str | None,
    jobs: int | None,
    cluster: str | None,
    json_path: str | None,
    plot_path: Path | None,
) -> None:
    """Plays a scenario and shows what came of it. What else is said of a log is in its own file."""
    from banditroute.offline.options import parse_pairs
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
        option, instead = given[0].opts[0], INSTEAD.get(given[0].name or "")
        way = f"write {instead} into a copy of its file" if instead else "leave it out, or name a log"
        raise click.UsageError(f"{option} is for logs, and {name} is a scenario; {way}.")
    own_seeds = context.get_parameter_source("seeds") is ParameterSource.DEFAULT
    with progress_shown("seeds") as (progress, _):
        result = simulate_scenario(
            name,
            policies or None,
            seeds=None if own_seeds else seeds,
            weights=parse_pairs(weights, "--weights") if weights is not None else None,
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
    reading: Reading,
) -> Log:
    """Requests drawn from a world fitted to a log; how well it fits is shown first."""
    from banditroute.offline.logs.reading import read_log
    from banditroute.offline.worlds.check import check_of_fit
    from banditroute.offline.worlds.checktables import terminal_tables
    from banditroute.offline.worlds.fitted import fit_world

    log = read_log(path, columns=columns, where=where, features=features, skip_bad=skip_bad, progress=reading)
    show(terminal_tables(check_of_fit(log)), "", stderr=json_path == "-")
    return replace(fit_world(log).draw(requests, seed=0), notes=tuple(log.notes))
