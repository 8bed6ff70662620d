"""What could be earned at a mean spend by one who knows the truth: what pacing is measured against."""

from __future__ import annotations

import numpy as np

from banditroute.offline.worlds.course import Course
from banditroute.upstream.simulated import Truth

_STEPS = 600
"""Prices that are tried, each 2% above the last."""


def affordable(course: Course, truth: Truth, usd: float) -> float:
    """The most that choices by class and moment may earn on average where they cost `usd` on average.

    To choose shares of models for every class and moment is a linear programme; its value is the least of
    `mean max_a (worth − price·cost) + price·usd` over prices of a USD (its dual), found here to within some
    1e-5. By the truth of each class, so that learners, who see more of a request, may earn a little more.
    """
    cost = truth.usd[:, course.log.class_index].T * course.timeline.usd
    prices = np.concatenate([[0.0], 0.01 * 1.02 ** np.arange(_STEPS)])
    return min(float((course.expected - price * cost).max(axis=1).mean() + price * usd) for price in prices)
