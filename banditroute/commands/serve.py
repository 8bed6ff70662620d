"""`banditroute serve` and `banditroute rebuild`: the service, and the proof that its state is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.errors import BanditrouteError

if TYPE_CHECKING:
    from banditroute.routing.rebuild import Rebuilt


class SnapshotDiffers(BanditrouteError):
    """The snapshot is not the fold of the log that it should be."""

    code = "snapshot_differs"


_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here)."
)


_prior = click.option(
    "--prior",
    type=click.Path(path_type=Path),
    metavar="F",
    help="What to start from, made by fit (the configured one).",
)


@click.command(epilog="Example: banditroute serve --config banditroute.toml --port 8400")
@_config
@click.option("--host", help="Address to listen on (the configured one, 127.0.0.1).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on (the configured one, 8400); 0: any."
)
@_prior
@click.option(
    "--insecure", is_flag=True, help="Ask for no API keys where others reach it: their network is closed."
)
def serve(
    config: Path | None, host: str | None, port: int | None, prior: Path | None, insecure: bool
) -> None:
    """Starts the service: routes requests, takes feedback, learns.

    On loopback nobody needs an API key unless [auth] says so; elsewhere everybody does.

    SIGTERM or Ctrl-C end it in order; after a crash the next start folds the event log.
    """
    from banditroute.commands.first_start import compile_kernels
    from banditroute.config.load import load
    from banditroute.config.priorfile import with_prior

    loaded = load(config)
    for warning in loaded.warnings:
        click.echo(f"Warning: {warning}", err=True)
    settings = with_prior(loaded.settings, prior)
    compile_kernels()  # only now: a wrong configuration is refused at once
    from banditroute.routing.engine import opened_store
    from banditroute.service.app import create_app
    from banditroute.service.logs import start_log
    from banditroute.service.ready import check_ready, start_warnings
    from banditroute.service.run import check_host, is_loopback, listening_socket, run
    from banditroute.store.keys import KeyStore

    check_ready(settings, loaded.problems)
    host = settings.server.host if host is None else host
    store = opened_store(settings)
    keys_required = check_host(host, KeyStore(store.engine), insecure=insecure)
    for warning in start_warnings(settings, store):
        click.echo(f"Warning: {warning}", err=True)
    log = start_log(settings.logging)
    bound = listening_socket(host, settings.server.port if port is None else port)
    app = create_app(
        settings,
        store,
        progress=_progress,
        keys_required=keys_required,
        loopback=is_loopback(host) and not insecure,
    )
    try:
        run(
            app,
            bound,
            lambda where: click.echo(f"banditroute listens on {where} (open it in a browser; API: /docs)"),
        )
    finally:
        log.close()


@click.command(epilog="Example: banditroute rebuild --verify")
@_config
@_prior
@click.option("--verify", is_flag=True, help="Compare only; leave the snapshot as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rebuild(config: Path | None, prior: Path | None, verify: bool, as_json: bool) -> None:
    """Folds the whole event log from zero, compares with the last snapshot and its tail, and saves
    what was folded as the new snapshot.

    Exit code 1 where they differ by more than 1e-9, relative to the scale of the summed terms.
    Works while the service is stopped, and beside it.
    """
    from banditroute.config.load import load_settings
    from banditroute.config.priorfile import with_prior
    from banditroute.routing.engine import opened_store
    from banditroute.routing.follow import resets_in, save_state
    from banditroute.routing.rebuild import rebuild as fold_from_zero

    settings = with_prior(load_settings(config), prior)
    store = opened_store(settings)
    try:
        rebuilt = fold_from_zero(store, settings, _progress)
        if not verify:
            save_state(store, settings, rebuilt.state, resets_in(store, settings))
    finally:
        store.close()
    click.echo(json.dumps(_as_json(rebuilt)) if as_json else _sentence(rebuilt))
    if not rebuilt.agrees:
        remedy = "run `banditroute rebuild` without --verify to replace it" if verify else "it was replaced"
        raise SnapshotDiffers(f"The snapshot differs from the event log; {remedy}, and please report this.")


def _as_json(rebuilt: Rebuilt) -> dict[str, object]:
    return {
        "events": rebuilt.state.seq,
        "decisions": rebuilt.decisions,
        "snapshot_seq": rebuilt.snapshot_seq,
        "difference": rebuilt.difference,
        "agrees": rebuilt.agrees,
    }


def _sentence(rebuilt: Rebuilt) -> str:
    folded = f"Folded {rebuilt.state.seq:,} events on {rebuilt.decisions:,} decisions from zero"
    if rebuilt.snapshot_seq is None:
        return f"{folded}; there is no snapshot to compare with that this configuration can read."
    return (
        f"{folded}; the snapshot at event {rebuilt.snapshot_seq:,} with its tail differs by "
        f"{rebuilt.difference:.2g} (largest, relative)."
    )


def _progress(folded: int, last: int) -> None:
    click.echo(f"\rFolded {folded:,} of {last:,} events", nl=folded >= last, err=True)
