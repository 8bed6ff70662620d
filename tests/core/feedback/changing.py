"""Worlds in which something changes, or nothing, and a watch over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats, Ints
from banditroute.core.feedback.blocks import (
    Blocks,
    empty_blocks,
    observe,
)
from banditroute.core.feedback.changes import Change, detect
from banditroute.core.feedback.scan import Factor

DAY, HOUR = 86_400.0, 3_600.0
START = 1.7e9
QUALITY = Factor("quality", 0, 0.05, 0.005, logarithmic=False)
SECONDS = Factor("seconds", 1, 0.5, 0.1, logarithmic=True)
K = C = 4


@dataclass
class Log:
    """Outcomes in order of their decisions."""

    times: Floats
    rows: Ints
    classes: Ints
    quality: Floats
    seconds: Floats

    def seen(self, blocks: Blocks, part: slice, at: float) -> Blocks:
        ones = np.ones(len(self.times[part]))
        where = self.times[part], self.rows[part], self.classes[part]
        blocks = observe(blocks, 0, *where, self.quality[part] - 0.9, ones, at)
        return observe(blocks, 1, *where, np.log(self.seconds[part] / 2.0), ones, at)


def traffic(
    seed: int, days: float, per_day: float, *, swing: float = 0.0, mix: tuple[float, float] | None = None,
    drop: float = 0.0, common: float = 0.0, slower: float = 1.0, after: float = np.inf, thumbs: bool = False,
    busy: float = 1.0,
) -> Log:  # fmt: skip
    """Outcomes of `days`; `after` so many days model 0 is worse by `drop` or slower, all by `common`, or the
    first class has another share `mix` (before, since). `busy`: how much longer half of each day takes."""
    rng = np.random.default_rng(seed)
    n = int(days * per_day)
    times = START + np.sort(rng.uniform(0.0, days * DAY, n))
    late = times >= START + after * DAY
    tide = np.sin(2.0 * np.pi * times / DAY) + np.sin(2.0 * np.pi * times / (7.0 * DAY))
    odds = np.exp(swing * tide[:, None] * np.linspace(-1.0, 1.0, C))
    if mix is not None:
        share = np.where(late, mix[1], mix[0])
        odds = np.column_stack([share, *[(1.0 - share) / (C - 1)] * (C - 1)])
    cumulated = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1)
    classes = (rng.random(n)[:, None] > cumulated).sum(axis=1).clip(0, C - 1)
    rows = rng.integers(K, size=n)
    mean = 0.85 - 0.05 * classes + 0.02 * rows - common * late - drop * (late & (rows == 0))
    quality = (rng.random(n) < mean) * 1.0 if thumbs else np.clip(mean + 0.15 * rng.normal(size=n), 0.0, 1.0)
    level = np.where(np.sin(2.0 * np.pi * times / DAY) > 0.0, busy, 1.0) * np.where(
        late & (rows == 0), slower, 1.0
    )
    return Log(times, rows, classes, quality, 2.0 * level * np.exp(0.4 * rng.standard_t(3, n)))


def watch(
    log: Log,
    every: float,
    factors: tuple[Factor, ...] = (QUALITY, SECONDS),
    *,
    first: float = 0.0,
) -> tuple[float, tuple[Change, ...], Blocks]:
    """Looks after every so many seconds, from `first` days on, until something has changed: when, what, and
    the blocks then. One false alarm a year is allowed."""
    blocks = empty_blocks(2, K, C)
    found: tuple[Change, ...] = ()
    seen, at = 0, START + first * DAY
    while seen < len(log.times) and not found:
        at += every
        upto = int(np.searchsorted(log.times, at))
        if upto > seen:
            blocks = log.seen(blocks, slice(seen, upto), at)
            found = detect(blocks, factors, 1.0)
        seen = upto
    return at, found, blocks
