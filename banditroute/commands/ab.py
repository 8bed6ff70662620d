"""`banditroute report ab`: what an experiment says, from the live event log or from a log file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.pages import check_page
from banditroute.commands.progress import reading
from banditroute.commands.results import Within, check_plot, check_writable, deliver, write

if TYPE_CHECKING:
    from banditroute.reports.ab import ABReport
    from banditroute.reports.ab_asked import AskedAB

EXAMPLES = """Example: banditroute report ab --experiment learned-vs-premium --out ab.html

\b
  banditroute report ab history.parquet --control gpt-4o --metric quality --margin 0.01
  banditroute report ab calls.csv --columns variant=arm,unit=user --shares 'old=0.9,new=0.1' --json -
"""

METRICS = ("quality", "powered", "usd", "seconds", "reward", "error", "fallback", "output_tokens")


@click.command(epilog=EXAMPLES)
@click.argument("log", type=click.Path(path_type=Path), required=False)
@click.option("--log", "named_log", type=click.Path(path_type=Path), hidden=True)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration whose event log is read (banditroute.toml here); with LOG: the one that says "
    "what is worth how much, for the reward, and what the experiment declared.",
)
@click.option("--experiment", metavar="NAME", help="Which one, where there are several.")
@click.option("--control", metavar="V", help="The variant to compare the others with.")
@click.option("--metric", type=click.Choice(METRICS), help="The one that decides (quality).")
@click.option(
    "--margin",
    type=Within(min=0, max=1e9),
    metavar="D",
    help="The loss that was agreed on, in the unit of the metric (quality: 0.01, one point; others have no "
    "usual one, so say it).",
)
@click.option(
    "--max-usd",
    type=Within(min=0, min_open=True, max=1e9),
    metavar="N",
    help="What one request counts for at most, in USD; declared before the experiment.",
)
@click.option(
    "--max-seconds", type=Within(min=0, min_open=True, max=1e9), metavar="N", help="And in seconds."
)
@click.option(
    "--requests-per-month",
    type=Within(min=0, min_open=True, max=1e12),
    metavar="N",
    help="Project savings to so many requests instead of the experiment's own rate.",
)
@click.option("--shares", metavar="A=P,…", help="Of a LOG that does not say them: each variant's share.")
@click.option("--columns", metavar="A=B,…", help="The log's own names: variant=arm,unit=user,…")
@click.option("--where", metavar="A=V,…", help="Only rows with these values, e.g. app=search.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken rows of LOG, and say how many.")
@click.option("--json", "json_path", metavar="F", help="Write the report as JSON; - is standard output.")
@click.option("--out", type=click.Path(path_type=Path), metavar="F.html", help="Write it as one HTML page.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="F", help="Draw it as F.png, .svg or .pdf.")
def ab(
    log: Path | None,
    named_log: Path | None,
    config: Path | None,
    experiment: str | None,
    control: str | None,
    metric: str | None,
    margin: float | None,
    max_usd: float | None,
    max_seconds: float | None,
    requests_per_month: float | None,
    shares: str | None,
    columns: str | None,
    where: str | None,
    skip_bad: bool,
    json_path: str | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    """What the variants of an experiment do beside its control: the verdict first, then every metric.

    Without LOG the event log of the configuration is read, also beside a running service, and the experiment
    says its control, metric, margin and caps. LOG is a CSV, JSONL or Parquet file in the log schema, one row
    per request, with variant and unit, and where it has them experiment, variant_share, error and fallback.
    Intervals hold at every look: read it as often as you like.
    """
    from banditroute.reports.ab_asked import AskedAB

    log = log or named_log
    check_plot(plot)
    check_writable(json_path, out, plot)
    check_page(out)
    if log is None and (columns or where or shares or skip_bad):
        raise click.UsageError("--columns, --where, --shares and --skip-bad are about a LOG; name one.")
    asked = AskedAB(control, metric, margin, max_usd, max_seconds, requests_per_month)
    if log is None:
        report = _of_event_log(config, experiment, asked)
    else:
        report = _of_log(log, config, experiment, asked, columns, where, shares, skip_bad)
    if out is not None:
        write(out, report.to_html())
    deliver(report, json_path, plot)


def _of_event_log(config: Path | None, experiment: str | None, asked: AskedAB) -> ABReport:
    from banditroute.commands.db import tally_progress
    from banditroute.config.load import load_settings
    from banditroute.reports.ab_live import ab_of_views
    from banditroute.routing.engine import opened_store
    from banditroute.routing.tally import catch_up
    from banditroute.store.views import Views

    settings = load_settings(config)
    store = opened_store(settings)
    try:
        catch_up(store, settings, progress=tally_progress)
        return ab_of_views(Views(store, settings), settings, experiment, asked)
    finally:
        store.close()


def _of_log(
    log: Path,
    config: Path | None,
    experiment: str | None,
    asked: AskedAB,
    columns: str | None,
    where: str | None,
    shares: str | None,
    skip_bad: bool,
) -> ABReport:
    from banditroute.config.load import load_settings
    from banditroute.offline.options import parse_pairs
    from banditroute.reports.ab_logs import ab_of_log

    settings = None if config is None else load_settings(config)
    with reading() as progress:
        return ab_of_log(
            log,
            experiment,
            asked,
            settings=settings,
            columns=parse_pairs(columns, "--columns") if columns else None,
            where=parse_pairs(where, "--where") if where else None,
            shares=parse_pairs(shares, "--shares") if shares else None,
            skip_bad=skip_bad,
            progress=progress,
        )
