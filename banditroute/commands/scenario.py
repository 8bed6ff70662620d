"""What `simulate` does beside replaying a log: it plays scenarios, and draws from worlds fitted to a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from banditroute.commands.results import deliver, progress_shown, show

if TYPE_CHECKING:
    from banditroute.offline.logs.queries import Progress as Reading
    from banditroute.offline.worlds.fitted import FittedWorld

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


def opened_world(
    path: Path,
    columns: Mapping[str, str] | None,
    where: Mapping[str, str] | None,
    features: Sequence[str],
    skip_bad: bool,
    json_path: str | None,
    plot_path: Path | None,
    reading: Reading,
) -> tuple[FittedWorld, list[str], dict[str, Any]]:
    """The world fitted to a log, what is to be said of that log, and for the JSON how well the world fits,
    which is shown first, and drawn where the path says."""
    from banditroute.config.settings import Settings
    from banditroute.offline.logs.reading import read_log
    from banditroute.offline.simulation.hearsay import judges_word
    from banditroute.offline.worlds.check import check_of_fit
    from banditroute.offline.worlds.checktables import terminal_tables
    from banditroute.offline.worlds.fitted import fit_world

    log = read_log(path, columns=columns, where=where, features=features, skip_bad=skip_bad, progress=reading)
    fit = check_of_fit(log)
    show(terminal_tables(fit), "", stderr=json_path == "-")
    world = fit_world(log)
    if plot_path is not None:
        from banditroute.offline.worlds.checkplots import draw_fit

        draw_fit(world, log, plot_path)
        click.echo(f"Drew {plot_path}.", err=True)
    notes = [*log.notes, *judges_word(log, Settings())[1]]
    return world, notes, {"check_of_fit": fit.to_dict()}
