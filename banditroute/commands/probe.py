"""`banditroute probe`: models take the golden set, and what comes of it is kept in the event log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from banditroute.config.settings import Settings
    from banditroute.golden.run import Report, Taken
    from banditroute.golden.tasks import GoldenSet
    from banditroute.types import Model

EPILOG = """Example:

\b
  banditroute probe
  banditroute probe gpt-4o-mini --golden mine.toml --json
"""


@click.command(epilog=EPILOG)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration (banditroute.toml here).",
)
@click.option(
    "--golden",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A golden set of your own (the shipped one).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def probe(models: tuple[str, ...], config: Path | None, golden: Path | None, as_json: bool) -> None:
    """Gives MODELs (all by default) the golden set: small tasks in tools, JSON, formats, sums, extraction.

    Each answer has a deterministic check. With require_probe in [trial], a model that has not passed gets no
    traffic; a running service hears of it within two seconds. Exit code 1 where a model does not pass.
    """
    from banditroute.config.load import load_settings
    from banditroute.errors import ConfigError
    from banditroute.golden.reading import SHIPPED, read_golden
    from banditroute.routing.engine import opened_store
    from banditroute.routing.probing import record_probe

    settings = load_settings(config)
    asked = _named(models, settings)
    tasks = read_golden(SHIPPED if golden is None else golden)
    if settings.store.url == "memory://":
        raise ConfigError("[store] url is memory://, which keeps no probes; name a file in it.")
    reports = asyncio.run(_probe(asked, tasks, settings))
    store = opened_store(settings)
    try:
        for report in reports:
            if report.probe is not None:
                record_probe(report.probe, store.controls)
    finally:
        store.close()
    rows = [_to_dict(report, settings) for report in reports]
    if as_json:
        click.echo(json.dumps({"golden": tasks.label, "models": rows}, indent=2))
    else:
        from banditroute.commands.results import show

        show(_table(tasks, rows))
        _tell_faults(reports)
    if not all(row["passed"] for row in rows):
        raise SystemExit(1)


def _named(names: Sequence[str], settings: Settings) -> list[Model]:
    from banditroute.config.checks import nearest

    known = {model.id: model for model in settings.models}
    for name in names:
        if name not in known:
            raise click.UsageError(f'There is no model "{name}"; {nearest(name, known)}')
    return [known[name] for name in dict.fromkeys(names or known)]


async def _probe(models: Sequence[Model], tasks: GoldenSet, settings: Settings) -> list[Report]:
    from banditroute.commands.progress import reading
    from banditroute.golden.run import golden_chat, probe_models

    total = sum(len(tasks.for_capabilities(model.capabilities)) for model in models)
    chat = golden_chat(settings, tasks)
    try:
        with reading() as progress:
            ended: list[Taken] = []

            def done(taken: Taken) -> None:
                ended.append(taken)
                progress(len(ended) / total, "golden set")

            return await probe_models(models, tasks, chat, done=done)
    finally:
        await chat.close()


def _to_dict(report: Report, settings: Settings) -> dict[str, object]:
    from banditroute.routing.probing import finding

    if report.probe is None:
        reason: str | None = "unreachable"
        detail: str | None = next((own.wrong for own in report.taken), "the set has no task for it")
    else:
        reason, detail = finding(report.model, report.probe, settings.trial.probe_share) or (None, None)
    areas = {} if report.probe is None else report.probe.areas
    return {
        "model": report.model.id,
        "passed": reason is None,
        "reason": reason,
        "detail": detail,
        "areas": {
            area: {"passed": passed, "taken": taken} for area, (passed, taken) in areas.items() if taken
        },
        "failed": {own.task: own.wrong for own in report.taken if own.wrong is not None},
        "usd": sum(own.usd for own in report.taken),
    }


def _table(tasks: GoldenSet, rows: Sequence[dict[str, object]]) -> Table:
    from banditroute.offline.verbatim import VerbatimTable

    areas = list(dict.fromkeys(task.area for task in tasks.tasks))
    table = VerbatimTable(
        "model", *areas, "USD", "verdict", title=f"Golden set {tasks.label}", title_justify="left"
    )
    for row in rows:
        found = row["areas"]
        assert isinstance(found, dict)
        counts = (
            f"{found[area]['passed']}/{found[area]['taken']}" if area in found else "–" for area in areas
        )
        verdict = "passed" if row["passed"] else str(row["detail"])
        table.add_row(str(row["model"]), *counts, f"{row['usd']:.4f}", verdict)
    return table


def _tell_faults(reports: Sequence[Report]) -> None:
    for report in reports:
        for own in report.taken:
            if own.wrong is not None:
                click.echo(f"{own.model}, {own.task}: {own.wrong}")
