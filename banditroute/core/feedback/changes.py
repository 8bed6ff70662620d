"""What changed, and when: a model, the traffic, or the yardstick that all models are measured with.

For every border between two blocks of time (`core.blocks`) what came before is compared with what came after,
class by class: the shift `d_g` of a class has information `h_g = n₁n₂/(n₁+n₂)`, and a model's is
`D = Σ h d / Σ h`. A class that has become rarer or more frequent does not move D: that is the traffic, and is
looked for in the shares of the classes. A shift that all models have in common is the judge's, or requests
have become harder.

The evidence for a border (`core.scan`) has mean 1 while nothing changes. Summed over borders, each with a
weight in seconds, it is the Shiryaev–Roberts e-detector of Shin, Ramdas and Rinaldo 2022, "E-detectors": it
grows by a known number of seconds per second on average, so that the mean time to a false alarm is at least
the goal, however often one looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from banditroute.core.base import Floats
from banditroute.core.feedback.blocks import BASE, Blocks
from banditroute.core.feedback.scan import Factor, Scan, scan

Kind = Literal["model", "traffic", "judge-or-difficulty"]

YEAR = 365.25 * 86_400.0

_TOP = 10  # borders weigh as much as the widest blocks that end there, but for this level and above
_RATE = (_TOP + 2) / 2.0  # seconds of weight that arise per second: half of each level's, and the top's
_SHARES = 0.05  # what class shares scatter from day to day without meaning anything
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Change:
    """Something is not as it was before `since` (95%: `since_low` to `since_high`).

    `row` is the model row of a `model` change, the class of a `traffic` change, -1 for what all models share.
    `size`, `low` and `high` (95%) are the shift of the mean: of quality or of a class's share in points, of
    the other factors as a ratio less 1 (0.5: half as much again). `evidence` is the natural logarithm of how
    far the detector stands above its threshold, at least 0.
    """

    kind: Kind
    row: int
    factor: str
    since: float
    since_low: float
    since_high: float
    size: float
    low: float
    high: float
    evidence: float


def detect(blocks: Blocks, factors: Sequence[Factor], false_alarms_per_year: float) -> tuple[Change, ...]:
    """Everything that has changed, by what the blocks hold; a pure function of them.

    `false_alarms_per_year` is the rate allowed in all while nothing changes, shared evenly among what is
    watched: every factor of every model, each factor in common, and every class.
    """
    if len(blocks.starts) < 2 or not factors:
        return ()
    _, k, c = blocks.shape
    goal = math.log(_RATE * YEAR * (len(factors) * (k + 1) + c) / false_alarms_per_year)
    starts = np.array(blocks.starts)
    found: list[Change] = []
    for factor in factors:
        own = np.stack([sums[factor.index] for sums in blocks.sums])
        if own[..., 0].any():
            found += _of_factor(own, starts, blocks.at, factor, goal)
    counts = np.stack([sums[..., 0] for sums in blocks.sums])
    return (*found, *_of_traffic(counts, starts, blocks.at, goal))


def _of_factor(sums: Floats, starts: Floats, at: float, factor: Factor, goal: float) -> list[Change]:
    """Changes of one factor, the most evident first: each is taken out of the sums before the next is
    sought."""
    left = sums
    weights = _weights(starts)[1:, None]
    found: list[Change] = []
    for _ in range(2 * sums.shape[1] + 2):
        own, common = scan(left, starts, at, factor)
        total = np.logaddexp.reduce(weights + own.log, axis=0)
        shared = float(np.logaddexp.reduce(weights[:, 0] + common.log[:, 0]))
        row = int(total.argmax())
        if max(float(total[row]), shared) < goal:
            break
        if shared >= goal and _is_common(own, common):
            change = _described("judge-or-difficulty", -1, 0, common, starts, at, factor, shared - goal)
            border = int(np.searchsorted(starts, change.since))
            _lowered(left[border:], float(common.shift[border - 1, 0]), float(common.plain[border - 1, 0]))
        elif total[row] >= goal:
            change = _described("model", row, row, own, starts, at, factor, float(total[row]) - goal)
            left[: int(np.searchsorted(starts, change.since)), row] = 0.0
        else:
            break
        found.append(change)
    return found


def _of_traffic(counts: Floats, starts: Floats, at: float, goal: float) -> list[Change]:
    """Changes in the shares of the classes, by the outcomes `(b, f, k, c)` of whatever is told most often."""
    of_class = counts[:, int(counts.sum(axis=(0, 2, 3)).argmax())].sum(axis=1)
    total = np.broadcast_to(of_class.sum(axis=1, keepdims=True), of_class.shape)
    left = np.stack([total, of_class, of_class, of_class], axis=-1)[:, :, None]
    factor = Factor("share", 0, 0.05, _SHARES, logarithmic=False)
    weights = _weights(starts)[1:, None]
    found: list[Change] = []
    for _ in range(4):
        own, _ = scan(left, starts, at, factor)
        evidence = np.logaddexp.reduce(weights + own.log, axis=0)
        row = int(evidence.argmax())
        if evidence[row] < goal:
            break
        found.append(_described("traffic", row, row, own, starts, at, factor, float(evidence[row]) - goal))
        left[: int(np.searchsorted(starts, found[-1].since))] = 0.0
    return found


def _is_common(own: Scan, common: Scan) -> bool:
    """Whether one shift for all explains more, where it explains most, than changes of single models: of
    which each more is a coincidence that costs three nats and the choice of the model."""
    border = int(common.full[:, 0].argmax())
    single = own.full[border]
    several = np.maximum(single - 3.0 - math.log(max(len(single), 1)), 0.0).sum()
    return bool(common.full[border, 0] > max(float(single.max()), float(several)))


def _described(
    kind: Kind, row: int, column: int, seen: Scan, starts: Floats, at: float, factor: Factor, evidence: float
) -> Change:
    """A change in words of its factor: where the evidence lies, and how large the shift is there."""
    gap = np.diff(starts, append=at)[1:]
    mass = seen.full[:, column] + np.log(np.maximum(gap, BASE))
    border = int(seen.full[:, column].argmax())
    share = np.cumsum(np.exp(mass - np.logaddexp.reduce(mass)))
    low, high = (int(np.searchsorted(share, tail)) for tail in (0.025, 0.975))
    middle, braked = float(seen.plain[border, column]), float(seen.shift[border, column])
    half = _Z95 / math.sqrt(float(seen.precision[border, column])) * abs(middle / braked if braked else 1.0)
    sizes = (middle, middle - half, middle + half)
    size, lowest, highest = (math.expm1(v) for v in sizes) if factor.logarithmic else sizes
    since = float(starts[border + 1])
    ends = np.append(starts, at)  # the change lies between the borders beside the one that shows it best
    since_low = min(float(ends[low]), since)
    since_high = max(float(ends[min(high + 2, len(starts))]), since)
    return Change(
        kind, row, factor.name, since, since_low, since_high, size, lowest, highest, max(evidence, 0.0)
    )


def _lowered(sums: Floats, by: float, plain: float) -> None:
    """Takes a shift out of sums `(…, 4)`, in place; `plain` is the same without the brake on outliers."""
    n, s = sums[..., 0], sums[..., 2]
    sums[..., 3] += by * (by * n - 2.0 * s)
    sums[..., 2] -= by * n
    sums[..., 1] -= plain * n


def _weights(starts: Floats) -> Floats:
    """Logarithm of the seconds that each border weighs: the width of the widest block that begins there."""
    place = np.maximum(np.abs(np.round(starts / BASE)).astype(np.int64), 1)
    lowest_bit = np.log2((place & -place).astype(np.float64))
    weights: Floats = np.log(BASE) + math.log(2.0) * np.minimum(lowest_bit, _TOP)
    return weights
