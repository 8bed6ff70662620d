"""`banditroute collect`: a full-information log for those who have no history, or one model only."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.results import Within, check_writable, progress_shown, show, write

if TYPE_CHECKING:
    from banditroute.offline.collection.prompts import Prompts

EPILOG = """PROMPTS is a CSV, JSONL or Parquet file with a column prompt, and request_class and request_id
where it has them; a text file with one prompt per line; or - for either on standard input.

Example:

\b
  banditroute collect prompts.csv -o history.parquet --sample 300 --usd 2 --judge gpt-4o
  banditroute simulate history.parquet
"""


@click.command(epilog=EPILOG)
@click.argument("prompts", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="LOG",
    help="The log to write: .parquet, .csv or .jsonl.",
)
@click.option(
    "--usd", type=Within(0.0, min_open=True), required=True, metavar="CAP", help="What it may cost."
)
@click.option("--model", "models", multiple=True, metavar="ID", help="A model to ask (all; several times).")
@click.option("--judge", metavar="MODEL", help="Who scores the answers (as [judge] says).")
@click.option("--own", is_flag=True, help="Let the judge score its own model's answers.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Ask that many prompts (all).")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of the sample."
)
@click.option(
    "--hands",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    metavar="N",
    help="Calls under way at a time.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1, 1_000_000),
    default=1_024,
    show_default=True,
    metavar="N",
    help="Longest answer, where the class has no max_tokens of its own.",
)
@click.option("--no-prompts", is_flag=True, help="Write no prompts to the log.")
@click.option("--columns", metavar="A=B,…", help="The file's own names: prompt=question,…")
@click.option("--where", metavar="A=V,…", help="Only rows with these values, e.g. split=test.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken rows, and say how many.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration (banditroute.toml here).",
)
@click.option("--json", "json_path", metavar="F", help="Write the figures as JSON; - is standard output.")
def collect(
    prompts: Path,
    out: Path,
    usd: float,
    models: tuple[str, ...],
    judge: str | None,
    own: bool,
    sample: int | None,
    seed: int,
    hands: int,
    max_tokens: int,
    no_prompts: bool,
    columns: str | None,
    where: str | None,
    skip_bad: bool,
    config: Path | None,
    json_path: str | None,
) -> None:
    """Asks several models the same PROMPTS and has a judge score their answers: a log for simulate and fit.

    What it may cost is reserved before each call, so that the cap holds whatever happens. Started again after
    it was stopped or killed, it goes on where it was. Ctrl-C ends it in order: prompts that are begun are
    ended.
    """
    from banditroute.config.load import load_settings
    from banditroute.offline.collection import run
    from banditroute.offline.collection.findings import unscored_sentence
    from banditroute.offline.collection.plan import make_plan

    check_writable(out, json_path)
    plan = make_plan(load_settings(config), models, judge=judge, own=own, max_tokens=max_tokens)
    found = run.fitting(plan, _read(prompts, sample, seed, columns, where, skip_bad))
    most = run.most_usd(plan, found.sample)
    by = f"{plan.instrument.name} judges" if plan.instrument else "nobody judges"
    click.echo(
        f"{len(found.sample):,} of {found.total:,} prompts for {len(plan.models)} models, {by}: at most "
        f"{most:.2f} USD; the cap is {usd:g}.",
        err=True,
    )
    if plan.own:
        click.echo(unscored_sentence(sorted(plan.own)), err=True)
    stopped: list[int] = []
    with progress_shown("prompts") as (progress, _):
        done = run.collect(
            plan,
            found,
            out,
            cap=usd,
            hands=hands,
            keep_prompts=not no_prompts,
            progress=progress,
            started=lambda stop: _end_on_signals(stop, stopped),
        )
    text = json.dumps(done.to_dict(), indent=2, allow_nan=False)
    if json_path == "-":
        click.echo(text)
    else:
        if json_path is not None:
            write(Path(json_path), text + "\n")
        show(done.table())
        click.echo("\n".join(done.sentences()))
    if stopped:
        sys.exit(128 + stopped[0])


def _read(
    path: Path, sample: int | None, seed: int, columns: str | None, where: str | None, skip_bad: bool
) -> Prompts:
    from banditroute.offline.collection.prompts import prompts_of_text, read_prompts
    from banditroute.offline.options import parse_pairs

    named = parse_pairs(columns, "--columns") if columns else None
    kept = parse_pairs(where, "--where") if where else None
    if str(path) != "-":
        return read_prompts(path, sample=sample, seed=seed, columns=named, where=kept, skip_bad=skip_bad)
    content = sys.stdin.read()
    if not content.lstrip().startswith("{"):
        return prompts_of_text(content, sample=sample, seed=seed)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        return read_prompts(
            Path(file.name), sample=sample, seed=seed, columns=named, where=kept, skip_bad=skip_bad
        )


def _end_on_signals(stop: asyncio.Event, stopped: list[int]) -> None:
    """The first signal ends in order, the next one at once."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end(number: int) -> None:
        stopped.append(number)
        stop.set()
        for one in numbers:
            loop.remove_signal_handler(one)
        click.echo("Prompts that are begun are ended; once more ends at once.", err=True)

    for number in numbers:
        loop.add_signal_handler(number, end, number)
