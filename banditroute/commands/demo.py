"""`banditroute demo`: the real service learns in front of you, and shows the bill."""

from __future__ import annotations

from pathlib import Path

import click

from banditroute.commands.results import check_writable


@click.command(epilog="Example: banditroute demo --requests 2000 --exit --json demo.json")
@click.option(
    "--requests",
    "-n",
    type=click.IntRange(10, 100_000),
    default=2000,
    show_default=True,
    help="How many to play.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8400,
    show_default=True,
    help="A free one if it is taken.",
)
@click.option("--exit", "leave", is_flag=True, help="End after the table instead of serving on.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Seed of the simulated world.",
)
@click.option(
    "--json",
    "json_path",
    metavar="F",
    help="Write the figures as JSON; - is standard output.",
)
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Draw the curves (PNG, SVG, PDF).",
)
def demo(
    requests: int, port: int, leave: bool, seed: int, json_path: str | None, plot_path: Path | None
) -> None:
    """Starts the service on loopback, plays simulated requests through it, and compares.

    Every request goes through real HTTP to a server process with the embedded store: route, a
    simulated model's answer, feedback. The table then sets the learned policy against static rules
    on the same requests with the same luck. The world is fixed by its seed; the service draws
    its own seeds, so that its choices differ a little from run to run.
    """
    from banditroute.demo.outputs import CannotWrite, check_outputs

    try:
        check_outputs(json_path, plot_path)
    except CannotWrite as error:
        raise click.UsageError(str(error)) from None
    check_writable(json_path, plot_path)

    from banditroute.demo.run import run

    run(requests, port, leave=leave, seed=seed, json_path=json_path, plot_path=plot_path)
