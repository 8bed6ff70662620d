"""`banditroute export`: the event log as a log for simulate, evaluate and fit."""

from __future__ import annotations

import json
from pathlib import Path

import click

from banditroute.commands.progress import reading
from banditroute.commands.results import check_writable

EPILOG = """Example:

\b
  banditroute export -o decisions.parquet
  banditroute evaluate decisions.parquet --policy cheapest
"""


@click.command(epilog=EPILOG)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration (banditroute.toml here).",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="LOG",
    help="The log to write: .parquet, .csv or .jsonl.",
)
@click.option("--prompts", is_flag=True, help="Write prompts too, where they were kept.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(config: Path | None, out: Path, prompts: bool, as_json: bool) -> None:
    """Writes every decision of the event log, with what came of it, as a log with one row per request.

    Works while the service is stopped, and beside it.
    """
    from banditroute.config.load import load_settings
    from banditroute.errors import ConfigError
    from banditroute.offline.logs.export import export_log
    from banditroute.offline.logs.files import counted
    from banditroute.routing.engine import opened_store

    check_writable(out)
    settings = load_settings(config)
    if settings.store.url == "memory://":
        raise ConfigError(
            "[store] url is memory://, which ends with the service; name a file to export from."
        )
    store = opened_store(settings)
    try:
        with reading() as progress:
            done = export_log(store, settings, out, prompts=prompts, progress=progress)
    finally:
        store.close()
    if as_json:
        click.echo(
            json.dumps({"log": str(done.path), "rows": done.rows, "drawn": done.drawn, "notes": done.notes})
        )
        return
    for note in done.notes:
        click.echo(note, err=True)
    click.echo(
        f"{done.path}: {counted(done.rows, 'row')}, {done.drawn:,} of them drawn with a known propensity."
    )
