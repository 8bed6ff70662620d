"""The compiled loops of choosing: exact probabilities of being best, what is drawn from, and the draw."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from banditroute.core.base import Floats
from banditroute.core.compiled import compiled
from banditroute.core.kernels import _B2, _F1, _F2, _I1

_SIGHT = 6.5  # beyond 6.5 sd a normal tail holds 4e-11: nothing left that 1e-8 could notice
_HOPELESS = 6.5  # a model this many sds of their difference behind the best wins with 4e-11 at most

# Gauss–Legendre with 9 nodes in panels between these breaks (in sds around each model's mean):
# largest error 1e-9 over 2 to 64 models and sd ratios 1 to 1,000,000 (tests/core/test_propensity.py).
_BREAKS = np.array([-6.0, -4.4, -2.8, -1.4, 0.0, 1.4, 2.8, 4.4, 6.0])
_MERGE = 0.3  # breaks nearer than this many (smallest) sds are one
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(9)

_PIECES = 96  # cubics per sd; at that width they are within 5e-11 of what they stand for


def _cubics() -> Floats:
    """Φ and φ as cubic pieces (Hermite: value and slope at both ends), eight coefficients a row: three
    times as fast as `erfc` and `exp`, which were two thirds of the quadrature."""
    t = np.arange(-_SIGHT, _SIGHT + 2.0 / _PIECES, 1.0 / _PIECES)
    density = np.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi)
    rows = []
    for value, slope in ((ndtr(t), density / _PIECES), (density, -t * density / _PIECES)):
        rise = value[1:] - value[:-1]
        rows += [value[:-1], slope[:-1], 3.0 * rise - 2.0 * slope[:-1] - slope[1:]]
        rows += [slope[:-1] + slope[1:] - 2.0 * rise]
    return np.stack(rows, axis=1)


_CUBICS = _cubics()


@compiled("float64(uint64)")
def uniform(seed):  # type: ignore[no-untyped-def]
    """The number in [0, 1) that a 64-bit seed stands for: one step of SplitMix64, top 53 bits.

    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA.
    """
    z = seed + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled(f"int64({_F1}, float64)")
def draw(pmf, u):  # type: ignore[no-untyped-def]
    """The index whose cumulative probability first exceeds `u`; never one of probability 0."""
    total = 0.0
    last = 0
    for i in range(pmf.shape[0]):
        if pmf[i] > 0.0:
            total += pmf[i]
            last = i
            if u < total:
                return i
    return last


@compiled(f"void({_F2}, uint64[::1], {_F1}, {_I1})")
def draw_rows(pmf, seeds, given, out):  # type: ignore[no-untyped-def]
    """Draws for every row, with the number `given`, or that of the seed where it is NaN."""
    for r in range(pmf.shape[0]):
        out[r] = draw(pmf[r], uniform(seeds[r]) if math.isnan(given[r]) else given[r])


@compiled(f"void({_F1}, {_F1}, {_F1})")
def _best_of(mean, sd, out):  # type: ignore[no-untyped-def]
    """P(utility of i is the largest) for independent normals; `sd` all positive."""
    k = mean.shape[0]
    low = high = -np.inf
    narrow = np.inf
    for i in range(k):
        low = max(low, mean[i] - _SIGHT * sd[i])
        high = max(high, mean[i] + _SIGHT * sd[i])
        narrow = min(narrow, sd[i])
        out[i] = 0.0
    breaks = np.empty(_BREAKS.shape[0] * k + 2)
    breaks[0] = low
    breaks[1] = high
    count = 2
    for i in range(k):
        for step in _BREAKS:
            z = mean[i] + step * sd[i]
            if low < z < high:
                breaks[count] = z
                count += 1
    breaks[:count].sort()
    hazard = np.empty(k)
    left = low
    for j in range(1, count):
        right = breaks[j]
        if right - left < _MERGE * narrow and j < count - 1:
            continue
        half, middle = 0.5 * (right - left), 0.5 * (left + right)
        left = right
        for q in range(_NODES.shape[0]):
            z = middle + half * _NODES[q]
            every = half * _NODE_WEIGHTS[q]
            for i in range(k):
                t = (z - mean[i]) / sd[i]
                if t > _SIGHT:
                    hazard[i] = 0.0
                else:
                    place = (t + _SIGHT) * _PIECES
                    piece = int(place)
                    u = place - piece
                    c = _CUBICS[piece]
                    below = max(c[0] + u * (c[1] + u * (c[2] + u * c[3])), 1e-12)
                    density = c[4] + u * (c[5] + u * (c[6] + u * c[7]))
                    every *= below
                    hazard[i] = density / (sd[i] * below)
            for i in range(k):
                out[i] += every * hazard[i]


@compiled(f"void({_F2}, {_F2}, {_B2}, {_F2})", nogil=True)
def best_probabilities(mean, sd, eligible, out):  # type: ignore[no-untyped-def]
    """Row by row, the probability that each eligible model's utility is the largest (design, law 2)."""
    n, k = mean.shape
    index = np.empty(k, np.int64)
    m, s, p = np.empty(k), np.empty(k), np.empty(k)
    for r in range(n):
        count = 0
        widest = 0.0
        best = -np.inf
        for i in range(k):
            out[r, i] = 0.0
            if eligible[r, i]:
                index[count] = i
                m[count], s[count] = mean[r, i], sd[r, i]
                widest = max(widest, s[count])
                best = max(best, m[count])
                count += 1
        if widest <= 0.0:  # nothing uncertain: the best, ties shared
            ties = 0
            for i in range(count):
                ties += m[i] == best
            for i in range(count):
                if m[i] == best:
                    out[r, index[i]] = 1.0 / ties
            continue
        leader = 0
        for i in range(count):
            s[i] = max(s[i], widest / 1e6)
            if m[i] == best:
                leader = i
        best_sd = s[leader]
        rivals = 0
        for i in range(count):
            if best - m[i] <= _HOPELESS * math.hypot(s[i], best_sd):
                index[rivals], m[rivals], s[rivals] = index[i], m[i], s[i]
                rivals += 1
        count = rivals
        _best_of(m[:count], s[:count], p[:count])
        total = 0.0
        for i in range(count):
            total += p[i]
        for i in range(count):
            out[r, index[i]] = p[i] / total


