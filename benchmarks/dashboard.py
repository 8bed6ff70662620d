"""The dashboard's read model with a million decisions: how fast it is made, how fast each question is.

    python benchmarks/dashboard.py [--decisions 1000000] [--folder DIR] [--rounds 20]

Writes an event log straight into SQLite (eight models, four classes, one experiment with two variants, sixty
days up to now, outcomes of most decisions), tallies it as the service would but without rests, asks every
question of `QUERIES` in turn and prints the medians; then serves the log, and measures `POST /v1/route`
while the tally is busy and while it has nothing to do, in alternating rounds. With --folder the log is kept
there and used again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

from serving import server

from banditroute.config.load import load_settings
from banditroute.config.settings import Settings
from banditroute.reports.live import LiveSavings
from banditroute.routing.tally import catch_up
from banditroute.store import Store, open_store, upgrade
from banditroute.store.codec import encode
from banditroute.store.tallied import cursor_of
from banditroute.store.views import DAY, HOUR, MINUTE, TEN_MINUTES, Views, Where
from banditroute.types import Candidate, Context, Decision, Preferences

DAYS = 60
CLASSES = ("code", "chat", "summary", "extraction")
MODELS = tuple(f"model-{i}" for i in range(8))
EXPERIMENT = "learned-vs-premium"
FILE = "dashboard.db"

CONFIG = f"""
[store]
url = "sqlite:///{FILE}"
{
    "".join(
        f'''
[[models]]
id = "{name}"
usd_per_million_input = {(i + 1) / 10:g}
usd_per_million_output = {(i + 1) * 0.4:g}
'''
        for i, name in enumerate(MODELS)
    )
}
{
    "".join(
        f'''
[[classes]]
name = "{name}"
'''
        for name in CLASSES
    )
}
"""

QUERIES: dict[str, Callable[[Views, float], object]] = {
    "shares, 3 h by minute": lambda v, now: v.series(now - 3 * HOUR, now, level=MINUTE),
    "shares by class and model, 1 d": lambda v, now: v.series(
        now - DAY, now, level=TEN_MINUTES, by=("request_class", "model")
    ),
    "shares, 7 d by hour": lambda v, now: v.series(now - 7 * DAY, now, level=HOUR),
    "spend, 60 d by day": lambda v, now: v.series(now - 60 * DAY, now, level=DAY),
    "spend by variant, 60 d by day": lambda v, now: v.series(
        now - 60 * DAY, now, level=DAY, by=("variant",), where=Where(experiment=EXPERIMENT)
    ),
    "summary by class and model, 30 d": lambda v, now: v.summary(now - 30 * DAY, now),
    "latency by model, 1 d": lambda v, now: v.latency(now - DAY, now),
    "latency over time, 7 d": lambda v, now: v.latency(now - 7 * DAY, now, over_time=True, by_model=False),
    "newest decisions": lambda v, now: v.recent(),
    "newest of a model": lambda v, now: v.recent(where=Where(model=MODELS[7])),
    "newest of a class and model": lambda v, now: v.recent(where=Where(MODELS[7], CLASSES[3])),
    "of a model that the class never had": lambda v, now: v.recent(where=Where(MODELS[0], CLASSES[3])),
    "of a variant and model that never met": lambda v, now: v.recent(
        where=Where(MODELS[0], experiment=EXPERIMENT, variant="control")
    ),
    "newest of a unit": lambda v, now: v.recent(unit="u77"),
    "search by id": lambda v, now: v.recent(text=v.recent(1, before_seq=1000)[0].id[:12]),
    "search by a short id": lambda v, now: v.recent(text="0"),
    "page 1,000": lambda v, now: v.recent(before_seq=50_000),
    "one decision": lambda v, now: v.result("no-such-id"),
    "is it current": lambda v, now: v.is_current(),
}
"""What pages ask, each within 50 ms."""

PAGES: tuple[str, ...] = (
    "/", "/?range=1h", "/?range=7d", "/?range=30d", "/models", "/experiments", "/decisions",
    "/decisions?model=model-7", "/decisions?text=0", "/try", "/calculator?traffic=1", "/docs",
)  # fmt: skip
"""Pages to be measured over HTTP."""


def decisions(n: int, start: float, end: float) -> Iterator[Decision]:
    """Decisions between two times; class 3 never gets the first model."""
    rng = random.Random(start)
    candidates = tuple(
        Candidate(name, 0.125, 0.8 + i / 50, 0.0004 * (i + 1), 1.0 + i / 4, 0.8, 0.02)
        for i, name in enumerate(MODELS)
    )
    for i in range(n):
        at = start + (i + rng.random()) * (end - start) / n
        cls = rng.randrange(4)
        unit = f"u{rng.randrange(50_000)}"
        place = crc32(unit.encode()) % 2 if cls < 3 else 0
        enrolled = i > n // 3
        variant = None if not enrolled else ("control", "treatment")[place]
        model = 7 if variant == "control" else rng.randrange(1 if cls == 3 else 0, 8)
        yield Decision(
            id=f"{int(at * 1e6):016x}{rng.getrandbits(64):016x}", at=at,
            context=Context(CLASSES[cls], input_tokens=rng.randrange(100, 2_000), unit=unit),
            preferences=Preferences(), candidates=candidates[model // 4 * 4 :][:4], excluded=(),
            model=MODELS[model],
            propensity=0.125, policy="thompson", seed=i, draw=0.5, state_seq=i, variant=variant,
            variant_share=0.5 if enrolled else 1.0, experiment=EXPERIMENT if enrolled else None,
            fallbacks=MODELS[:2],
        )  # fmt: skip


def outcomes(made: Decision, rng: random.Random) -> list[tuple[object, ...]]:
    """What was told of one: seconds and tokens of nearly all, quality of a third, errors of a few."""
    if rng.random() < 0.05:
        return []
    model = MODELS.index(made.model)
    told: list[tuple[str, float, str]] = [
        ("seconds", rng.lognormvariate(0.0, 0.6) * (1 + model / 4), "meter"),
        ("output_tokens", float(rng.randrange(50, 900)), "meter"),
    ]
    if rng.random() < 0.01:
        told.append(("error", 1.0, "meter"))
    if rng.random() < 0.33:
        told.append(("quality", min(1.0, 0.7 + model / 40 + rng.random() / 5), "user"))
    return [(made.id, factor, value, source, "", "", made.at + 5.0, 1.0) for factor, value, source in told]


def write(path: Path, n: int, start: float, end: float) -> None:
    """Writes decisions into the log as fast as SQLite can; minutes for a million."""
    rng = random.Random(end)
    with sqlite3.connect(path, timeout=30.0) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        (seq,) = connection.execute("SELECT coalesce(max(seq), 0) FROM outcomes").fetchone()
        rows: list[tuple[object, ...]] = []
        told: list[tuple[object, ...]] = []
        for i, d in enumerate(decisions(n, start, end), 1):
            rows.append(
                (None, d.id, d.at, d.context.request_class, d.model, d.policy, d.variant, d.kind,
                 d.propensity, d.context.unit, None, encode(d), d.experiment)
            )  # fmt: skip
            for row in outcomes(d, rng):
                seq += 1
                told.append((seq, *row, None))
            if i % 10_000 == 0 or i == n:
                connection.executemany(f"INSERT INTO decisions VALUES ({','.join('?' * 13)})", rows)
                connection.executemany(f"INSERT INTO outcomes VALUES ({','.join('?' * 10)})", told)
                connection.commit()
                rows, told = [], []
                progress("writing the log", i, n)


def progress(what: str, done: int, of: int) -> None:
    end = "\n" if done >= of else ""
    print(f"\r{what}: {done:,} of {of:,}", end=end, file=sys.stderr, flush=True)


def tally(store: Store, settings: Settings) -> None:
    """Tallies what is not tallied yet, and says how fast."""
    before = cursor_of(store.engine)
    started = time.perf_counter()
    catch_up(store, settings, progress=lambda done, of: progress("tallying", done, of))
    after = cursor_of(store.engine)
    done = (after.decided if after else 0) - (before.decided if before else 0)
    if done:
        print(f"tally: {done / (time.perf_counter() - started):,.0f} decisions/s", flush=True)


def median(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and worst milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(1_000.0 * (time.perf_counter() - started))
    return statistics.median(times), max(times)


def ask_all(store: Store, settings: Settings, rounds: int) -> None:
    """Prints the median of every question."""
    views, now = Views(store, settings), time.time()
    for name, query in QUERIES.items():
        middle, worst = median(lambda query=query: query(views, now), rounds)  # type: ignore[misc]
        print(f"{name:42} {middle:9.1f} ms (worst {worst:.1f})", flush=True)
    live = LiveSavings(settings, store)
    for name, call in (
        ("savings report", lambda: live.report(30)),
        ("exposures as columns", lambda: Views(store, settings).exposures(EXPERIMENT)),
        ("exposures as columns, again", lambda: views.exposures(EXPERIMENT)),
    ):
        middle, worst = median(call, 3)
        print(f"{name:42} {middle:9.1f} ms (worst {worst:.1f})", flush=True)


ROUTE = {"request_class": "code", "input_tokens": 812, "max_output_tokens": 400, "unit": "user-123"}


def route(port: int, seconds: float) -> tuple[float, float]:
    """Median and 99th percentile of one caller's milliseconds."""
    import http.client

    body, times = json.dumps(ROUTE), []
    connection = http.client.HTTPConnection("127.0.0.1", port)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        connection.request("POST", "/v1/route", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200, reply.status
        times.append(1_000.0 * (time.perf_counter() - started))
    times.sort()
    return statistics.median(times), times[math.floor(0.99 * len(times))]


BACKLOG = 20_000
"""Decisions that a busy tally has before it."""


def serve(folder: Path, store: Store, settings: Settings, rounds: int, seconds: float) -> None:
    """Pages, and the latency of routing while the tally is idle and while it is busy, in turns."""
    found: dict[str, list[tuple[float, float]]] = {"idle": [], "busy": []}
    command = [sys.executable, "-m", "banditroute", "serve", "--port", "0"]
    with server(command, folder) as port:
        route(port, 2.0)
        for path in PAGES:
            middle, worst = median(lambda path=path: page(port, path), 20)  # type: ignore[misc]
            print(f"{path:42} {middle:9.1f} ms (worst {worst:.1f})", flush=True)
        views = Views(store, settings)
        for _ in range(rounds):
            catch_up(store, settings)
            os.sync()  # else the kernel writes what was just made, and every commit waits for that
            found["idle"].append(route(port, seconds))
            write(folder / FILE, BACKLOG, time.time() - 60.0, time.time())
            os.sync()
            time.sleep(1.0)
            found["busy"].append(route(port, seconds))
            if views.is_current():
                print("the tally was done before the round was: take fewer seconds", flush=True)
    for name, pairs in found.items():
        p50, p99 = (statistics.median(values) for values in zip(*pairs, strict=True))
        print(f"route, tally {name}: median {p50:.2f} ms, p99 {p99:.2f} ms", flush=True)


def page(port: int, path: str) -> bytes:
    """A page, made anew: what differs in the address is not kept for others."""
    anew = f"{path}{'&' if '?' in path else '?'}at={time.perf_counter()}"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{anew}") as reply:
        return bytes(reply.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--serve-rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        (folder / "banditroute.toml").write_text(CONFIG)
        path = folder / FILE
        if not path.exists():
            upgrade(f"sqlite:///{FILE}", base=folder)
            now = time.time()
            write(path, options.decisions, now - DAYS * DAY, now)
        settings = load_settings(folder / "banditroute.toml")
        store = open_store(f"sqlite:///{FILE}", base=folder)
        tally(store, settings)
        ask_all(store, settings, options.rounds)
        if options.serve_rounds:
            serve(folder, store, settings, options.serve_rounds, options.seconds)
        store.close()


if __name__ == "__main__":
    main()
