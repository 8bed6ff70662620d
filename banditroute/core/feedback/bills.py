"""Whose bills are believed: who reports amounts that stand off wildly from what all others report.

A bill, a count of tokens or a wait is compared with what the receipt expected of that model, request and
moment, so that long prompts, dear models and hard classes are nobody's fault. Beside the sums stands each
speaker's part of every cell (factor, model, class), with the sums of these ratios and of their logarithms. At
a refit a speaker is set against the weighted median of all speakers of the same factor and model: by the mean
logarithm and by the logarithm of the mean, which a few enormous bills among many right ones move. Who stands
off by more than a factor of `FACTOR`, and by more than `SDS` sds of what so many reports scatter, counts for
nothing there. Where fewer than `FEWEST` speak nobody is doubted; nor is what nobody in particular said.

It is a function of additive sums: a price that rose is reported by all and moves the median, and a liar who
is found out today was never believed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.feedback.evidence import believed
from banditroute.core.feedback.speakers import Speakers, added, bucket_of
from banditroute.core.feedback.voices import EMPTY, ENOUGH, runs
from banditroute.core.posterior import SufficientStats
from banditroute.types import FACTORS

FACTOR = 3.0
"""How far honest speakers may differ in the mean, as a ratio: answers differ more than prices do."""

SDS = 4.0

FEWEST = 5
"""Speakers of a factor of a model below which nobody is doubted: one, and four others."""

_SCATTER = 0.5  # variance of one logarithm, at least
_BYTES = 16 * 2**20  # of all sums together, at most
_ENTRY = 64  # bytes: a key and seven sums
_N, _Y, _SQUARES, _RAW, _LOG, _LOG_SQUARES, _RATIO = range(7)


@dataclass(frozen=True, slots=True)
class Disbelief:
    """What is left of one factor's sums, which `share` `(k, c)` of its outcomes that is, and the names of
    those who count for nothing with some model."""

    stats: SufficientStats
    share: Floats
    names: tuple[str, ...]


def no_bills(k: int, c: int) -> Speakers:
    """Nobody has reported anything; the rows are factors by models."""
    return Speakers((len(FACTORS) * k, c), np.empty(0, np.int64), np.empty((0, 7)))


def observe(
    bills: Speakers,
    names: Sequence[str],
    rows: Ints,
    classes: Ints,
    centred: Floats,
    values: Floats,
    ratios: Floats,
    weights: Floats,
) -> Speakers:
    """With n reports more, `(n,)` each: who spoke, the row `factor·k + model`, the class, the logarithm less
    its center, the value, how many times what was expected it is, and the weight, negative for what is taken
    back."""
    if not names:
        return bills
    rooms, c = bills.shape
    among = max(64, _BYTES // (_ENTRY * rooms * c))
    known, called = {name: bucket_of(name, among) for name in set(names)}, dict(bills.names)
    for name, bucket in known.items():
        called[bucket] = min(name, called.get(bucket, name))
    key = (np.array([known[name] for name in names], np.int64) * rooms + rows) * c + classes
    logs = np.log(ratios)
    terms = np.stack([np.ones_like(logs), centred, centred**2, values, logs, logs**2, ratios], axis=1)
    return added(Speakers(bills.shape, bills.key, bills.sums, called), key, weights[:, None] * terms)


def forgotten(bills: Speakers, by: Sequence[float]) -> Speakers:
    """Every sum multiplied by the number of its factor."""
    if all(scale == 1.0 for scale in by):
        return bills
    return Speakers(bills.shape, bills.key, bills.sums * np.array(by)[_factor(bills)][:, None], bills.names)


def disbelief(bills: Speakers, stats: Mapping[int, SufficientStats]) -> dict[int, Disbelief]:
    """By factor, what is left of the sums `stats` once the reports of those are taken out who stand off;
    nothing for factors in which nobody does. Both count as they do now."""
    rooms, c = bills.shape
    out = _wild(bills)
    found: dict[int, Disbelief] = {}
    if not out.any():
        return found
    factor, k = _factor(bills), rooms // len(FACTORS)
    for f in np.unique(factor[out]).tolist():
        own = out & (factor == f)
        cell = bills.key[own] % (k * c)  # the factor's rows begin at a multiple of k
        less: Floats = np.stack(
            [np.bincount(cell, part, k * c) for part in bills.sums[own].T[:_LOG]], axis=1
        ).astype(np.float64)
        names = {bills.names[bucket] for bucket in (bills.key[own] // (rooms * c)).tolist()}
        left, share = _without(stats[f], less.reshape(k, c, -1))
        found[f] = Disbelief(left, share, tuple(sorted(names)))
    return found


def _factor(bills: Speakers) -> Ints:
    """The factor of every entry `(m,)`."""
    rooms, c = bills.shape
    factor: Ints = bills.key // c % rooms // (rooms // len(FACTORS))
    return factor


def _wild(bills: Speakers) -> Bools:
    """The entries `(m,)` of speakers who stand off in that factor of that model."""
    if not len(bills.key):
        return np.zeros(0, np.bool_)
    pairs, place = runs(bills.key // bills.shape[1])  # of a speaker and a row
    row = pairs % bills.shape[0]
    sums = np.stack([np.bincount(place, own, len(pairs)) for own in bills.sums.T], axis=1)
    n = np.maximum(sums[:, _N], EMPTY)
    mean, level = sums[:, _LOG] / n, np.log(np.maximum(sums[:, _RATIO] / n, EMPTY))
    weights = np.minimum(n, ENOUGH)
    middle = _medians(row, mean, weights, bills.shape[0])[row]
    least = math.log(FACTOR) + SDS * np.sqrt(_SCATTER / np.maximum(n, 1.0))
    if (np.maximum(np.abs(mean - middle), level - middle) <= least).all():  # as mostly: nobody can be wild
        return np.zeros(len(place), np.bool_)
    scatter = np.maximum(sums[:, _LOG_SQUARES] / n - 2.0 * middle * mean + middle**2, 0.0)
    variance = np.maximum(_medians(row, scatter, weights, bills.shape[0])[row], _SCATTER)
    most = math.log(FACTOR) + SDS * np.sqrt(variance / np.maximum(n, 1.0))
    above = level - _medians(row, level, weights, bills.shape[0])[row]
    many = np.bincount(row, minlength=bills.shape[0])[row] >= FEWEST
    wild: Bools = many & (np.maximum(np.abs(mean - middle), above) > most)
    return wild[place]


def _medians(row: Ints, values: Floats, weights: Floats, rows: int) -> Floats:
    """Of every row `(rows,)`, the value that half of its weight is at or below."""
    order = np.lexsort((values, row))
    reached = np.cumsum(weights[order])
    total = np.bincount(row, weights, rows)
    half = np.cumsum(total) - 0.5 * total
    found: Floats = values[order][np.minimum(np.searchsorted(reached, half), len(order) - 1)]
    return found


def _without(stats: SufficientStats, less: Floats) -> tuple[SufficientStats, Floats]:
    """The sums without what adds up to `less` `(k, c, 4)`: Σw, Σwy, Σwy² and Σw·raw; and the share that is
    left. The cells are exact; what features explain within them is weighed by the mean share (`believed`)."""
    c = less.shape[1]
    places = np.arange(1, 1 + c)
    number, total = stats.xx[:, places, places], stats.xy[:, places]
    touched = less[:, :, _N] > EMPTY
    left = np.where(touched, np.maximum(number - less[:, :, _N], 0.0), number)
    some = left > 1e-6 * (1.0 + number)
    share = np.where(touched, np.where(some, left / np.maximum(number, EMPTY), 0.0), 1.0)
    mean = (total - less[:, :, _Y]) / np.maximum(left, EMPTY)
    shift = np.where(touched & some, mean - total / np.maximum(number, EMPTY), 0.0)
    kept = believed(stats, share, shift, logarithmic=True)
    for place, taken in ((0, _SQUARES), (1, _RAW), (2, _N)):
        exact = np.maximum(stats.cells[:, :, place] - less[:, :, taken], 0.0)
        kept.cells[:, :, place] = np.where(touched, np.where(some, exact, 0.0), stats.cells[:, :, place])
    return kept, share
