"""What the outcomes of one request have in common, over the models that answered it.

Some prompts are hard, or long, for every model. In a log where several models answered the same requests
that part of the noise is in all their means alike, and cancels where models are compared: such a log is a
blocked design (Fisher 1935, The Design of Experiments), and compares models better than as many outcomes
of different requests would.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Floats, Ints

_MOST = 0.95  # of a model's noise can be common: where others have more noise than it, it would be all
_DOUBT = 8.0  # requests that shrink a covariance towards none, as the fit's noise has 8 degrees of freedom


def common_noise(rows: Ints, models: Ints, cells: Ints, values: Floats, k: int) -> Floats:
    """The share of each model's noise variance `(k,)`, in [0, 0.95], that cancels against the other models.

    `rows`, `models`, `cells` (classes) and `values` `(m,)` are one outcome each. Noise is what an outcome
    differs by from the mean of its model and class. The covariance of two models' means is that of their
    outcomes of the same requests, times the share of requests that both answered; of a model's share it is
    the average over the other models. Negative ones count as none.
    """
    none = np.zeros(k)
    requests, place = np.unique(rows, return_inverse=True)
    if len(requests) == len(rows) or k < 2:
        return none
    at = models * (int(cells.max()) + 1) + cells
    counts = np.bincount(at)
    means = np.bincount(at, values) / np.maximum(counts, 1)
    noise, told = np.zeros((len(requests), k)), np.zeros((len(requests), k))
    noise[place, models] = values - means[at]
    told[place, models] = 1.0
    both = told.T @ told
    numbers = np.diagonal(both)
    spent = np.bincount(models[np.unique(at, return_index=True)[1]], minlength=k)  # a mean of each cell
    left = np.sqrt(np.maximum(numbers - spent, 1.0) / np.maximum(numbers, 1.0))
    products = noise.T @ noise / np.maximum(np.maximum.outer(numbers, numbers), 1.0)
    products /= np.multiply.outer(left, left)
    variance = np.diagonal(products).copy()
    shared = products * both / (both + _DOUBT)
    np.fill_diagonal(shared, 0.0)
    others = np.maximum((numbers > 0.0).sum() - 1, 1)
    found: Floats = np.divide(shared.sum(axis=1) / others, variance, out=none, where=variance > 0.0)
    return np.minimum(np.maximum(found, 0.0), _MOST)
