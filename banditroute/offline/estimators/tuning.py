"""Thresholds and shrinkage chosen by the data.

The one with the least estimated mean squared error: variance plus squared bias (Wang, Agarwal and Dudík 2017,
"Optimal and adaptive off-policy evaluation in contextual bandits", section 3.2, for SWITCH; Su, Dimakopoulou,
Krishnamurthy and Dudík 2020, "Doubly robust off-policy evaluation with shrinkage", for DRos). The bias comes
from the weight that is taken away, `E[(w − ŵ)(r − q̂)]`; its square is estimated directly, less what noise
alone adds to it. Upper bounds of the bias, the papers' other proposal, exceed the error of DR unless
the logged pmf is known, and so would always choose DR.

A chosen parameter makes the value better, and the error look smaller than it is: the bias that the data
cannot show is as large as the noise that was taken away. So the answer bears the standard error of DR. All
of it is computed from sums by half-octave of the weight.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from banditroute.core import offpolicy
from banditroute.core.base import Bools
from banditroute.core.inference import Floats
from banditroute.core.offpolicy import HALF_OCTAVES, PLAIN, SWITCHED
from banditroute.offline.estimators.forms import FORMS, Form
from banditroute.offline.estimators.terms import Terms


def settled(form: Form, terms: Terms) -> Form:
    """The form with its parameter; unchanged where it has one."""
    if form.limit is not None:
        return form
    rows = terms.rows
    bins = np.zeros((HALF_OCTAVES, 5))
    offpolicy.spread_of_weights(rows.weight, rows.expected, rows.residual, bins)
    used = bins[:, 0] > 0.0
    candidates, kept = _switches(used) if form.kind == SWITCHED else _shrinkages(bins, used)
    limit = float(candidates[np.argmin(_risks(kept, bins, terms))])
    return replace(form, limit=limit, kind=PLAIN if limit == math.inf else form.kind, tuned=True)


def _switches(used: Bools) -> tuple[Floats, Floats]:
    """Thresholds at the upper ends of bins, the last of them none; what each keeps of every bin."""
    upper = np.flatnonzero(used)
    candidates = 2.0 ** ((upper + 1 - HALF_OCTAVES // 2) / 2.0)
    candidates[-1] = math.inf
    return candidates, (np.arange(HALF_OCTAVES) <= upper[:, None]).astype(np.float64)


def _shrinkages(bins: Floats, used: Bools) -> tuple[Floats, Floats]:
    """Shrinkages from below the smallest squared weight to far above the largest, and none; their `kept`."""
    square = np.divide(bins[:, 1], bins[:, 0], out=np.ones(len(bins)), where=used)
    low, high = 1e-2 * square[used].min(), 1e3 * square[used].max()
    candidates = np.append(np.geomspace(low, high, 40), math.inf)
    return candidates, 1.0 / (1.0 + square / candidates[:, None])


def _risks(kept: Floats, bins: Floats, terms: Terms) -> Floats:
    """Estimated mean squared error of each candidate `(m,)`."""
    n = len(terms.rows)
    mean, cov = terms.moments(FORMS["dr"])
    _, _, pulled, squares, crossed = bins.T / n
    lost = 1.0 - kept
    shift = kept @ pulled
    variance = cov[0, 0] + kept**2 @ squares - shift**2 + 2.0 * (kept @ crossed - mean[0] * shift)
    seen = lost @ pulled
    noise = np.maximum(lost**2 @ squares - seen**2, 0.0) / n
    risks: Floats = np.maximum(variance, 0.0) / n + np.maximum(seen**2 - noise, 0.0)
    return risks
