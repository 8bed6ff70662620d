"""`banditroute experiments`: lists experiments, and starts and stops them while the service runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.experiment_words import percent, units, when
from banditroute.errors import ConfigError, RequestError

if TYPE_CHECKING:
    from rich.table import Table

    from banditroute.config.settings import Settings
    from banditroute.routing.experiments import Standing
    from banditroute.store.controls import Controls

_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here)."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_MEMORY = (
    "The event log is in the memory of the service; send it POST /v1/controls instead, or name a file in "
    "[store] url."
)


@click.group(epilog="Example: banditroute experiments stop learned-vs-premium")
def experiments() -> None:
    """Lists, starts and stops the experiments of a configuration.

    A running service follows within two seconds. Whoever took part comes back to the same variant.
    """


@experiments.command("list", epilog="Example: banditroute experiments list --json")
@_config
@_json
def list_(config: Path | None, as_json: bool) -> None:
    """Lists every configured experiment: whether it runs, and how many units it has let in."""
    from banditroute.routing.experiments import standings

    with _opened(config) as (settings, controls):
        found = standings(settings, controls, time.time())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    elif found:
        from banditroute.commands.results import show

        show(_table(found))
    else:
        click.echo(f"No experiment is configured; add [[experiments]] to {settings.path}.")


@experiments.command(epilog="Example: banditroute experiments start learned-vs-premium")
@click.argument("name")
@_config
@_json
def start(name: str, config: Path | None, as_json: bool) -> None:
    """Starts NAME, or goes on with it: within its start, stop and ramp, its units are let in."""
    _switch(name, True, config, as_json)


@experiments.command(epilog="Example: banditroute experiments stop learned-vs-premium")
@click.argument("name")
@_config
@_json
def stop(name: str, config: Path | None, as_json: bool) -> None:
    """Stops NAME: from now on its units are served by the configured policy."""
    _switch(name, False, config, as_json)


def _switch(name: str, running: bool, config: Path | None, as_json: bool) -> None:
    from banditroute.routing.controls import record_control
    from banditroute.routing.experiments import standings
    from banditroute.routing.fields import ControlFields

    with _opened(config) as (settings, controls):
        if settings.store.url == "memory://":
            raise ConfigError(_MEMORY)
        try:
            event = record_control(ControlFields("experiment", name, running=running), settings, controls)
        except RequestError as refusal:
            raise click.UsageError(str(refusal)) from None
        found = standings(settings, controls, event.at)
    if as_json:
        click.echo(json.dumps(asdict(event)))
        return
    (now,) = (one for one in found if one.experiment.name == name)
    click.echo(f"{name} is {_state(now)}; event {event.seq} of the controls.")


@contextmanager
def _opened(config: Path | None) -> Iterator[tuple[Settings, Controls]]:
    """The settings of a configuration and the controls of its event log."""
    from banditroute.config.load import load_settings
    from banditroute.routing.engine import opened_store

    settings = load_settings(config)
    store = opened_store(settings)
    try:
        yield settings, store.controls
    finally:
        store.close()


def _table(found: list[Standing]) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable("name", "state", "units", "let in", "classes", "variants")
    for one in found:
        own = one.experiment
        table.add_row(
            own.name,
            _state(one),
            units(own),
            percent(round(one.entered, 4)),
            ", ".join(own.classes) or "all",
            ", ".join(f"{each.name} {percent(each.share)}" for each in own.variants),
        )
    return table


def _state(one: Standing) -> str:
    """Whether it runs, and if not, why."""
    if one.status == "waiting":
        return f"waiting until {when(one.experiment.begins)}"
    if one.status == "over":
        return f"over since {when(one.experiment.ends)}"
    return "idle, since the mode is not live" if one.status == "idle" else one.status
