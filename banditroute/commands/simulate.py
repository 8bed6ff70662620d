"""`banditroute simulate`: replays a log under every policy."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from banditroute.offline.result import SimulationResult
    from banditroute.offline.simulation import Progress

EPILOG = """Example:

\b
  banditroute simulate history.parquet \\
    --columns request_id=prompt_id,request_class=category,usd=cost_usd \\
    --weights quality=1,usd=3.33 --seeds 10 --plot regret.png
"""


@click.command(epilog=EPILOG)
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="NAME",
    help="Policy to replay; repeatable. All by default.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    metavar="N",
    help="Repetitions, each with its own order and luck.",
)
@click.option("--weights", metavar="K=V,…", help="Worth of quality, usd and second, e.g. quality=1,usd=20.")
@click.option("--columns", metavar="A=B,…", help="The log's own names: request_id=prompt_id,…")
@click.option("--where", metavar="A=V,…", help="Only rows with these values, e.g. split=test.")
@click.option("--features", metavar="A,B", help="Numeric columns that learners may use.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Configuration for priors, tiers and weights.",
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes; all cores by default.")
@click.option("--json", "json_path", metavar="F", help="Write the figures as JSON; - is standard output.")
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Draw learning curves (PNG, SVG, PDF).",
)
def simulate(
    log: Path,
    policies: tuple[str, ...],
    seeds: int,
    weights: str | None,
    columns: str | None,
    where: str | None,
    features: str | None,
    config: Path | None,
    jobs: int | None,
    json_path: str | None,
    plot_path: Path | None,
) -> None:
    """Replay a full-information LOG (CSV, JSONL or Parquet) under every policy.

    LOG holds one row per request and model. Policies and static rules meet the same requests in
    the same order; the table shows reward, quality, cost, latency, and regret against the best
    model per class in hindsight.
    """
    from banditroute.config.load import load_settings
    from banditroute.offline.options import parse_names, parse_pairs
    from banditroute.offline.simulation import simulate as run

    for path in (plot_path, Path(json_path) if json_path not in (None, "-") else None):
        _check_writable(path)
    with _progress() as progress:
        result = run(
            log,
            policies or None,
            weights=parse_pairs(weights, "--weights") if weights is not None else None,
            seeds=seeds,
            columns=parse_pairs(columns, "--columns") if columns else None,
            where=parse_pairs(where, "--where") if where else None,
            features=parse_names(features, "--features") if features else (),
            settings=load_settings(config) if config else None,
            jobs=jobs,
            progress=progress,
        )
    _deliver(result, json_path, plot_path)


def _check_writable(path: Path | None) -> None:
    """Refuses before the work what could not be written after it."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise click.UsageError(f"{path} cannot be written: it must be a file in a folder that exists.")


def _deliver(result: SimulationResult, json_path: str | None, plot_path: Path | None) -> None:
    """The table on standard output, unless the JSON goes there; files where they were asked for."""
    if plot_path is not None:
        result.plot(plot_path)
    text = json.dumps(result.to_dict(), indent=2, allow_nan=False)
    if json_path == "-":
        click.echo(text)
        return
    if json_path is not None:
        try:
            Path(json_path).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"{json_path} cannot be written: {error.strerror}.") from error
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 160).print(result.table())


def _progress() -> AbstractContextManager[Progress | None]:
    """A bar on a terminal, a line now and then elsewhere; always on standard error."""
    return _bar() if sys.stderr.isatty() else nullcontext(_lines)


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading the log", total=None)
        yield lambda done, total, policy: bar.update(task, completed=done, total=total, description=policy)


def _lines(done: int, total: int, policy: str) -> None:
    if done == total or done % max(1, total // 10) == 0:
        click.echo(f"{done} of {total} runs ({policy})", err=True)
