"""`banditroute fit`: what a log teaches, as a prior to start from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from banditroute.commands.logoptions import log_options, reading_of
from banditroute.commands.progress import reading
from banditroute.commands.results import check_writable, show, write

EPILOG = """Example:

\b
  banditroute fit history.parquet -o prior.json --where split=val
  banditroute serve --prior prior.json
"""


@click.command(epilog=EPILOG)
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="PRIOR", help="The file to write."
)
@log_options
@click.option("--weights", metavar="K=V,…", help="Worth of quality, usd and second, for the shares shown.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Configuration that the prior is for: prices, scale of features, prior quality.",
)
@click.option("--json", "json_path", metavar="F", help="Write the figures as JSON; - is standard output.")
def fit(
    log: Path,
    out: Path,
    columns: str | None,
    where: str | None,
    features: str | None,
    weights: str | None,
    config: Path | None,
    skip_bad: bool,
    json_path: str | None,
) -> None:
    """Learn priors from the history in LOG (CSV, JSONL or Parquet), for serve and simulate.

    LOG holds one row per request and model, or per request: full information, logged decisions, or what
    was merely observed. For how many outcomes it may count, later parts of LOG decide, which earlier
    parts are made to predict. A judge's scores (source judge) are measurements, not outcomes: they count as
    far as people who scored the same answers bear them out, and little where nobody did.
    """
    from dataclasses import replace

    from banditroute.config.load import load_settings
    from banditroute.config.priorfile import write_prior
    from banditroute.config.settings import Settings
    from banditroute.offline.history.findings import describe
    from banditroute.offline.history.fitting import fit_prior, judges_in
    from banditroute.offline.logs.reading import read_log
    from banditroute.offline.options import parse_pairs, parse_weights

    check_writable(out, json_path)
    settings = load_settings(config) if config else Settings()
    if weights is not None:
        wished = parse_weights(parse_pairs(weights, "--weights"), settings.reward.weights)
        settings = replace(settings, reward=replace(settings.reward, weights=wished))
    click.echo(f"Fitting {log}", err=True)
    with reading() as progress:
        read = read_log(
            log,
            **reading_of(columns, where, features, skip_bad),
            prompts=False,
            complete=False,
            progress=progress,
        )
    prior = fit_prior(read, settings=settings, source=log.name)
    fitted = describe(prior, settings, judges_in(read, settings))
    write_prior(prior, out)
    text = json.dumps({**fitted.to_dict(), "notes": list(read.notes)}, indent=2, allow_nan=False)
    if json_path == "-":
        click.echo(text)
        return
    if json_path is not None:
        write(Path(json_path), text + "\n")
    show(*fitted.tables())
    for note in (*(judge.sentence() for judge in fitted.judges), *read.notes):
        click.echo(note)
    click.echo(f"Wrote {out}; start from it with `banditroute serve --prior {out}`.")
