"""Whether as many values are known of a treatment as of its control.

Assignment makes the units of two variants alike, not those of their requests that somebody scored. Where
one variant's answers are scored more often than the other's, those scored may be others in each, and no mean
of them tells the variants apart. Whether a value is known is itself a metric of every request: a share,
compared like the rate of errors, by a sequence that holds at every look.
"""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Bools
from banditroute.reports.ab.effects import Measured, metric_effects
from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.findings import Answered, MetricEffect
from banditroute.reports.ab.metrics import BOUNDED_FROM, Metric
from banditroute.reports.ab.scores import Past, terms_of

UNLIKE_ERROR = 0.01
"""Of the test: one of a hundred experiments whose values go missing alike is ever said to differ."""

UNLIKE_FROM = 0.02
"""A difference of the shares that is left alone, however sure."""

_KNOWN = Metric("known", "known values", "points", 1, True, BOUNDED_FROM)


def answered(exposures: Exposures, name: str, past: Past) -> list[Answered]:
    """Of every treatment, how often a metric's value is known of it and of the control. Exposures are
    `settled`, `past` is theirs. For `powered` it is the judge's score that is to be known: people's are a
    random sample of those, of any size in either variant."""
    values = exposures.judged if name == "powered" else exposures.metrics[name]
    assert values is not None
    known: Bools = ~np.isnan(values)
    shares = [
        float(known[exposures.variant == place].mean()) if (exposures.variant == place).any() else 0.0
        for place in range(len(exposures.variants))
    ]
    if known.all():
        return [Answered(control=shares[0], treatment=share, unlike=False) for share in shares[1:]]
    indicator = known.astype(np.float64)
    data = Measured(_KNOWN, exposures, indicator, None, terms_of(exposures, indicator, past, 1.0), None)
    tests = metric_effects(data, alpha=UNLIKE_ERROR / len(shares[1:]), drawn=False)
    return [
        Answered(control=shares[0], treatment=share, unlike=_unlike(test))
        for share, test in zip(shares[1:], tests, strict=True)
    ]


def _unlike(test: MetricEffect) -> bool:
    """Whether the shares differ for sure, and by enough to matter."""
    found = test.difference
    if found is None or found.low is None or found.high is None:
        return False
    return (found.low > 0.0 or found.high < 0.0) and abs(found.mean) > UNLIKE_FROM
