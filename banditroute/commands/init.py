"""`banditroute init`: a starter configuration that works as written."""

from __future__ import annotations

from pathlib import Path

import click

from banditroute.config.load import DEFAULT_PATH
from banditroute.config.starter import write_starter


@click.command(epilog="Example: banditroute init && banditroute serve")
@click.argument("path", type=click.Path(path_type=Path), default=DEFAULT_PATH)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(path: Path, force: bool) -> None:
    """Writes a commented starter configuration to PATH (banditroute.toml).

    It works as it is: simulated models, no key, the store beside the file.
    """
    target = path / DEFAULT_PATH if path.is_dir() else path
    write_starter(target, force=force)
    named = "" if target == DEFAULT_PATH else f" --config {target}"
    click.echo(f"Wrote {target}. Start the service with: banditroute serve{named}")
