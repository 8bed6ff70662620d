"""`banditroute reset`: a model is not what it was, so what was learned of it no longer counts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import click

from banditroute.errors import ConfigError, RequestError


@click.command(epilog="Example: banditroute reset gpt-4o --factor quality")
@click.argument("model")
@click.option("--factor", help="Only what was learned of this: quality, usd, seconds… (everything).")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reset(model: str, factor: str | None, config: Path | None, as_json: bool) -> None:
    """Begins to learn MODEL afresh, as after an announced new version.

    An event is appended to the event log: outcomes of decisions made before it do not count for MODEL,
    however late they come, and neither does its history. A running service follows within two seconds.
    """
    from banditroute.config.checks import nearest
    from banditroute.config.load import load_settings
    from banditroute.routing.controls import record_control
    from banditroute.routing.engine import opened_store
    from banditroute.routing.fields import ControlFields, LearnedFactor

    factors = get_args(LearnedFactor)
    if factor is not None and factor not in factors:
        raise click.UsageError(f'There is no factor "{factor}"; {nearest(factor, factors)}')
    settings = load_settings(config)
    if settings.store.url == "memory://":
        raise ConfigError(
            "The event log is in the memory of the service; send it POST /v1/controls instead, or name a "
            "file in [store] url."
        )
    store = opened_store(settings)
    try:
        event = record_control(ControlFields("reset", model, factor), settings, store.controls)  # type: ignore[arg-type]
    except RequestError as refusal:
        raise click.UsageError(str(refusal)) from None
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(asdict(event)))
        return
    what = "everything" if factor is None else factor
    click.echo(f"{model} is learned afresh from now on ({what}); event {event.seq} of the controls.")
