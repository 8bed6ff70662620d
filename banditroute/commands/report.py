"""`banditroute report`: experiments, savings, the week, and how good answers were."""

from __future__ import annotations

import click

from banditroute.commands.ab import ab
from banditroute.commands.quality import quality
from banditroute.commands.savings import savings
from banditroute.commands.weekly import weekly


@click.group(epilog="Example: banditroute report weekly --out weekly.html")
def report() -> None:
    """Reports as text, HTML or JSON."""


for command in (ab, quality, savings, weekly):
    report.add_command(command)
