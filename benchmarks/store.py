"""Durable appends per second: the store's writer thread against one asyncio task on aiosqlite.

    python benchmarks/store.py [--seconds 3] [--folder DIR]

Both take the same decisions from the same event loop, encode them alike, commit adaptively grouped
(WAL, synchronous=FULL) into the same tables, and acknowledge after the commit; variants alternate,
and the best of three rounds counts. CPU is that of the whole process per append, kernel included.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
from msgspec import structs
from sqlalchemy import insert
from sqlalchemy.dialects.sqlite import dialect

from banditroute.store import open_store, tables, upgrade
from banditroute.store.appender import new_decisions
from banditroute.types import Candidate, Context, Decision, Exclusion, Outcome, Preferences

COLUMNS = [column.name for column in tables.decisions.columns if column.name != "seq"]
Append = Callable[[Decision], Awaitable[object]]


def decision() -> Decision:
    """A receipt of ordinary size: eight candidates, two exclusions, a prompt that is not stored."""
    candidates = tuple(
        Candidate(
            f"model-{i}", 0.125, 0.8612 + i / 137, 0.000412 * i, 2.123 / (i + 1), 0.8312 - i / 91, 0.0123
        )
        for i in range(8)
    )
    context = Context(
        request_class="code", input_tokens=812, features={"difficulty": 0.4}, text="word " * 600
    )
    excluded = (
        Exclusion("model-8", "context_window", "needs 9,100 tokens, has 8,192"),
        Exclusion("model-9", "tier", "is premium, standard was asked"),
    )
    return Decision(
        id="",
        at=1.7e9,
        context=context,
        preferences=Preferences(),
        candidates=candidates,
        excluded=excluded,
        model="model-3",
        propensity=0.125,
        policy="thompson",
        seed=8_412_341_233_412,
        draw=0.4821,
        state_seq=4_711,
        parameters={"floor": 0.0, "horizon": 5_000.0},
        fallbacks=("model-1", "model-5"),
    )


class AioWriter:
    """The same group commit as a task of the event loop, on bare aiosqlite: the alternative."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sql = str(insert(tables.decisions).compile(dialect=dialect(), column_keys=COLUMNS))
        self._queue: asyncio.Queue[tuple[tuple[object, ...], asyncio.Future[None]]] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    async def append(self, made: Decision) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((new_decisions([made], None).rows[0], future))
        await future

    async def _run(self) -> None:
        async with aiosqlite.connect(self._path, isolation_level=None) as connection:
            await connection.execute("PRAGMA journal_mode=WAL")
            await connection.execute("PRAGMA synchronous=FULL")
            while True:
                group = [await self._queue.get()]
                while not self._queue.empty():
                    group.append(self._queue.get_nowait())
                await connection.execute("BEGIN IMMEDIATE")
                await connection.executemany(self._sql, [row for row, _ in group])
                await connection.execute("COMMIT")
                for _, future in group:
                    future.set_result(None)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def load(append: Append, concurrency: int, seconds: float, name: str) -> tuple[float, float]:
    """Appends per second and CPU microseconds per append with so many callers, each waiting for its
    acknowledgement before the next."""
    model, numbers = decision(), itertools.count()
    end = time.perf_counter() + seconds

    async def caller(k: int) -> int:
        done = 0
        while time.perf_counter() < end:
            number = next(numbers) * 2_654_435_761 % 2**32  # ids in no order, as random ones are
            await append(structs.replace(model, id=f"{name}-{number:08x}-{k}"))
            done += 1
        return done

    start, cpu = time.perf_counter(), time.process_time()
    appended = sum(await asyncio.gather(*(caller(k) for k in range(concurrency))))
    elapsed, spent = time.perf_counter() - start, time.process_time() - cpu
    return appended / elapsed, spent / appended * 1e6


async def thread(folder: Path, concurrency: int, seconds: float, name: str) -> tuple[float, float]:
    store = open_store(f"sqlite:///{name}.db", base=folder)
    try:
        return await load(lambda one: store.append_decisions([one]), concurrency, seconds, name)
    finally:
        store.close()


async def task(folder: Path, concurrency: int, seconds: float, name: str) -> tuple[float, float]:
    upgrade(f"sqlite:///{name}.db", base=folder)
    writer = AioWriter(folder / f"{name}.db")
    try:
        return await load(writer.append, concurrency, seconds, name)
    finally:
        await writer.close()


async def feedback(folder: Path, concurrency: int, seconds: float, name: str) -> tuple[float, float]:
    """Two outcomes about one of 1,000 decisions each time, through the writer thread."""
    store = open_store(f"sqlite:///{name}.db", base=folder)
    made = [structs.replace(decision(), id=f"{name}-{i}") for i in range(1_000)]
    for waiting in [store.append_decisions([d]) for d in made]:
        waiting.result()
    numbers = itertools.count()

    async def append(_: Decision) -> None:
        i = next(numbers)
        key = made[i * 7_919 % 1_000].id
        told = [
            Outcome(key, "quality", i % 97 / 97, at=1.7e9),
            Outcome(key, "usd", i * 1e-6, "meter", at=1.7e9),
        ]
        await store.append_outcomes(told)

    try:
        return await load(append, concurrency, seconds, name)
    finally:
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary one by default")
    options = parser.parse_args()
    variants = {"writer thread": thread, "aiosqlite task": task, "feedback (thread)": feedback}
    print(f"{'variant':18} {'callers':>8} {'appends/s':>10} {'CPU us/append':>14}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for concurrency in (1, 32, 256):
            rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
            for i in range(3):
                for k, (name, variant) in enumerate(variants.items()):
                    run = variant(Path(folder), concurrency, options.seconds / 3, f"s{concurrency}-{i}-{k}")
                    rounds[name].append(asyncio.run(run))
            for name, results in rounds.items():
                rate, cpu = max(results)
                print(f"{name:18} {concurrency:8d} {rate:10,.0f} {cpu:14.1f}")


if __name__ == "__main__":
    main()