@compiled(f"void({_F2}, {_B2}, float64, float64)")
def finish(pmf, eligible, negligible, floor):  # type: ignore[no-untyped-def]
    """Makes a pmf ready to draw from, in place: zero what is negligible, renormalise, mix the floor."""
    n, k = pmf.shape
    for r in range(n):
        total = 0.0
        count = 0
        for i in range(k):
            if pmf[r, i] < negligible:
                pmf[r, i] = 0.0
            total += pmf[r, i]
            count += eligible[r, i]
        for i in range(k):
            pmf[r, i] /= total
            if floor > 0.0:
                pmf[r, i] = (1.0 - floor) * pmf[r, i] + (floor / count if eligible[r, i] else 0.0)


@compiled("float64(uint64, int64)")
def _nth(seed, n):  # type: ignore[no-untyped-def]
    """The n-th number of the stream that a seed begins; the 0-th is `uniform(seed)`."""
    return uniform(seed + np.uint64(n) * np.uint64(0x9E3779B97F4A7C15))


@compiled(f"int64({_F1}, {_F1}, boolean[::1], uint64, float64)")
def draw_best(mean, sd, eligible, seed, floor):  # type: ignore[no-untyped-def]
    """The eligible model with the largest of one normal draw each; with probability `floor`, any.

    The law of `best_probabilities` and `finish`, but for what is negligible, for when nobody asks for
    the propensity. A model's draw depends on the seed and its place alone. Normals by Box and Muller
    1958, "A note on the generation of random normal deviates".
    """
    k = mean.shape[0]
    anyone = uniform(seed) < floor
    top, chosen = -np.inf, -1
    spare = 0.0
    for i in range(k):
        normal = spare
        if i % 2 == 0:
            radius = math.sqrt(-2.0 * math.log(1.0 - _nth(seed, i + 1)))
            angle = 2.0 * math.pi * _nth(seed, i + 2)
            normal, spare = radius * math.cos(angle), radius * math.sin(angle)
        if not eligible[i]:
            continue
        value = 0.0 if anyone else mean[i] + sd[i] * normal
        tied = value == top and _nth(seed, k + 2 + i) > _nth(seed, k + 2 + chosen)
        if value > top or tied:
            top, chosen = value, i
    return chosen
