"""`banditroute report weekly`: one page on the last seven days."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.pages import check_page, deliver_page
from banditroute.commands.results import check_writable

if TYPE_CHECKING:
    from banditroute.reports.weekly_findings import WeeklyReport

EXAMPLES = """Example: banditroute report weekly --config banditroute.toml --out weekly.html

\b
  banditroute report weekly --baseline gpt-4o --json weekly.json
  banditroute report weekly --until 2026-03-02      (the seven days before that one)
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration (banditroute.toml here).",
)
@click.option("--baseline", metavar="RULE", help="What to compare with: a model, or a rule such as cheapest.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="D",
    help="The day (UTC) before which the week ends; today by default.",
)
@click.option("--json", "json_path", metavar="F", help="Write the report as JSON; - is standard output.")
@click.option("--out", type=click.Path(path_type=Path), metavar="F.html", help="Write it as one HTML page.")
def weekly(
    config: Path | None,
    baseline: str | None,
    until: datetime | None,
    json_path: str | None,
    out: Path | None,
) -> None:
    """The last seven whole days (UTC) on one page, beside the week before.

    What was spent, by class and model, and what every static rule would have cost; quality with intervals;
    experiments and their verdicts; alarms and guardrails; a month and a year like this week. Reads the event
    log, also beside a running service.
    """
    from banditroute.reports.weekly_page import weekly_page
    from banditroute.reports.weekly_text import printed

    check_writable(json_path, out)
    check_page(out)
    end = None if until is None else until.replace(tzinfo=UTC).timestamp()
    deliver_page(_of_event_log(config, end, baseline), json_path, out, weekly_page, printed)


def _of_event_log(config: Path | None, until: float | None, baseline: str | None) -> WeeklyReport:
    from banditroute.commands.db import tally_progress
    from banditroute.config.load import load_settings
    from banditroute.reports.weekly import weekly_report
    from banditroute.routing.engine import opened_store
    from banditroute.routing.tally import catch_up

    settings = load_settings(config)
    store = opened_store(settings)
    try:
        catch_up(store, settings, progress=tally_progress)
        return weekly_report(settings, store, until=until, baseline=baseline)
    finally:
        store.close()
