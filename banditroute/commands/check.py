"""`banditroute check`: whether a configuration is right, and what it says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.configured import show, to_dict
from banditroute.commands.discover import discover, sentences
from banditroute.config.address import log_file
from banditroute.config.load import Loaded, load

if TYPE_CHECKING:
    from banditroute.classify.confusion import Confusion


@click.command(epilog="Example: banditroute check --config banditroute.toml")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path),
    help="A CSV or JSONL file of text and label: report what the classifier takes each for.",
)
@click.option("--discover", "discovers", is_flag=True, help="Ask providers which models are new or gone.")
@click.option(
    "--insecure", is_flag=True, help="Ask for no API keys where others reach it, as serve --insecure does."
)
def check(config: Path | None, as_json: bool, sample: Path | None, discovers: bool, insecure: bool) -> None:
    """Validates the configuration: what is wrong, where, and how to mend it.

    If it is right, lists models with their prices, request classes, rules, and what each section says. What
    `serve` would refuse is refused, with exit code 2.
    With --sample it also reports how well the classifier does, and where to set min_confidence. With
    --discover it prints what to add for models that a provider serves and the configuration lacks; exit
    code 1 where a provider does not answer.
    """
    from banditroute.service.ready import check_place, check_ready  # loads the compiled core

    loaded = load(config)
    check_ready(loaded.settings, loaded.problems)
    check_place(loaded.settings, loaded.problems)
    found_in_log = _log_says(loaded, insecure)
    confusion = None if sample is None else _confusion(sample, loaded)
    differences = discover(loaded.settings, loaded.priors) if discovers else None
    if as_json:
        report: dict[str, object] = {} if confusion is None else {"confusion": confusion.to_dict()}
        if differences is not None:
            report["discovered"] = [found.to_dict() for found in differences]
        click.echo(json.dumps({**to_dict(loaded), **report}, indent=2, allow_nan=False))
    else:
        show(loaded)
        if confusion is not None:
            click.echo(f"\nLabelled sample {sample}\n\n{confusion}")
        if differences is not None:
            click.echo(f"\n{sentences(differences)}")
    for warning in (*loaded.warnings, *found_in_log):
        click.echo(f"Warning: {warning}", err=True)
    if any(found.trouble for found in differences or ()):
        raise SystemExit(1)


def _log_says(loaded: Loaded, insecure: bool) -> list[str]:
    """Warnings from the event log, where there is one: what the golden set said of the models, and whether
    anybody holds a key. Refuses an address that `serve` would not listen on."""
    from banditroute.service.ready import check_address, start_warnings
    from banditroute.store import open_store

    settings = loaded.settings
    file = log_file(settings.store.url)
    there = file is not None and os.path.isfile(file)
    store = open_store(settings.store.url if there else "memory://")
    try:
        check_address(settings, store, loaded.problems, insecure=insecure)
        return start_warnings(settings, store)
    finally:
        store.close()


def _confusion(sample: Path, loaded: Loaded) -> Confusion:
    from banditroute.classify.confusion import confusion_report  # loads the core
    from banditroute.commands.sample import read_sample

    return confusion_report(read_sample(sample), loaded.settings)
