"""`banditroute db`: looks after the tables of the event log."""

from __future__ import annotations

import json
from pathlib import Path

import click


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
