"""`banditroute import`: a file of a known format becomes a log."""

from __future__ import annotations

import json
from pathlib import Path

import click

from banditroute.commands.progress import reading
from banditroute.commands.results import check_writable

EPILOG = """Formats: banditroute, langfuse, litellm-prior, litellm-spend, openai, openrouter, routerarena,
routerbench, tensorzero (docs/logs.md says what is taken from each).

Example:

\b
  banditroute import routerbench routerbench_0shot.csv -o history.parquet
  banditroute simulate history.parquet
"""


@click.command("import", epilog=EPILOG)
@click.argument("form", metavar="FORMAT")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="LOG",
    help="The log to write: .parquet, .csv or .jsonl.",
)
@click.option(
    "--quality",
    metavar="NAME",
    help="The score or metric that is the quality, if there are several (langfuse, tensorzero).",
)
@click.option(
    "--scale",
    metavar="WORST:BEST",
    help="What the scores go from and to, e.g. 1:5; they become 0 and 1. In [0, 1] already by default.",
)
@click.option("--skip-bad", is_flag=True, help="Leave broken rows out and say how many; refused by default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(
    form: str,
    path: Path,
    out: Path,
    quality: str | None,
    scale: str | None,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Converts PATH, a log of a known FORMAT, to a log that simulate, evaluate and fit read."""
    from banditroute.offline.logs.files import counted
    from banditroute.offline.logs.importers.convert import import_log
    from banditroute.offline.options import parse_scale

    check_writable(out)
    ends = parse_scale(scale) if scale is not None else None
    with reading() as progress:
        done = import_log(form, path, out, quality=quality, scale=ends, skip_bad=skip_bad, progress=progress)
    if as_json:
        told = {"rows": done.rows, "requests": done.requests, "models": done.models, "kind": done.kind}
        click.echo(json.dumps({"log": str(done.path), **told, "notes": done.notes}))
        return
    for note in done.notes:
        click.echo(note, err=True)
    click.echo(
        f"{done.path}: {counted(done.rows, 'row')}, {counted(done.requests, 'request')}, "
        f"{counted(done.models, 'model')}; "
        f"{ANSWERS[done.kind]}"
    )


ANSWERS = {
    "full_information": "full information: simulate and fit can use it.",
    "logged": "logged decisions: evaluate and fit can use it.",
    "observational": "observational, without propensities: report savings can use it, but it does not tell "
    "what another model would have given.",
}
"""Kind of log -> what may be done with it."""
