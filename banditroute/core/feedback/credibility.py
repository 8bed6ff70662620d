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
"""

from __future__ import annotations

import numpy as np

from banditroute.config.feedback import TrustSettings
from banditroute.core.base import Floats
from banditroute.core.feedback.voices import EMPTY, FEWEST, Voices, capped

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


def credibility(voices: Voices, trust: TrustSettings) -> tuple[Floats, Floats, Floats]:
    """Weight, offset and disagreement in sds of every speaker, `(s,)` each: 1, 0 and 0 for nobody, and for
    everybody where there are fewer than three."""
    plain = np.zeros(voices.speakers)
    if voices.named.sum() < FEWEST:
        return plain + 1.0, plain, plain
    heard = capped(voices, voices.n, trust.max_share) * voices.named[voices.s]
    volume = voices.by_speaker(heard)
    weight, offset, apart = plain + 1.0, plain, plain
    for sweep in range(_SWEEPS):
        if sweep <= _RELATIVE:
            noise = _noise(voices, heard, weight)
        found, apart = _disagreement(voices, heard, weight, offset, noise)
        middle = _median(apart, volume)
        if sweep < _RELATIVE:
            weight = np.minimum(1.0, (_SPARED * max(1.0, middle) / np.maximum(apart, EMPTY)) ** 2)
        else:
            offset = found
            weight = _trusted(apart / max(1.0, middle), quarantine=trust.quarantine)
    known = voices.named
    return np.where(known, weight, 1.0), np.where(known, offset, 0.0), np.where(known, apart, 0.0)


def _disagreement(
    voices: Voices, heard: Floats, weight: Floats, offset: Floats, noise: Floats
) -> tuple[Floats, Floats]:
    """Every speaker's offset from the others, and how many sds away from them he is. `noise` `(m,)` is the
    variance of one outcome in the cell of each entry."""
    counts, said = weight[voices.s] * heard, voices.y - offset[voices.s]
    number, total = voices.by_cell(counts), voices.by_cell(counts * said)
    others = np.maximum(number[voices.q] - counts, 0.0)
    met = others > 1e-6  # somebody else spoke of that cell
    against = (total[voices.q] - counts * said) / np.where(met, others, 1.0)
    r = np.where(met, voices.y - against, 0.0)
    n = np.where(met, voices.n, 0.0)
    precision = met / (noise * (1.0 / voices.n + 1.0 / np.where(met, others, 1.0)))

    error = 1.0 / np.maximum(voices.by_speaker(precision), EMPTY)
    mean = voices.by_speaker(precision * r) * error
    found = _offsets(mean, error, weight * voices.named)
    fluke = max(FLUKE**2, 1.5 * float(np.average(noise, weights=np.maximum(counts, EMPTY))))
    strict = mean**2 / (error + STRICT**2 + fluke / np.maximum(voices.by_speaker(n), EMPTY) ** 2)

    known = voices.by_row(precision)
    left = voices.by_row(precision * (r - mean[voices.s])) / np.maximum(known, EMPTY)
    variance = 1.0 / np.maximum(known, EMPTY) + TASTE**2 + fluke / np.maximum(voices.by_row(n), EMPTY) ** 2
    form = voices.over_rows((known > 0.0) * left**2 / variance)
    freedom = voices.over_rows((known > 0.0).astype(np.float64)) - 1.0
    return found, np.sqrt(strict + _sds(form, freedom) ** 2)


def _noise(voices: Voices, heard: Floats, weight: Floats) -> Floats:
    """Variance of one outcome in the cell of each entry, by those who are believed, shrunk to the pool."""
    weight = weight * voices.named
    counts = weight[voices.s] * heard
    expected = (voices.by_cell(counts * voices.y) / np.maximum(voices.by_cell(counts), EMPTY))[voices.q]
    squares = voices.squares - 2.0 * expected * voices.n * voices.y + expected**2 * voices.n
    scatter = voices.by_cell(weight[voices.s] * np.maximum(squares, 0.0))
    number = voices.by_cell(weight[voices.s] * voices.n)
    pooled = (3.0 * _NOISE + scatter.sum()) / (3.0 + number.sum())
    noise: Floats = ((4.0 * pooled + scatter) / (4.0 + number))[voices.q]
    return noise


def _offsets(mean: Floats, error: Floats, weight: Floats) -> Floats:
    """Offsets shrunk to the spread that those believed show, none by more than two sds of its error."""
    informs = weight * (_OFFSETS / (_OFFSETS + error)) ** 2
    spread = (4.0 * _OFFSETS + (informs * (mean**2 - error)).sum()) / (4.0 + informs.sum())
    part = error / (max(float(spread), 0.0) + error)
    limit = 2.0 * np.sqrt(error)
    shrunk: Floats = mean - np.clip(part * mean, -limit, limit)
    return shrunk


def _sds(form: Floats, freedom: Floats) -> Floats:
    """χ² in sds above its mean, at least 0 (Fisher 1928: √(2χ²) is nearly normal); it grows in proportion to
    what it is a square of."""
    sds: Floats = np.sqrt(2.0 * form) - np.sqrt(np.maximum(2.0 * freedom - 1.0, 1.0))
    return np.where(freedom > 0.0, np.maximum(sds, 0.0), 0.0)


def _trusted(apart: Floats, *, quarantine: bool) -> Floats:
    """Hampel's weight of a disagreement; without quarantine Huber's, which never gets to 0."""
    weight: Floats = PATIENT / np.maximum(apart, PATIENT)
    return weight * np.clip((WILD - apart) / (WILD - DOUBTFUL), 0.0, 1.0) if quarantine else weight


def _median(values: Floats, weights: Floats) -> float:
    """The value that half of the weight is below."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])
