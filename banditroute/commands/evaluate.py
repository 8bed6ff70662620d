"""`banditroute evaluate`: what other policies would have earned on a log of decisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.logoptions import log_options, reading_of
from banditroute.commands.results import check_plot, check_writable, deliver, progress_shown

if TYPE_CHECKING:
    from banditroute.offline.estimators.value import IntervalKind
    from banditroute.offline.evaluation.logged import LoggedBy

EPILOG = """Example:

\b
  banditroute evaluate decisions.parquet --policy fixed:gpt-4o --policy thompson \\
    --weights quality=1,usd=20 --json evaluation.json --plot evaluation.png
"""


@click.command(epilog=EPILOG)
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="NAME",
    help="Policy to evaluate; repeatable. Every rule that the log allows, and thompson, by default.",
)
@click.option(
    "--estimator",
    "estimators",
    multiple=True,
    metavar="NAME",
    help="dr, ips, snips, dm, sndr, switch_dr, dros; repeatable. The first one leads.  "
    "[default: dr ips snips dm]",
)
@click.option("--weights", metavar="K=V,…", help="Worth of quality, usd and second, e.g. quality=1,usd=20.")
@log_options
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Configuration for priors, prices, tiers and weights.",
)
@click.option(
    "--prior",
    type=click.Path(path_type=Path),
    metavar="F",
    help="What learners start from, made by fit of other requests.",
)
@click.option(
    "--logged-by",
    type=click.Choice(["learning", "fixed"]),
    help="Whether the policy that made the log learned. Found out by default; learning where in doubt.",
)
@click.option(
    "--interval",
    type=click.Choice(["normal", "bernstein", "bootstrap", "sequence"]),
    help="Normal for the log of a fixed policy, a confidence sequence for a learner's, by default.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Luck of what is drawn: rejection replay, bootstrap.",
)
@click.option("--json", "json_path", metavar="F", help="Write the figures as JSON; - is standard output.")
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Draw every policy with its interval (PNG, SVG, PDF).",
)
def evaluate(
    log: Path,
    policies: tuple[str, ...],
    estimators: tuple[str, ...],
    weights: str | None,
    columns: str | None,
    where: str | None,
    features: str | None,
    config: Path | None,
    prior: Path | None,
    logged_by: LoggedBy | None,
    interval: IntervalKind | None,
    skip_bad: bool,
    seed: int,
    json_path: str | None,
    plot_path: Path | None,
) -> None:
    """Estimate what policies would have earned on a LOG of decisions (CSV, JSONL or Parquet).

    LOG holds one row per request: the model that was chosen, the probability it was chosen with, and
    what came of it. What it cannot identify is refused, with what would be needed. Exit code 1 where
    every policy is.
    """
    from banditroute.config.load import load_settings
    from banditroute.offline.evaluation.run import ESTIMATORS
    from banditroute.offline.evaluation.run import evaluate as run
    from banditroute.offline.options import parse_pairs

    check_writable(plot_path, json_path)
    check_plot(plot_path)
    with progress_shown("rows") as (progress, reading):
        result = run(
            log,
            policies or None,
            estimators=estimators or ESTIMATORS,
            weights=parse_pairs(weights, "--weights") if weights is not None else None,
            **reading_of(columns, where, features, skip_bad),
            settings=load_settings(config) if config else None,
            prior=prior,
            logged_by=logged_by,
            interval=interval,
            seed=seed,
            progress=progress,
            reading=reading,
        )
    deliver(result, json_path, plot_path)
    if all(policy.refused for policy in result.policies if policy.how != "as_logged"):
        raise SystemExit(1)
