"""`banditroute keys`: makes, lists and revokes the API keys of an event log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.errors import ConfigError, RequestError
from banditroute.store.scopes import SCOPES, SOURCES

if TYPE_CHECKING:
    from rich.table import Table

    from banditroute.store.keys import Key, KeyStore

_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here)."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(epilog="Example: banditroute keys create search --scope route --scope feedback")
def keys() -> None:
    """Makes, lists and revokes API keys.

    They are kept in the event log. A running service hears of a new or a revoked key within a second.
    """


@keys.command(epilog="Example: banditroute keys create search --scope route --scope feedback")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(list(SCOPES)),
    multiple=True,
    help="What it is good for, at least one; repeat it for several.",
)
@click.option(
    "--source",
    "sources",
    type=click.Choice([source for spoken in SOURCES.values() for source in spoken]),
    multiple=True,
    help="The only sources that its feedback may claim (all that its scopes allow).",
)
@click.option(
    "--requests-per-minute",
    type=float,
    metavar="N",
    help="The most it may send, 0 for no limit (what [auth] says).",
)
@_config
@_json
def create(
    name: str,
    scopes: tuple[str, ...],
    sources: tuple[str, ...],
    requests_per_minute: float | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Makes a key for NAME and prints it: this once, for only its digest is kept.

    NAME is the principal on every outcome that is reported with the key. Several keys may share a name:
    make a new one, change over, revoke the old one.
    """
    with _opened(config) as store:
        try:
            key, text = store.create(name, scopes, sources=sources, requests_per_minute=requests_per_minute)
        except RequestError as refusal:
            raise click.UsageError(str(refusal)) from None
    if as_json:
        click.echo(json.dumps({"key": text, **_to_dict(key)}, indent=2))
        return
    click.echo(text)
    spoken = f"; sources: {', '.join(key.sources)}" if key.sources else ""
    click.echo(f"Key {key.id} of {key.name}, scopes: {', '.join(key.scopes)}{spoken}.", err=True)
    click.echo("It is not shown again, so keep it now; a running service knows it in a second.", err=True)


@keys.command("list", epilog="Example: banditroute keys list --json")
@_config
@_json
def list_(config: Path | None, as_json: bool) -> None:
    """Lists every key that was ever made, without its secret."""
    with _opened(config) as store:
        known = store.all()
    if as_json:
        click.echo(json.dumps([_to_dict(key) for key in known], indent=2))
    elif known:
        from banditroute.commands.results import show

        show(_table(known))
    else:
        click.echo("There are no keys; make one with: banditroute keys create NAME --scope route")


@keys.command(epilog="Example: banditroute keys revoke 3f9c0a7be214")
@click.argument("key_id", metavar="ID")
@_config
@_json
def revoke(key_id: str, config: Path | None, as_json: bool) -> None:
    """Takes a key back, for good. ID is what `keys list` shows; the whole key will do too."""
    from banditroute.store.keys import id_of

    with _opened(config) as store:
        key = store.revoke(id_of(key_id))
    if key is None:
        raise click.UsageError(f"There is no key {id_of(key_id)!r}; `banditroute keys list` shows them all.")
    if as_json:
        click.echo(json.dumps(_to_dict(key), indent=2))
    else:
        click.echo(f"Key {key.id} of {key.name} was revoked at {_time(key.revoked_at)}.")


@contextmanager
def _opened(config: Path | None) -> Iterator[KeyStore]:
    """The keys of the event log that a configuration names."""
    from banditroute.config.address import MEMORY
    from banditroute.config.load import load_settings
    from banditroute.store.engine import open_engine
    from banditroute.store.keys import KeyStore

    settings = load_settings(config)
    if settings.store.url == MEMORY:
        raise ConfigError(
            "A log in memory ends with its process and keeps no keys; name a file in [store] url."
        )
    engine = open_engine(settings.store.url, None)
    try:
        yield KeyStore(engine)
    finally:
        engine.dispose()


def _to_dict(key: Key) -> dict[str, object]:
    """A key without its digest."""
    told = asdict(key)
    del told["digest"]
    return told


def _table(known: list[Key]) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable("id", "name", "scopes", "sources", "requests/min", "made (UTC)", "revoked (UTC)")
    for key in known:
        rate = key.requests_per_minute
        table.add_row(
            key.id,
            key.name,
            ", ".join(key.scopes),
            ", ".join(key.sources) or "–",
            "default" if rate is None else f"{rate:g}" if rate else "no limit",
            _time(key.created_at),
            _time(key.revoked_at),
        )
    return table


def _time(at: float | None) -> str:
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
