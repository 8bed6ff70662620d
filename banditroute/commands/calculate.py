"""`banditroute calculate`: what routing would cost, for those who have no log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.pages import check_page, deliver_page
from banditroute.commands.results import Within, check_writable
from banditroute.config import starter

if TYPE_CHECKING:
    from banditroute.reports.usage import Traffic
    from banditroute.types import Model

STARTER = Path(starter.__file__).with_name("starter.toml")
"""What `init` writes: its models, prices and priors serve those who have no configuration."""

SINGLE = ("--requests", "--input-tokens", "--output-tokens", "--current")
"""What tells traffic of one kind."""

EXAMPLES = """Example: banditroute calculate --requests 50000 --input-tokens 800 --output-tokens 300
--current gpt-4o

\b
  banditroute calculate --usage usage.csv --config banditroute.toml --min-quality 0.85 --out cost.html

usage.csv has the columns request_class, requests, input_tokens, output_tokens and model (who answers now);
a .toml file has them in [[usage]] tables, and may say period = "week" and [quality.CLASS] MODEL = 0.9.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--usage", type=click.Path(path_type=Path), metavar="F", help="CSV or TOML file of many classes."
)
@click.option("--requests", type=float, metavar="N", help="Requests in a period.")
@click.option("--input-tokens", type=float, metavar="N", help="Mean tokens read by a request.")
@click.option("--output-tokens", type=float, metavar="N", help="Mean tokens written by an answer.")
@click.option("--current", metavar="MODEL", help="Who answers now.")
@click.option(
    "--period",
    type=click.Choice(["day", "week", "month", "year"]),
    help="Period that the requests are counted in (month).",
)
@click.option(
    "--model", "models", multiple=True, metavar="MODEL", help="Who could answer; repeatable. All by default."
)
@click.option(
    "--min-quality",
    type=Within(0, 1),
    metavar="Q",
    help="Quality that every class shall reach (that of who answers now).",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Configuration with models, prices and priors (those that init writes).",
)
@click.option("--json", "json_path", metavar="F", help="Write the answer as JSON; - is standard output.")
@click.option("--out", type=click.Path(path_type=Path), metavar="F.html", help="Write it as one HTML page.")
def calculate(
    usage: Path | None,
    requests: float | None,
    input_tokens: float | None,
    output_tokens: float | None,
    current: str | None,
    period: str | None,
    models: tuple[str, ...],
    min_quality: float | None,
    config: Path | None,
    json_path: str | None,
    out: Path | None,
) -> None:
    """What routing would cost, from what you know of your traffic: no log is needed.

    Compares today's bill with everything to each model, the cheapest, and a rule per class that
    holds a quality floor, at list prices; what learned routing would reach is told as a range.
    """
    from banditroute.reports.calculator import calculate as run
    from banditroute.reports.calculator_views import calculator_page, printed

    check_writable(json_path, out)
    check_page(out)
    traffic = _traffic(usage, requests, input_tokens, output_tokens, current, period)
    result = run(traffic, _candidates(traffic, models, config), min_quality)
    deliver_page(result, json_path, out, calculator_page, printed)


def _traffic(
    usage: Path | None,
    requests: float | None,
    input_tokens: float | None,
    output_tokens: float | None,
    current: str | None,
    period: str | None,
) -> Traffic:
    from banditroute.reports.usage import one_class, read_usage

    single = (requests, input_tokens, output_tokens, current)
    if usage is not None:
        if single != (None, None, None, None):
            raise click.UsageError("--usage holds all of the traffic; leave out --requests and the like.")
        return read_usage(usage, period)
    if requests is None or input_tokens is None or output_tokens is None or current is None:
        missing = [name for name, value in zip(SINGLE, single, strict=True) if value is None]
        lack = "is missing; give it" if len(missing) == 1 else "are missing; give them"
        raise click.UsageError(f"{', '.join(missing)} {lack}, or a file with --usage.")
    return one_class(requests, input_tokens, output_tokens, current, period or "month")


def _candidates(traffic: Traffic, named: tuple[str, ...], config: Path | None) -> list[Model]:
    """Who could answer: the named models or all of the configuration, and those of today."""
    from banditroute.config.load import load_settings
    from banditroute.config.prices import with_list_price
    from banditroute.config.settings import Upstream
    from banditroute.types import Model

    anywhere = Upstream("simulated", dialect="simulated")
    settings = load_settings(STARTER, {}) if config is None else load_settings(config)
    known = {model.id: model for model in settings.models}
    wanted = dict.fromkeys([*(named or known), *(one.model for one in traffic.usage)])
    return [known.get(name) or with_list_price(Model(name), anywhere) for name in wanted]
