"""Sums by the time of the decision: what a change is found in.

The blocks of time are fine near the present and coarse long ago, as one needs them: a change is to be found
within minutes, and years later its date to some weeks. Where the borders lie is a function of the latest time
alone, and borders only ever vanish, so the blocks are the same in whatever order outcomes arrive, and late
ones fall where they belong. Their number grows with the logarithm of time: some ninety hold five years.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Floats, Ints

BASE = 64.0
"""Width of the finest blocks, in the unit of the times (seconds; requests where a replay has no times)."""

KEPT = 4
"""So many blocks, or one more, are kept of every width (of the finest, up to ten)."""

LEVELS = 22
"""Widths are `BASE · 2^level`; the last level, of some four years, takes all that is older."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """`starts` in ascending order, and for each block sums `(f, k, c, 4)` per factor, model row and class:
    Σw, Σw·v, Σw·r and Σw·r², v the value less the factor's center (its logarithm where the factor is learned
    as one) and r = asinh(v): nearly v where values are in [0, 1], and a brake on the outliers of logarithms.
    Only blocks that something fell into are there. `at` is the latest time, which sets the borders. Arrays
    are shared between `Blocks` and never written to. Weights are those of the observations, +1 and −1:
    forgetting is applied where the sums are used."""

    shape: tuple[int, int, int]
    at: float = 0.0
    starts: tuple[float, ...] = ()
    sums: tuple[Floats, ...] = ()

    def stacked(self) -> Floats:
        """All sums `(b, f, k, c, 4)`."""
        return np.stack(self.sums) if self.sums else np.zeros((0, *self.shape, 4))


def empty_blocks(factors: int, models: int, classes: int) -> Blocks:
    """No outcomes yet."""
    return Blocks((factors, models, classes))


def widths(starts: Floats, at: float) -> Floats:
    """How long each block is, as of time `at`."""
    return BASE * np.exp2(_levels(starts, at))


def block_starts(times: Floats, at: float) -> Floats:
    """Where the block of each time begins, as of time `at`."""
    width = widths(times, at)
    starts: Floats = np.floor(times / width) * width
    return starts


def observe(
    blocks: Blocks,
    factor: int | Ints,
    times: Floats,
    rows: Ints,
    classes: Ints,
    values: Floats,
    weights: Floats,
    at: float,
) -> Blocks:
    """The blocks with outcomes added, all `(n,)`: the factor of each, or that of all, times of the decisions,
    model rows, classes, values less the center (logarithms where it is learned so), weights. `at` is the time
    by now."""
    blocks = advanced(blocks, max(at, float(times.max(initial=at))))
    if not len(times):
        return blocks
    held = dict(zip(blocks.starts, blocks.sums, strict=True))
    starts, placed = np.unique(block_starts(times, blocks.at), return_inverse=True)
    _, k, c = blocks.shape
    nothing = np.zeros((*blocks.shape, 4))
    sums = np.stack([held.get(start, nothing) for start in starts.tolist()])
    cell = ((placed * blocks.shape[0] + factor) * k + rows) * c + classes
    braked = np.arcsinh(values)
    flat = sums.reshape(-1)
    for part, said in enumerate((weights, weights * values, weights * braked, weights * braked**2)):
        np.add.at(flat, 4 * cell + part, said)
    held.update(zip(starts.tolist(), sums, strict=True))
    return _ordered(blocks, held)


def advanced(blocks: Blocks, at: float) -> Blocks:
    """The same outcomes with the borders of a later time; an earlier one moves nothing."""
    if at <= blocks.at:
        return blocks
    blocks = Blocks(blocks.shape, at, blocks.starts, blocks.sums)
    starts = block_starts(np.array(blocks.starts), at).tolist()
    if tuple(starts) == blocks.starts:
        return blocks
    held: dict[float, Floats] = {}
    for start, own in zip(starts, blocks.sums, strict=True):
        held[start] = held[start] + own if start in held else own
    return _ordered(blocks, held)


def without(blocks: Blocks, row: int, factors: tuple[int, ...]) -> Blocks:
    """The blocks with nothing known of some factors of a model's row."""
    left = []
    for own in blocks.sums:
        left.append(own.copy())
        left[-1][list(factors), row] = 0.0
    return Blocks(blocks.shape, blocks.at, blocks.starts, tuple(left))


def blocks_distance(one: Blocks, other: Blocks) -> float:
    """Largest difference of two blocks' sums, relative to the largest sum of its kind, cell and factor."""
    ends = max(one.at, other.at)
    pair = [dict(zip(b.starts, b.sums, strict=True)) for b in (advanced(one, ends), advanced(other, ends))]
    nothing = np.zeros((*one.shape, 4))
    worst = 0.0
    for start in {*pair[0], *pair[1]}:
        a, b = (held.get(start, nothing) for held in pair)
        scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), np.sqrt(np.abs(a[..., :1] * a[..., 3:])))
        worst = max(worst, float((np.abs(a - b) / np.maximum(scale, 1e-6)).max(initial=0.0)))
    return worst


def _levels(times: Floats, at: float) -> Floats:
    """The level of the block that each time falls into. Level l reaches back to `KEPT` whole widths of level
    l + 1: a border of both, so that blocks pass from one to the next in pairs."""
    coarser = BASE * np.exp2(np.arange(1, LEVELS))
    reach = (np.floor(at / coarser) - KEPT) * coarser
    levels: Floats = (times[:, None] < reach).sum(axis=1).astype(np.float64)
    return levels


def _ordered(blocks: Blocks, held: dict[float, Floats]) -> Blocks:
    starts = tuple(sorted(held))
    return Blocks(blocks.shape, blocks.at, starts, tuple(held[start] for start in starts))
