"""Who is believed: how far each speaker is from all others, and what weight that leaves.

With speaker s, cell q (model and class), n outcomes with mean ȳ and the consensus θ of all others in that
cell, `r = ȳ_sq − θ_q` has variance `σ²_q (1/n + 1/n_others)`. Pooled over cells,

- the mean of r is the speaker's offset: a stricter or a milder rater. It is shrunk to what offsets there are
  (empirical Bayes with limited translation: Efron and Morris 1972) and removed, not held against anybody;
- what is left of r by model, as a quadratic form, says that somebody sees the models otherwise than all
  others do; an offset far beyond what strictness explains says that something is wrong too. Both together are
  the disagreement, in sds.

The weight is Hampel's (1974) function of it: full up to `PATIENT` sds, falling like Huber's beyond, nothing
at `WILD`: quarantine. Weights and consensus depend on each other and are iterated a fixed number of times: at
first relative to the median speaker and without offsets, so that the many are not silenced for what a few
have made of the mean, then in sds of the noise that this has left (an MM-estimate: Yohai 1987), so that lies
do not hide behind the scatter they make. What nobody in particular said is believed and judges nobody.

Everything is one compiled loop over what every speaker said of every cell: it is made at every refit.
"""

from __future__ import annotations

import math

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Floats
from banditroute.core.compiled import compiled
from banditroute.core.feedback.voices import EMPTY, FEWEST, Voices, capped
from banditroute.core.kernels import _F1, _F2, _I1

PATIENT, DOUBTFUL, WILD = 2.5, 3.5, 5.0
"""Disagreement, in sds: up to the first a speaker is believed wholly, at the last not at all."""

STRICT = 0.08
"""Sd of offsets that strictness explains, in quality."""

TASTE = 0.03
"""Sd by which honest speakers differ about one model, in quality."""

FLUKE = 0.2
"""How far one outcome among a speaker's may be off without a meaning, in quality."""

_SWEEPS, _RELATIVE = 12, 8  # in all, and of them relative to the median speaker
_SPARED = 1.5  # sds, and as many times the median: up to there a speaker keeps full weight meanwhile
_OFFSETS, _NOISE = 0.03**2, 0.05  # variances expected beforehand, of offsets and of single outcomes
_N, _Y, _SQUARES, _HEARD = range(4)


def credibility(voices: Voices, trust: TrustSettings) -> tuple[Floats, Floats, Floats]:
    """Weight, offset and disagreement in sds of every speaker, `(s,)` each: 1, 0 and 0 for nobody, and for
    everybody where there are fewer than three."""
    weight, offset, apart = np.ones(voices.speakers), np.zeros(voices.speakers), np.zeros(voices.speakers)
    if voices.named.sum() < FEWEST:
        return weight, offset, apart
    heard = capped(voices, voices.n, trust.max_share) * voices.named[voices.s]
    said = np.stack([voices.n, voices.y, voices.squares, heard], axis=1)
    _believe(
        said, voices.s, voices.q, voices.row, voices.row_speaker, voices.by_speaker(heard),
        voices.named.astype(np.float64), np.empty((voices.cells, 3)), trust.quarantine, weight, offset, apart,
    )  # fmt: skip
    known = voices.named
    return np.where(known, weight, 1.0), np.where(known, offset, 0.0), np.where(known, apart, 0.0)


@compiled(f"void({_F2}, {_I1}, {_I1}, {_F1}, {_F1}, {_F2})", nogil=True)
def _consensus(said, s, q, weight, offset, cells):  # type: ignore[no-untyped-def]
    """What counts in every cell, and what it adds up to, into `cells`."""
    cells[:, :2] = 0.0
    for i in range(said.shape[0]):
        counts = weight[s[i]] * said[i, _HEARD]
        cells[q[i], 0] += counts
        cells[q[i], 1] += counts * (said[i, _Y] - offset[s[i]])


@compiled(f"void({_F2}, {_I1}, {_I1}, {_F1}, {_F1}, {_F2})", nogil=True)
def _noise(said, s, q, named, weight, cells):  # type: ignore[no-untyped-def]
    """Variance of one outcome in each cell, by those who are believed, shrunk to the pool, into `cells`."""
    found = np.zeros((cells.shape[0], 2))
    for i in range(said.shape[0]):
        believed = weight[s[i]] * named[s[i]]
        if believed > 0.0:
            n, expected = said[i, _N], cells[q[i], 1] / max(cells[q[i], 0], EMPTY)
            squares = said[i, _SQUARES] + expected * n * (expected - 2.0 * said[i, _Y])
            found[q[i], 0] += believed * max(squares, 0.0)
            found[q[i], 1] += believed * n
    pooled = (3.0 * _NOISE + found[:, 0].sum()) / (3.0 + found[:, 1].sum())
    for cell in range(cells.shape[0]):
        cells[cell, 2] = (4.0 * pooled + found[cell, 0]) / (4.0 + found[cell, 1])


@compiled(f"float64({_F2}, {_I1}, {_I1}, {_I1}, {_F1}, {_F1}, {_F2}, {_F2}, {_F2})", nogil=True)
def _differences(said, s, q, row, weight, offset, cells, by_speaker, by_row):  # type: ignore[no-untyped-def]
    """Sums over each speaker's cells, and over those of each of his models, of the precision of how far he is
    from all others there, of that difference, and of outcomes; the noise of what is believed comes back."""
    by_speaker[:], by_row[:] = 0.0, 0.0
    noise, total = 0.0, 0.0
    for i in range(said.shape[0]):
        own, cell = s[i], q[i]
        n, y = said[i, _N], said[i, _Y]
        counts = weight[own] * said[i, _HEARD]
        noise += max(counts, EMPTY) * cells[cell, 2]
        total += max(counts, EMPTY)
        others = cells[cell, 0] - counts
        if others > 1e-6:  # somebody else spoke of that cell
            precision = n * others / (cells[cell, 2] * (n + others))
            r = precision * (y - (cells[cell, 1] - counts * (y - offset[own])) / others)
            by_speaker[own, 0] += precision
            by_speaker[own, 1] += r
            by_speaker[own, 2] += n
            by_row[row[i], 0] += precision
            by_row[row[i], 1] += r
            by_row[row[i], 2] += n
    return noise / total


