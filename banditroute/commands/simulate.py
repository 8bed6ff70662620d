"""`banditroute simulate`: replays a log under every policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from banditroute.commands.logoptions import log_options, reading_of
from banditroute.commands.results import Result, Within, check_plot, check_writable, deliver, progress_shown

if TYPE_CHECKING:
    from banditroute.offline.logs.reading import Log

EPILOG = """Example:

\b
  banditroute simulate history.parquet \\
    --columns request_id=prompt_id,request_class=category,usd=cost_usd \\
    --weights quality=1,usd=3.33 --seeds 10 --plot regret.png
  banditroute simulate history.parquet --frontier --keep 99%:gpt-4o --plot frontier.png
  banditroute simulate price-cut --plot price-cut.png
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
@log_options
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Configuration for priors, tiers and weights.",
)
@click.option(
    "--prior",
    type=click.Path(path_type=Path),
    metavar="F",
    help="What learners start from, made by fit of other requests.",
)
@click.option(
    "--feedback-rate",
    type=Within(0, 1),
    default=1.0,
    metavar="R",
    help="Share of the answers whose quality learners are told.",
)
@click.option(
    "--feedback-delay",
    default="0",
    metavar="D",
    help="They are told so many requests later, or so long: 90s, 2h, 1d.",
)
@click.option(
    "--feedback-batch", default="0", metavar="B", help="And only at each multiple of so many, or of so long."
)
@click.option(
    "--feedback-odds",
    type=Within(0, 1e6, min_open=True),
    default=1.0,
    metavar="X",
    help="Odds that an answer of quality 1 is scored, over those for quality 0; 1: at random.",
)
@click.option(
    "--half-life", metavar="K=V,…", help="How fast learners forget, e.g. quality=500 requests, or quality=7d."
)
@click.option(
    "--train",
    metavar="A=V|SHARE",
    help="Fit rules on these rows, split=val, or on a share, 0.3; play everyone on the rest.",
)
@click.option(
    "--frontier",
    is_flag=True,
    help="Quality against USD over the range of usd weights; --train is 0.3 then.",
)
@click.option(
    "--keep",
    metavar="P[:MODEL]",
    help="With --frontier: the weights that keep P, 99%, of MODEL's quality; of the best single model's.",
)
@click.option(
    "--world",
    type=click.IntRange(100, 1_000_000),
    metavar="N",
    help="Play N requests drawn from a world fitted to LOG; shows first how well it fits.",
)
@click.option(
    "--plot-fit",
    "fit_path",
    type=click.Path(path_type=Path),
    metavar="F",
    help="With --world: draw the quantiles of LOG against those of the world (PNG, SVG, PDF).",
)
@click.option("--cluster", metavar="ADDRESS", help="A dask scheduler whose workers play the learners.")
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
    skip_bad: bool,
    config: Path | None,
    prior: Path | None,
    feedback_rate: float,
    feedback_delay: str,
    feedback_batch: str,
    feedback_odds: float,
    half_life: str | None,
    train: str | None,
    frontier: bool,
    keep: str | None,
    world: int | None,
    fit_path: Path | None,
    cluster: str | None,
    jobs: int | None,
    json_path: str | None,
    plot_path: Path | None,
) -> None:
    """Replay a full-information LOG (CSV, JSONL or Parquet) under every policy.

    LOG holds one row per request and model. Policies and static rules meet the same requests in
    the same order; the table shows reward, quality, cost, latency, and regret against the best
    model per class in hindsight.

    With --frontier, learner and rules are played at every exchange rate between quality and USD
    instead, and the table answers which weights keep a model's quality for the least money.

    LOG may also be a scenario: a .toml file, or the name of one that ships, such as price-cut.
    """
    from banditroute.commands.scenario import opened_world, play_scenario
    from banditroute.config.load import load_settings
    from banditroute.offline.options import parse_pairs
    from banditroute.offline.simulation.run import simulate as run
    from banditroute.offline.tradeoff.run import frontier as draw_frontier
    from banditroute.offline.worlds.drawn import drawn_once, simulate_drawn
    from banditroute.offline.worlds.reading import is_scenario

    check_writable(plot_path, json_path, fit_path)
    check_plot(plot_path)
    check_plot(fit_path)
    if is_scenario(log):
        play_scenario(log, policies, seeds, weights, jobs, cluster, json_path, plot_path)
        return
    _check_log(log)
    told: dict[str, Any] = {
        "feedback_rate": feedback_rate,
        "feedback_delay": feedback_delay,
        "feedback_batch": feedback_batch,
        "feedback_odds": feedback_odds,
        "half_lives": parse_pairs(half_life, "--half-life") if half_life else None,
    }
    _check_frontier(frontier, keep)
    _check_world(world, train, fit_path)
    with progress_shown("runs") as (progress, reading):
        options: dict[str, Any] = {
            "weights": parse_pairs(weights, "--weights") if weights is not None else None,
            "seeds": seeds,
            "settings": load_settings(config) if config else None,
            "prior": prior,
            "jobs": jobs,
            "cluster": cluster,
            "progress": progress,
        }
        read: dict[str, Any] = {
            **reading_of(columns, where, features, skip_bad),
            "reading": reading,
        }
        source: Path | Log = log
        more: dict[str, Any] = {}
        if world is None:
            options |= read
        else:
            fitted, notes, more = opened_world(log, json_path=json_path, plot_path=fit_path, **read)
        if world is not None and not frontier:
            result: Result = simulate_drawn(
                fitted, world, policies or None, notes=notes, train=train, **told, **options
            )
        elif frontier:
            if world is not None:
                source = drawn_once(fitted, world, notes)
            result = draw_frontier(
                source, policies or None, keep=keep or "99%", train=train or "0.3", **options
            )
        else:
            result = run(source, policies or None, train=train, **told, **options)
    deliver(result, json_path, plot_path, more)


def _check_log(log: Path) -> None:
    """Refuses a name that is neither a file nor a scenario that ships."""
    from banditroute.config.checks import nearest
    from banditroute.offline.worlds.reading import shipped

    if log.suffix == "" and not log.exists():
        raise click.UsageError(f"There is no log or scenario {log}; {nearest(log.name, list(shipped()))}")


def _check_world(world: int | None, train: str | None, fit_path: Path | None) -> None:
    """Refuses to choose rows of the file where the requests are drawn, and to draw the fit of no world."""
    if world is None and fit_path is not None:
        raise click.UsageError("--plot-fit draws how well a world fits; add --world N.")
    if world is not None and train is not None and "=" in train:
        raise click.UsageError(
            f"--train {train} chooses rows of the log, and --world draws requests that are none of them; "
            "give --train a share, as in 0.3."
        )


def _check_frontier(frontier: bool, keep: str | None) -> None:
    """Refuses options that would have no effect."""
    if keep is not None and not frontier:
        raise click.UsageError("--keep asks for weights, which --frontier finds; add --frontier.")
    if not frontier:
        return
    context = click.get_current_context()
    for name in ("feedback_rate", "feedback_delay", "feedback_batch", "feedback_odds", "half_life"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = "--" + name.replace("_", "-")
            raise click.UsageError(f"--frontier tells learners every score at once; leave {option} out.")
