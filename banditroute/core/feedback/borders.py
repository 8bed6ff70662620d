"""The compiled loop of `scan`: what lies before and after every border between blocks, row by row.

A state is watched at every fold, so this must cost next to nothing: sums before a border grow block by block
from the front, those after it from the back, and whatever is asked of a border is added up class by class.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.core.compiled import compiled
from banditroute.core.kernels import _F1, _F3, _F4

_WEIGHT = 8.0  # what the noise of all models counts for in that of one, in outcomes
_DAY = 86_400.0
_NONE = 1e-9
_PARTS = 7  # outcomes, what they say, that with the brake and its square; by block s²/n, n², whether any
_ASKED = 15
(
    _INFORMATION, _SHIFT, _PLAIN, _OUTCOMES, _DOUBT_BEFORE, _DOUBT_AFTER, _WITHIN_BEFORE, _WITHIN_AFTER,
    _FREE_BEFORE, _FREE_AFTER, _WITHIN, _FREE, _BETWEEN, _STEPS, _SIZE,
) = range(_ASKED)  # fmt: skip


@compiled("float64(float64, float64)", nogil=True)
def _ratio(a, b):  # type: ignore[no-untyped-def]
    """`a / b`, 0 where b is not above 0."""
    return a / b if b > 1e-12 else 0.0


@compiled(f"void({_F4}, int64, int64, {_F3})", nogil=True)
def _cumulated(sums, a, g, sides):  # type: ignore[no-untyped-def]
    """The parts of one cell, before `sides[0, i]` and after `sides[1, i]` the border that follows block i."""
    b = sums.shape[0]
    for side in range(2):
        for i in range(b - 1):
            own = i if side == 0 else b - 1 - i
            at = i if side == 0 else b - 2 - i
            n, s = sums[own, a, g, 0], sums[own, a, g, 2]
            for part in range(_PARTS):
                sides[side, at, part] = sides[side, at - 1 + 2 * side, part] if i > 0 else 0.0
            for part in range(4):
                sides[side, at, part] += sums[own, a, g, part]
            sides[side, at, 4] += _ratio(s * s, n)
            sides[side, at, 5] += n * n
            sides[side, at, 6] += 1.0 if n > _NONE else 0.0


@compiled(f"void({_F3}, {_F3}, int64)", nogil=True)
def _asked(sides, asked, a):  # type: ignore[no-untyped-def]
    """Adds what one cell says of each border to what its row `a` does. What blocks scatter leaves out the
    blocks beside the border: a change may lie within one of them."""
    borders = asked.shape[1]
    for i in range(borders):
        own = asked[a, i]
        early, late = sides[0, i], sides[1, i]
        h = _ratio(early[0] * late[0], early[0] + late[0])
        own[_INFORMATION] += h
        own[_SHIFT] += h * (_ratio(late[2], late[0]) - _ratio(early[2], early[0]))
        own[_PLAIN] += h * (_ratio(late[1], late[0]) - _ratio(early[1], early[0]))
        own[_OUTCOMES] += min(early[0], late[0])
        for side in range(2):
            here = sides[side, i]
            within = max(here[3] - _ratio(here[2] * here[2], here[0]), 0.0)
            free = max(here[0] - 1.0, 0.0)
            own[_DOUBT_BEFORE + side] += _ratio(h * h, here[0])
            own[_WITHIN_BEFORE + side] += within
            own[_FREE_BEFORE + side] += free
            own[_WITHIN] += within
            own[_FREE] += free
            next_to = i - 1 + 2 * side
            if 0 <= next_to < borders:
                there = sides[side, next_to]
                own[_BETWEEN] += max(there[4] - _ratio(there[2] * there[2], there[0]), 0.0)
                own[_STEPS] += max(there[6] - 1.0, 0.0)
                own[_SIZE] += max(there[0] - _ratio(there[5], there[0]), 0.0)


@compiled(f"float64(float64, float64, float64, {_F1})", nogil=True)
def _log_bayes_factor(z2, information, df, spreads):  # type: ignore[no-untyped-def]
    """Logarithm of the evidence for a shift against none, averaged over spreads. `z2` is the square of the
    shift in its own standard errors, `information` what its precision is worth in outcomes."""
    largest, total = -np.inf, 0.0
    for spread in spreads:
        gain = spread * spread * information
        explained = gain / (1.0 + gain) * z2 / (df + z2)
        log = -0.5 * math.log1p(gain) - 0.5 * (df + 1.0) * math.log1p(-explained)
        if log > largest:
            total, largest = total * math.exp(largest - log) + 1.0, log
        else:
            total += math.exp(log - largest)
    return largest + math.log(total / len(spreads))


@compiled(f"void({_F4}, {_F1}, float64, float64, float64, {_F1}, {_F3})", nogil=True)
def compare(sums, starts, at, noise, scatter, spreads, out):  # type: ignore[no-untyped-def]
    """Before against after at every border, of sums `(b, r, c, 4)`, into `out` `(8, b − 1, r + 1)`: what
    `scan.Scan` lists, in its order, of every row and last of what they all have in common. `noise` is the
    variance of one outcome beforehand, `scatter` the sd by which means scatter anyway."""
    b, rows, classes = sums.shape[:3]
    asked, sides = np.zeros((rows, b - 1, _ASKED)), np.empty((2, b - 1, _PARTS))
    first = np.zeros(rows, np.int64)
    for a in range(rows):
        first[a] = b
        for g in range(classes):
            seen = 0
            while seen < b and not sums[seen, a, g, 0] > _NONE:
                seen += 1
            first[a] = min(first[a], seen)
            if seen < b:
                _cumulated(sums, a, g, sides)
                _asked(sides, asked, a)
        first[a] = 0 if first[a] == b else first[a]
    for i in range(b - 1):
        squares, free, inside, steps = 0.0, 0.0, 0.0, 0.0
        for a in range(rows):
            own = asked[a, i]
            squares, free = squares + own[_WITHIN], free + own[_FREE]
            inside += max(own[_WITHIN] - own[_BETWEEN], 0.0)
            steps += max(own[_FREE] - own[_STEPS], 0.0)
        pooled, pooled_inside = (3.0 * noise + squares) / (3.0 + free), (3.0 * noise + inside) / (3.0 + steps)
        out[:, i, rows] = 0.0
        shared = out[:, i, rows]
        for a in range(rows):
            own = asked[a, i]
            known = own[_INFORMATION]
            level = (_WEIGHT * pooled + own[_WITHIN]) / (_WEIGHT + own[_FREE])
            spread = 0.0
            for side in range(2):  # the noisier side speaks for itself: a few outliers are no shift
                free = own[_FREE_BEFORE + side]
                loud = (3.0 * level + own[_WITHIN_BEFORE + side]) / (3.0 + free)
                spread += max(level, loud) * own[_DOUBT_BEFORE + side]
            left, freedom = max(own[_WITHIN] - own[_BETWEEN], 0.0), max(own[_FREE] - own[_STEPS], 0.0)
            calm = (_WEIGHT * pooled_inside + left) / (_WEIGHT + freedom)
            steps = own[_STEPS]
            excess = _ratio(own[_BETWEEN] - calm * (steps + 2.0 * math.sqrt(2.0 * steps)), own[_SIZE])
            days = 1.0 / max((starts[i + 1] - starts[first[a]]) / _DAY, 1.0)
            days += 1.0 / max((at - starts[i + 1]) / _DAY, 1.0)
            precision = 0.0
            if known > 0.0:
                doubt = _ratio(spread, known * known) + max(excess, scatter * scatter) * days
                precision = _ratio(1.0, doubt)
            out[2, i, a], out[3, i, a] = _ratio(own[_SHIFT], known), _ratio(own[_PLAIN], known)
            out[4, i, a], out[5, i, a], out[6, i, a] = precision, own[_FREE] + _WEIGHT, level
            out[7, i, a] = own[_OUTCOMES]
            for kind in (2, 3, 6):
                shared[kind] += precision * out[kind, i, a]
            for kind in (4, 5, 7):
                shared[kind] += out[kind, i, a]
        for kind in (2, 3, 6):
            shared[kind] = _ratio(shared[kind], shared[4])
        for a in range(rows + 1):
            shift, precision = out[2, i, a], out[4, i, a]
            full = _log_bayes_factor(
                shift * shift * precision, out[6, i, a] * precision, out[5, i, a], spreads
            )
            out[0, i, a], out[1, i, a] = min(full, out[7, i, a]), full
