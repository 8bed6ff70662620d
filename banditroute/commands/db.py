"""`banditroute db`: looks after the tables of the event log."""

from __future__ import annotations

import json
from pathlib import Path

import click

LONG = 20_000
"""Decisions that take some seconds."""


@click.group(epilog="Example: banditroute db upgrade")
def db() -> None:
    """Looks after the tables of the event log."""


@db.command(epilog="Example: banditroute db upgrade --config banditroute.toml")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def upgrade(config: Path | None, as_json: bool) -> None:
    """Brings the tables of the event log up to date.

    Whatever opens the log does so too; this is for those who want it done before a service starts.
    """
    from banditroute.config.load import load_settings
    from banditroute.errors import ConfigError
    from banditroute.store import upgrade as bring_up_to_date
    from banditroute.store.tables import HEAD

    settings = load_settings(config)
    url = settings.store.url
    if url == "memory://":
        raise ConfigError("[store] url is memory://, which has no tables to upgrade; name a file.")
    bring_up_to_date(url, base=settings.path.parent if settings.path else None)
    click.echo(json.dumps({"url": url, "tables": HEAD}) if as_json else f"{url}: tables at {HEAD}.")


@db.command("rebuild-views", epilog="Example: banditroute db rebuild-views")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rebuild_views(config: Path | None, as_json: bool) -> None:
    """Makes the figures of the dashboard and the reports anew from the event log.

    They keep themselves up to date; this is for after a restored backup, or when classes were declared
    that should count in the past too. Works while the service is stopped, and beside it.
    """
    from banditroute.config.load import load_settings
    from banditroute.routing.engine import opened_store
    from banditroute.routing.tally import rebuild_views as tally_anew

    settings = load_settings(config)
    store = opened_store(settings)
    try:
        tally_anew(store, settings, tally_progress)
        decisions = store.counts()["decisions"]
    finally:
        store.close()
    click.echo(json.dumps({"decisions": decisions}) if as_json else f"{decisions:,} decisions were tallied.")


def tally_progress(tallied: int, known: int) -> None:
    """Says on stderr how far it is, where it takes a while."""
    if known >= LONG:
        click.echo(f"\rTallied {tallied:,} of {known:,} decisions", nl=tallied >= known, err=True)
