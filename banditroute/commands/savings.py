"""`banditroute report savings`: what routing saved, from a log or the live event log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.pages import check_page, deliver_page
from banditroute.commands.progress import reading
from banditroute.commands.results import Within, check_writable

if TYPE_CHECKING:
    from banditroute.config.settings import Settings
    from banditroute.reports.findings import SavingsReport
    from banditroute.reports.savings import Asked

EXAMPLES = """Example: banditroute report savings history.parquet --baseline gpt-4o --out savings.html

\b
  banditroute report savings --config banditroute.toml --days 30      (the live event log)
  banditroute report savings history.csv --columns request_id=id,usd=cost --json savings.json
"""


@click.command(epilog=EXAMPLES)
@click.argument("log", type=click.Path(path_type=Path), required=False)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Configuration: prices and priors, and without LOG the event log itself.",
)
@click.option("--baseline", metavar="RULE", help="What to compare with: a model, or a rule such as cheapest.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Another rule to bill; repeatable.")
@click.option(
    "--policy",
    metavar="NAME",
    help="With every model's answers in LOG: the policy to replay (thompson).",
)
@click.option(
    "--requests-per-month",
    type=Within(min=0, min_open=True, max=1e12),
    metavar="N",
    help="Project to so many requests instead of the log's own traffic.",
)
@click.option(
    "--days", type=click.IntRange(1, 3_660), metavar="N", help="Only the last N days of the event log."
)
@click.option("--columns", metavar="A=B,…", help="The log's own names: request_id=prompt_id,…")
@click.option("--where", metavar="A=V,…", help="Only rows with these values, e.g. app=search.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken rows of LOG, and say how many.")
@click.option("--json", "json_path", metavar="F", help="Write the report as JSON; - is standard output.")
@click.option("--out", type=click.Path(path_type=Path), metavar="F.html", help="Write it as one HTML page.")
def savings(
    log: Path | None,
    config: Path | None,
    baseline: str | None,
    rules: tuple[str, ...],
    policy: str | None,
    requests_per_month: float | None,
    days: int | None,
    columns: str | None,
    where: str | None,
    skip_bad: bool,
    json_path: str | None,
    out: Path | None,
) -> None:
    """What was spent, against every static rule: in all, by class and model, and a month from now.

    LOG is a CSV, JSONL or Parquet file. With one row per request the bills of the rules are predicted
    from token prices (of --config) and the answers there are; with a row for every model a policy is
    replayed, and its bill compared with exact ones. Without LOG the event log of the configuration is
    read, also beside a running service.
    """
    from banditroute.config.load import load_settings
    from banditroute.config.settings import Settings
    from banditroute.reports.savings import Asked

    check_writable(json_path, out)
    check_page(out)
    if log is None and (columns or where or policy or skip_bad):
        raise click.UsageError("--columns, --where, --skip-bad and --policy are about a LOG; name one.")
    if log is not None and days is not None:
        raise click.UsageError("--days is about the event log; choose rows of a LOG with --where.")
    settings = load_settings(config) if config or log is None else Settings()
    asked = Asked(rules, baseline, requests_per_month)
    if log is None:
        result = _of_event_log(settings, days, asked)
    else:
        result = _of_log(log, settings, columns, where, skip_bad, policy, asked)

    from banditroute.reports.page import savings_page
    from banditroute.reports.text import printed

    deliver_page(result, json_path, out, savings_page, printed)


def _of_event_log(settings: Settings, days: int | None, asked: Asked) -> SavingsReport:
    from banditroute.commands.db import tally_progress
    from banditroute.reports.live import LiveSavings
    from banditroute.routing.engine import opened_store

    store = opened_store(settings)
    try:
        return LiveSavings(settings, store, progress=tally_progress).report(days, asked)
    finally:
        store.close()


def _of_log(
    log: Path,
    settings: Settings,
    columns: str | None,
    where: str | None,
    skip_bad: bool,
    policy: str | None,
    asked: Asked,
) -> SavingsReport:
    from banditroute.offline.logs.decisionlog import DecisionLog
    from banditroute.offline.logs.reading import read_log
    from banditroute.offline.options import parse_pairs

    with reading() as progress:
        read = read_log(
            log,
            columns=parse_pairs(columns, "--columns") if columns else None,
            where=parse_pairs(where, "--where") if where else None,
            skip_bad=skip_bad,
            drawn_only=False,
            progress=progress,
        )
    if isinstance(read, DecisionLog):
        from banditroute.reports.checks import savings_of_decisions

        if policy is not None:
            raise click.UsageError(
                "--policy replays on a log with every model's answers; this one has one answer per request."
            )
        return savings_of_decisions(read, settings, asked)
    from banditroute.offline.simulation.parts import without_gaps
    from banditroute.reports.answers import savings_of_answers

    if skip_bad:
        read = without_gaps(read, ["usd"])
    return savings_of_answers(read, settings, policy=policy or "thompson", asked=asked)