@compiled(f"void({_F1}, {_F2}, {_F1}, {_F1})", nogil=True)
def _offsets(weight, by_speaker, named, found):  # type: ignore[no-untyped-def]
    """Offsets shrunk to the spread that those believed show, none by more than two sds of its error, into
    `found`."""
    excess, informed = 4.0 * _OFFSETS, 4.0
    for own in range(len(found)):
        error = 1.0 / max(by_speaker[own, 0], EMPTY)
        found[own] = by_speaker[own, 1] * error
        informs = weight[own] * named[own] * (_OFFSETS / (_OFFSETS + error)) ** 2
        excess += informs * (found[own] ** 2 - error)
        informed += informs
    spread = max(excess / informed, 0.0)
    for own in range(len(found)):
        error = 1.0 / max(by_speaker[own, 0], EMPTY)
        limit = 2.0 * math.sqrt(error)
        found[own] -= min(max(error / (spread + error) * found[own], -limit), limit)


@compiled(f"void({_F2}, {_F2}, {_I1}, float64, {_F1})", nogil=True)
def _apart(by_speaker, by_row, row_speaker, fluke, apart):  # type: ignore[no-untyped-def]
    """How many sds each speaker is away from the others, into `apart`: by his offset, and by the χ² of his
    models, in sds above its mean, at least 0 (Fisher 1928: √(2χ²) is nearly normal; it grows in proportion to
    what it is a square of)."""
    form = np.zeros((len(apart), 2))
    for i in range(len(row_speaker)):
        own, known = row_speaker[i], by_row[i, 0]
        if known > 0.0:
            mean = by_speaker[own, 1] / max(by_speaker[own, 0], EMPTY)
            left = (by_row[i, 1] - mean * known) / max(known, EMPTY)
            variance = 1.0 / max(known, EMPTY) + TASTE**2 + fluke / max(by_row[i, 2], EMPTY) ** 2
            form[own, 0] += left * left / variance
            form[own, 1] += 1.0
    for own in range(len(apart)):
        error = 1.0 / max(by_speaker[own, 0], EMPTY)
        mean = by_speaker[own, 1] * error
        strict = mean * mean / (error + STRICT**2 + fluke / max(by_speaker[own, 2], EMPTY) ** 2)
        sds, freedom = 0.0, form[own, 1] - 1.0
        if freedom > 0.0:
            sds = math.sqrt(2.0 * form[own, 0]) - math.sqrt(max(2.0 * freedom - 1.0, 1.0))
        apart[own] = math.sqrt(strict + max(sds, 0.0) ** 2)


@compiled(f"float64({_F1}, {_F1})", nogil=True)
def _median(values, weights):  # type: ignore[no-untyped-def]
    """The value that half of the weight is below."""
    half, low, high = 0.5 * weights.sum(), -np.inf, np.inf
    while True:
        left = 0
        for value in values:
            left += low < value < high
        if left == 0:
            return high
        left //= 2
        pivot, reached = 0.0, 0.0
        for value in values:  # the middle one of those that may still be it
            if low < value < high:
                if left == 0:
                    pivot = value
                    break
                left -= 1
        for i in range(len(values)):
            if values[i] <= pivot:
                reached += weights[i]
        if reached >= half:
            high = pivot
        else:
            low = pivot


@compiled(
    f"void({_F2}, {_I1}, {_I1}, {_I1}, {_I1}, {_F1}, {_F1}, {_F2}, boolean, {_F1}, {_F1}, {_F1})", nogil=True
)
def _believe(  # type: ignore[no-untyped-def]
    said, s, q, row, row_speaker, volume, named, cells, quarantine, weight, offset, apart
):
    """Weights, offsets and disagreements into the last three. `said` `(m, 4)` are by entry the number of
    outcomes, their mean and squares, and how many of them are heard; `cells` `(q, 3)` is room to work in."""
    by_speaker, by_row = np.empty((len(weight), 3)), np.empty((len(row_speaker), 3))
    found = np.empty(len(weight))
    for sweep in range(_SWEEPS):
        _consensus(said, s, q, weight, offset, cells)
        if sweep <= _RELATIVE:
            _noise(said, s, q, named, weight, cells)
        noise = _differences(said, s, q, row, weight, offset, cells, by_speaker, by_row)
        _apart(by_speaker, by_row, row_speaker, max(FLUKE**2, 1.5 * noise), apart)
        middle = max(1.0, _median(apart, volume))
        if sweep < _RELATIVE:
            for own in range(len(weight)):
                weight[own] = min(1.0, (_SPARED * middle / max(apart[own], EMPTY)) ** 2)
            continue
        _offsets(weight, by_speaker, named, found)
        offset[:] = found
        for own in range(len(weight)):  # Hampel's weight; without quarantine Huber's, which never gets to 0
            away = apart[own] / middle
            weight[own] = PATIENT / max(away, PATIENT)
            if quarantine:
                weight[own] *= min(max((WILD - away) / (WILD - DOUBTFUL), 0.0), 1.0)
