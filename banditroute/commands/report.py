"""`banditroute report`: experiments, savings, the week, and how good answers were."""

from __future__ import annotations

import click

from banditroute.commands.ab import ab
from banditroute.commands.quality import quality
from banditroute.commands.savings import savings
from banditroute.commands.weekly import weekly


@click.group(epilog="Example: banditroute report ab --experiment learned-vs-premium --out ab.html")
def report() -> None:
    """Reports on an experiment, the week, what routing saved, and how good answers were.

    As text, as one HTML page (--out) or as JSON (--json).
    """


for command in (ab, quality, savings, weekly):
    report.add_command(command)
