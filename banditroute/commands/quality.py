"""`banditroute report quality`: how good the answers were, by people and a judge together."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.pages import check_page
from banditroute.commands.progress import reading
from banditroute.commands.results import check_plot, check_writable, deliver, write

if TYPE_CHECKING:
    from banditroute.config.settings import Settings
    from banditroute.reports.quality import AskedQuality
    from banditroute.reports.quality_findings import QualityReport

EXAMPLES = """Example: banditroute report quality --config banditroute.toml --by class --out quality.html

\b
  banditroute report quality --since 2026-03-01 --plot quality.png
  banditroute report quality --asked panel --json -      (the scores of `panel` were asked for at random)
"""

LONG = 20
"""Pages of decisions beyond which it is told how far the reading is."""


@click.command(epilog=EXAMPLES)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration (banditroute.toml here).",
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    metavar="D",
    help="Only decisions made from this day on (UTC), such as 2026-03-01.",
)
@click.option("--by", type=click.Choice(["class"]), help="Split the models by request class too.")
@click.option(
    "--judge",
    metavar="NAME",
    help="The judge to go by (MODEL/RUBRIC); by default the configured, or else the busiest.",
)
@click.option(
    "--asked",
    multiple=True,
    metavar="NAME",
    help="A rater, judge or key whose scores were asked for at random, not volunteered; repeatable.",
)
@click.option("--json", "json_path", metavar="F", help="Write the report as JSON; - is standard output.")
@click.option("--out", type=click.Path(path_type=Path), metavar="F", help="Write it as F.html or F.md.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="F", help="Draw it as F.png, .svg or .pdf.")
def quality(
    config: Path | None,
    since: datetime | None,
    by: str | None,
    judge: str | None,
    asked: tuple[str, ...],
    json_path: str | None,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Mean quality of every model: by people alone, by the judge alone, and by both together.

    Reads the event log, also beside a running service. People's scores are taken for volunteered: where a
    judge has scored a random sample, it is shown how far who answers moves their means, and they are
    mended. Scores of --asked raters correct the judge by prediction-powered inference.
    """
    from banditroute.config.load import load_settings
    from banditroute.reports.quality import AskedQuality

    check_plot(plot)
    check_writable(json_path, out, plot)
    check_page(out, ".md")
    start = None if since is None else since.replace(tzinfo=UTC).timestamp()
    question = AskedQuality(start, by == "class", judge, asked)
    report = _of_event_log(load_settings(config), question)
    if out is not None:
        write(out, _rendered(report, out))
    deliver(report, json_path, plot)


def _of_event_log(settings: Settings, question: AskedQuality) -> QualityReport:
    from banditroute.reports.quality import quality_of_store
    from banditroute.reports.quality_answers import PAGE
    from banditroute.routing.engine import opened_store

    store = opened_store(settings)
    try:
        with reading() as progress:
            pages, total = count(1), store.counts()["decisions"] / PAGE

            def tell() -> None:
                read = next(pages)
                if total > LONG:
                    progress(min(read / total, 1.0), "reading the event log")

            return quality_of_store(settings, store, question, breathe=tell)
    finally:
        store.close()


def _rendered(report: QualityReport, out: Path) -> str:
    from banditroute.reports.quality_page import quality_page
    from banditroute.reports.quality_text import markdown

    return markdown(report) if out.suffix.lower() == ".md" else quality_page(report)
