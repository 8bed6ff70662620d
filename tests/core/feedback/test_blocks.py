"""Blocks of time: the same in whatever order outcomes arrive, few, and fine near the present."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from banditroute.core.feedback.blocks import (
    KEPT,
    LEVELS,
    block_starts,
    blocks_distance,
    empty_blocks,
    observe,
    without,
)
from tests.core.feedback.changing import DAY, HOUR, START, C, K, traffic


def test_blocks_are_the_same_in_whatever_order_outcomes_arrive() -> None:
    log = traffic(0, 40.0, 60.0)
    whole = log.seen(empty_blocks(2, K, C), slice(None), log.times[-1])
    parts = empty_blocks(2, K, C)
    for place in np.random.default_rng(1).permutation(len(log.times)).tolist():
        parts = log.seen(parts, slice(place, place + 1), 0.0)
    assert parts.starts == whole.starts
    assert blocks_distance(parts, whole) < 1e-12
    counted = whole.stacked()[:, 0, :, :, 0]
    assert counted.sum() == len(log.times)
    late = whole.starts[-1]
    assert counted[-1].sum() == (log.times >= late).sum(), "each in the block of its time"


@settings(settings.get_profile("ci"), max_examples=200)
@given(
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=40),
    st.floats(1e9, 2e9),
    st.lists(st.floats(0.0, 20.0), min_size=1, max_size=5),
)
def test_borders_only_vanish(ages: list[float], moment: float, later: list[float]) -> None:
    """A block of an earlier time lies in one block of a later time, so that sums can be merged. Ages and
    waits are powers of e in seconds."""
    early = moment - np.exp(ages)
    moments = [moment, *(moment + np.exp(sorted(later)))]
    starts = block_starts(np.array(early), moments[0])
    for moment in moments[1:]:
        merged = block_starts(starts, moment)
        np.testing.assert_array_equal(merged, block_starts(np.array(early), moment))
        starts = merged


def test_blocks_stay_few_and_fine_near_the_present() -> None:
    at = 5 * 365.25 * DAY + START
    times = np.arange(START, at, 300.0)
    starts = np.unique(block_starts(times, at))
    assert len(starts) < (KEPT + 1) * LEVELS
    ages = at - starts
    widths = np.diff(starts, append=at)
    old = ages > HOUR
    assert (widths[old] <= ages[old] / (KEPT - 1)).all(), "as fine as their age demands"


def test_retracted_outcomes_leave_nothing() -> None:
    log = traffic(2, 3.0, 300.0)
    blocks = log.seen(empty_blocks(2, K, C), slice(None), log.times[-1])
    gone = slice(100, 200)
    ones = np.ones(100)
    where = log.times[gone], log.rows[gone], log.classes[gone]
    blocks = observe(blocks, 0, *where, log.quality[gone] - 0.9, -ones, 0.0)
    blocks = observe(blocks, 1, *where, np.log(log.seconds[gone] / 2.0), -ones, 0.0)
    left = log.seen(log.seen(empty_blocks(2, K, C), slice(0, 100), 0.0), slice(200, None), log.times[-1])
    assert blocks_distance(blocks, left) < 1e-9
    assert without(blocks, 0, (0,)).stacked()[:, 0, 0].any() is np.False_
    assert without(blocks, 0, (0,)).stacked()[:, 1, 0].any()


def test_factors_may_come_together_and_nothing_at_all_is_nothing() -> None:
    log = traffic(4, 3.0, 60.0)
    at, ones = float(log.times[-1]), np.ones(len(log.times))
    where = log.times, log.rows, log.classes
    apart = observe(
        observe(empty_blocks(2, K, C), 0, *where, log.quality, ones, at), 1, *where, -ones, ones, at
    )
    order = np.random.default_rng(5).permutation(2 * len(ones))
    factors, values = np.repeat([0, 1], len(ones)), np.concatenate([log.quality, -ones])
    twice = [np.tile(part, 2)[order] for part in where]
    together = observe(empty_blocks(2, K, C), factors[order], *twice, values[order], np.tile(ones, 2), at)
    assert blocks_distance(apart, together) < 1e-12
    none = np.empty(0)
    still = observe(together, 0, none, none.astype(int), none.astype(int), none, none, at)
    assert still.starts == together.starts
    assert blocks_distance(still, together) == 0.0
