"""`banditroute judge`: the judge worker in a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from banditroute.config.settings import Settings
    from banditroute.judge.watched import Watch
    from banditroute.judge.worker import Tally
    from banditroute.store import Store

PROGRESS_SECONDS = 5.0

EPILOG = """Example:

\b
  banditroute judge --once
  banditroute judge --workers 8
"""


@click.command(epilog=EPILOG)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="F",
    help="The configuration (banditroute.toml here).",
)
@click.option("--once", is_flag=True, help="End when no job is due.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=4,
    show_default=True,
    metavar="N",
    help="Answers judged at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def judge(config: Path | None, once: bool, workers: int, as_json: bool) -> None:
    """Judges sampled answers as [judge] says, and posts the verdicts as outcomes.

    Works beside the service, which may have `worker = false` in [judge] then, and beside others of its
    kind: each job is done once, and all together keep within usd_per_day. SIGTERM or Ctrl-C end it in
    order; what was under way is done by the next one.
    """
    from banditroute.config.load import load_settings
    from banditroute.errors import ConfigError
    from banditroute.judge.watched import nobody
    from banditroute.service.logs import start_log
    from banditroute.service.tracing import open_telemetry
    from banditroute.store import open_store

    settings = load_settings(config)
    if settings.store.url == "memory://":
        raise ConfigError(
            "[store] url is memory://, which no other process can read; name a file, or leave the judging "
            "to the service with worker = true in [judge]."
        )
    telemetry = open_telemetry(settings)
    watch = nobody if telemetry is None else telemetry.judged
    log = start_log(settings.logging)
    store = open_store(settings.store.url)
    try:
        report = asyncio.run(_work(settings, store, once, workers, watch))
    finally:
        store.close()
        if telemetry is not None:
            telemetry.close()
        log.close()
    click.echo(json.dumps(report) if as_json else _sentence(report))


async def _work(
    settings: Settings, store: Store, once: bool, workers: int, watch: Watch
) -> dict[str, object]:
    from banditroute.judge.instrument import configured_instrument
    from banditroute.judge.run import work
    from banditroute.store.jobs import JobStore

    name, jobs = configured_instrument(settings).name, JobStore(store.engine)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    telling: list[asyncio.Task[None]] = []

    def started(tally: Tally) -> None:
        click.echo(f"{name} judges; {jobs.counts(name)['pending']:,} jobs wait.", err=True)
        telling.append(asyncio.create_task(_tell(tally)))

    tally = await work(settings, store, stop, hands=workers, once=once, started=started, watch=watch)
    telling[0].cancel()
    elsewhere = jobs.counts()["pending"] - jobs.counts(name)["pending"]
    return {
        "instrument": name,
        "judged": dict(tally.ended),
        "usd": tally.usd,
        "jobs": jobs.counts(name),
        "jobs_of_other_instruments": elsewhere,
        "usd_today": jobs.spent(time.time()),
        "usd_per_day": settings.judge.usd_per_day,
    }


async def _tell(tally: Tally) -> None:
    """A line on standard error whenever something was done."""
    told = ""
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        ended = ", ".join(f"{count:,} {state}" for state, count in sorted(tally.ended.items()))
        line = "; ".join(filter(None, (ended and f"{ended}, {tally.usd:.4f} USD", tally.trouble)))
        if line != told:
            click.echo(line, err=True)
            told = line


def _sentence(report: dict[str, object]) -> str:
    ended, jobs, today = report["judged"], report["jobs"], report["usd_today"]
    assert isinstance(ended, dict)
    assert isinstance(jobs, dict)
    assert isinstance(today, dict)
    did = ", ".join(f"{count:,} {state}" for state, count in sorted(ended.items())) or "nothing was due"
    lines = [
        f"{report['instrument']}: {did}; {report['usd']:.4f} USD.",
        f"{jobs['pending']:,} jobs wait, {jobs['running']:,} are under way; "
        f"{sum(today.values()):.4f} of {report['usd_per_day']:g} USD are spent today (UTC).",
    ]
    if other := report["jobs_of_other_instruments"]:
        lines.append(f"{other:,} jobs wait for a judge or a rubric that is not configured now.")
    return "\n".join(lines)
