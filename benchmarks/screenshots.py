"""Pictures of the dashboard in light and dark, for the documentation.

    python benchmarks/screenshots.py [--out docs/img] [--requests 4000] [--width 1280]

Plays the demo's simulated world through the router in this process, with an experiment and a guardrail,
spreads the decisions over the last day, more by day than by night, serves that log, and looks at it with
Chromium (`scripts/browser` installs one). Every number in the pictures is the outcome of these requests.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
from serving import server

from banditroute.config.load import load_settings
from banditroute.config.settings import Settings
from banditroute.config.starter import write_starter
from banditroute.demo.application import feedback_fields, request_fields
from banditroute.router import Router
from banditroute.store import open_store
from banditroute.store.base import Record
from banditroute.upstream.simulated import SimulatedWorld

DAY = 86_400.0
READY = "() => !/still reading|being worked out/.test(document.body.innerText)"
PAGE = 5_000

CONFIG = """
[budget]
usd_per_request = 0.006

[[guardrails]]
request_class = "code"
baseline = "claude-sonnet"
margin = 0.06

[[guardrails]]
request_class = "extraction"
baseline = "claude-sonnet"
margin = 0.04

[[experiments]]
name = "learned-vs-premium"
margin = 0.05
units = [0.0, 0.5]
variants = [
  {name = "control", policy = "fixed:claude-sonnet", share = 0.5},
  {name = "treatment", policy = "thompson", share = 0.5},
]
"""


def played(settings: Settings, requests: int) -> Sequence[Record]:
    """Decisions with their outcomes, as the router made them one after the other."""
    world = SimulatedWorld(0)
    outcomes, names = world.outcomes(requests), [model.id for model in world.models]
    store = open_store("memory://")
    with Router(settings, store) as router:
        for i in range(requests):
            made = router.route(**request_fields(world.request(i)), unit=f"user-{i % 900}")
            router.feedback(made.id, **feedback_fields(outcomes, i, names.index(made.model)))
            if i % 50 == 0:
                router.catch_up()
            if i % 500 == 0:
                print(f"\rplayed {i:,} of {requests:,}", end="", file=sys.stderr, flush=True)
        records: list[Record] = []
        while len(records) < requests:
            records += store.decided(len(records), PAGE).records
    return records


def spread(records: Sequence[Record], url: str, now: float) -> None:
    """Stores them anew, as if they had come over the last day."""
    store, n = open_store(url), len(records)
    decisions, told = [], []
    for place, record in enumerate(records):
        share = (place + 0.5) / n
        wave = 0.35 * math.sin(2.0 * math.pi * (share - now % DAY / DAY)) / (2.0 * math.pi)
        at = now - DAY * (1.0 - min(max(share + wave, 0.0), 0.9999))
        decisions.append(msgspec.structs.replace(record.decision, at=at))
        told += [msgspec.structs.replace(one, at=at + 6.0, seq=0) for one in record.outcomes]
    store.append_decisions(decisions).result()
    store.append_outcomes(told).result()
    store.close()


def browser() -> str:
    """Where Chromium is; ends with a sentence where it, or what drives it, is missing."""
    if find_spec("playwright") is None:
        sys.exit("Playwright is not installed here: run ./test once, then this script with .venv/bin/python.")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or sys.exit("There is no Chromium here: run scripts/browser once, which installs it.")


def look(url: str, out: Path, width: int, chromium: str) -> None:
    """Takes the pictures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = running.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, device_scale_factor=1.5
            )
            page = context.new_page()
            page.goto(f"{url}/")
            page.wait_for_function(READY, timeout=120_000)
            page.wait_for_timeout(500)
            path = out / f"dashboard-{scheme}.png"
            page.screenshot(path=path, clip={"x": 0, "y": 0, "width": width, "height": 960}, full_page=True)
            print(path)
            context.close()
        running.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--width", type=int, default=1280)
    asked = parser.parse_args()
    chromium = browser()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "banditroute.toml"
        write_starter(config)
        with config.open("a", encoding="utf-8") as more:
            more.write(CONFIG)
        spread(
            played(load_settings(config, env={}), asked.requests),
            f"sqlite:///{folder}/banditroute.db",
            time.time(),
        )
        command = [sys.executable, "-m", "banditroute", "serve", "--config", str(config), "--port", "0"]
        with server(command, folder) as port:
            look(f"http://127.0.0.1:{port}", asked.out, asked.width, chromium)


if __name__ == "__main__":
    main()
