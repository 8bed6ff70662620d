"""A log with a bit of everything, and what its read model must be, worked out the slow way."""

from __future__ import annotations

import math
import random
from collections import Counter

from sqlalchemy import text

from banditroute.config.settings import Settings
from banditroute.core.feedback.fold import values
from banditroute.routing.tally import step
from banditroute.store import Store
from banditroute.store.rollups import ALL, DAY, KEPT, bin_of, horizon, part_of
from banditroute.types import Candidate, Context, Decision, Model, Outcome, Preferences

MODELS = (
    Model("small", usd_per_input_token=1e-6, usd_per_output_token=4e-6),
    Model("large", usd_per_input_token=1e-5, usd_per_output_token=4e-5),
)
SETTINGS = Settings(models=MODELS)
START = 1_700_000_000.0

Rows = dict[tuple[object, ...], tuple[object, ...]]


def made(name: str, rng: random.Random, at: float) -> Decision:
    model = rng.choice(["small", "large", "gone"])
    experiment = rng.choice([None, "e1", "e2"])
    both = tuple(Candidate(own, 0.5, 0.8, 0.01, 1.5, 0.7, 0.1) for own in ("small", "large"))
    return Decision(
        id=name,
        at=at,
        context=Context(
            rng.choice(["code", "chat"]),
            input_tokens=rng.choice([None, 100, 900]),
            unit=rng.choice([None, *(f"u{i}" for i in range(9))]),
        ),
        preferences=Preferences(),
        candidates=both,
        excluded=(),
        model=model,
        propensity=0.5,
        policy="thompson",
        seed=1,
        draw=0.5,
        state_seq=0,
        kind=rng.choice(["drawn", "fallback"]),
        experiment=experiment,
        variant=None if experiment is None else rng.choice(["control", "treatment"]),
        variant_share=0.5,
    )


def said(name: str, rng: random.Random) -> Outcome:
    """A fact, which may revise another or take it back."""
    factor = rng.choice(["quality", "quality", "usd", "seconds", "output_tokens", "input_tokens", "error"])
    source = rng.choice(["user", "metric", "judge", "meter"])
    value: float | None = rng.choice([0.0, 0.25, 0.5, 1.0, None])
    if factor != "error" and factor != "quality" and value is not None:
        value *= {"usd": 0.01, "seconds": 8.0}.get(factor, 400.0)
    return Outcome(name, factor, value, source, rater=rng.choice(["", "ann", "gpt/rubric-1"]))  # type: ignore[arg-type]


def lived(store: Store, rng: random.Random, events: int, *, tallied: bool = True) -> list[str]:
    """A log that grows at random, tallied in between at random; gives the ids of its decisions. It covers
    five days, so that all levels but the days are pruned in between."""
    names: list[str] = []
    for i in range(events):
        if rng.random() < 0.5 or not names:
            late = rng.choice([0.0, 0.0, 0.0, 3e4, 3e5])
            batch = [f"d{len(names) + k:05d}" for k in range(rng.randint(1, 9))]
            at = START + i * 5 * DAY / events - late
            store.append_decisions([made(name, rng, at + rng.random()) for name in batch]).result()
            names += batch
        else:
            store.append_outcomes([said(rng.choice(names), rng) for _ in range(rng.randint(1, 12))]).result()
        if tallied and rng.random() < 0.4:
            step(store, SETTINGS, rng.choice([1, 5, 40]))
    return names


def table(store: Store, name: str, keys: int) -> Rows:
    """A table of the read model, by key."""
    with store.engine.connect() as connection:
        rows = connection.execute(text(f"SELECT * FROM {name}")).all()
    return {tuple(row[:keys]): tuple(row[keys:]) for row in rows}


def contents(store: Store) -> dict[str, Rows]:
    """All of it; sums that were taken back entirely are no rows."""
    found = {"results": table(store, "results", 1)}
    for name, keys in (("rollups", 7), ("latencies", 4)):
        rows = table(store, name, keys).items()
        found[name] = {key: row for key, row in rows if any(abs(float(str(v))) > 1e-9 for v in row)}
    return found


def alike(one: Rows, other: Rows) -> bool:
    """Whether two tables are the same but for the rounding of sums."""
    return one.keys() == other.keys() and all(
        (a == b) or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, abs_tol=1e-9))
        for key in one
        for a, b in zip(one[key], other[key], strict=True)
    )


def expected_sums(
    store: Store, names: list[str]
) -> tuple[dict[tuple[object, ...], dict[str, float]], Counter[object]]:
    """What `rollups` and `latencies` must hold, from the records of the log alone."""
    records = [record for name in names if (record := store.record(name)) is not None]
    newest = max(record.decision.at for record in records)
    sums: dict[tuple[object, ...], dict[str, float]] = {}
    waits: Counter[object] = Counter()
    for record in records:
        d, c = record.decision, record.decision.context
        told = values(record.outcomes, error_quality=math.nan)
        scored = "quality" in told and not math.isnan(told["quality"])
        read, written = told.get("input_tokens", c.input_tokens), told.get("output_tokens")
        one = {"requests": 1.0, "told": float(bool(told)), "errors": float(bool(told.get("error")))}
        one |= {
            "failed": float(bool(told.get("error")) and not scored),
            "fallbacks": float(d.kind == "fallback"),
        }
        one |= {"scored": float(scored), "quality": told["quality"] if scored else 0.0}
        one |= {"billed": float("usd" in told), "usd": told.get("usd", 0.0)}
        listed = "usd" not in told and read is not None and written is not None
        one |= {"listed": float(listed), "listed_input": float(read or 0.0) if listed else 0.0}
        one |= {"listed_output": float(written or 0.0) if listed else 0.0}
        one |= {"timed": float("seconds" in told), "seconds": told.get("seconds", 0.0)}
        one |= {"sized": float(read is not None), "input_tokens": float(read or 0.0)}
        one |= {"written": float(written is not None), "output_tokens": written or 0.0}
        for level in KEPT:
            bucket = int(d.at // level * level)
            if bucket < horizon(level, newest):
                continue
            for part in (ALL, part_of(c.unit or d.id))[: 2 if level == DAY else 1]:
                key = (level, part, bucket, d.model, c.request_class, d.experiment or "", d.variant or "")
                known = sums.setdefault(key, dict.fromkeys(one, 0.0))
                for name, value in one.items():
                    known[name] += value
            if "seconds" in told:
                waits[level, bucket, d.model, bin_of(told["seconds"])] += 1
    return sums, waits
