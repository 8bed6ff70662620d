"""The quality that people would find, by a judge on all requests and people on some: prediction-powered.

With J the judge's score and Y a person's of a random sample, `f = b(J − J̄)` predicts, and

    μ_v = mean f + mean over labelled (Y − f)

within every variant: unbiased whatever the judge is worth, and as narrow as a judge makes it (Angelopoulos,
Bates, Fannjiang, Jordan and Zrnic 2023, "Prediction-powered inference"). b is the slope that earlier labels
tell, 0 where they tell none, so a judge worth nothing costs nothing. As a sum of ratios it is one more metric
to `sequence`: it holds at every look, and under units that come back.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Floats
from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.scores import Past, augmented, expectations, slope, weights
from banditroute.reports.ab.sequence import Terms


def powered_terms(exposures: Exposures, judged: Floats, people: Floats, past: Past) -> Terms:
    """The terms of the mean quality by both; `judged` and `people` `(n,)` are NaN where nobody scored.

    What people scored is a random sample of what the judge did within every variant; a request that the judge
    did not see counts for nothing.
    """
    seen = ~np.isnan(judged)
    labelled = seen & ~np.isnan(people)
    by, middle = slope(judged, people, labelled)
    predicted = np.where(seen, by * (np.where(seen, judged, 0.0) - middle), 0.0)
    judges = augmented(exposures, predicted, seen, expectations(exposures, predicted, seen, past), 1.0)
    weight = weights(exposures, labelled)
    left = np.where(labelled, np.where(labelled, people, 0.0) - predicted, 0.0)
    above = np.concatenate([judges.above, (weight * left[:, None])[:, :, None]], axis=2)
    below = np.concatenate([judges.below, weight[:, :, None]], axis=2)
    return Terms(exposures.unit, above, below, labelled, 1.0)
