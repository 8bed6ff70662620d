"""What must be said where a few large bills, or waits, decide what an evaluation can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from banditroute.offline.estimators.tails import WORTH_SAYING
from banditroute.offline.evaluation.findings import AS_LOGGED, Evaluated
from banditroute.offline.evaluation.scoring import Evidence
from banditroute.offline.logs.files import counted, some
from banditroute.types import Weights

NEARLY_ALL = 0.99
"""The part of the rows that the largest outcomes are held against."""

FAR = 2.0
"""How many times as wide as those need it the range of the reward must be, before that is said."""


def large_outcomes(evidence: Evidence, weights: Weights) -> Iterator[str]:
    """What the largest bill, or wait, does to intervals that rest on the range of the reward."""
    log = evidence.log
    priced = [
        (weight, values[evidence.rows], name, option)
        for weight, values, name, option in (
            (weights.usd, log.usd, "USD", "usd"),
            (weights.second, log.seconds, "seconds", "second"),
        )
        if weight
    ]
    width = evidence.bounds[1] - evidence.bounds[0]
    for weight, values, name, option in priced:
        at, usual = int(values.argmax()), float(np.quantile(values, NEARLY_ALL))
        without = width - weight * (float(values[at]) - usual)
        if not width > FAR * without:
            continue
        count = int((values > usual).sum())
        beyond = f"{'lies' if count == 1 else 'lie'} {counted(count, 'row')}"
        apart = f"{width / without:,.0f} times" if without > 0.0 else "many times"
        yield (
            f"The largest {name}, {float(values[at]):.4g} in request {log.request_ids[evidence.rows[at]]}, "
            f"makes that range {apart} as wide as up to {usual:.4g} {name}, above which {beyond}, and what "
            f"rests on it with it. --weights {option}=0 leaves {name} out; a log without such rows, or with "
            f"their {name} capped, gives narrower intervals of another worth: that without them, or with the "
            "cap."
        )


def carried(results: Sequence[Evaluated]) -> Iterator[str]:
    """Whose intervals hold less often than they say, as a few large bills, or waits, make up much of their
    variance."""
    much = [
        f"{one.policy} ({one.leading.tail:.0%})"
        for one in results
        if one.leading is not None
        and one.leading.interval in ("normal", "bootstrap")
        and one.refused is None
        and one.leading.tail > WORTH_SAYING
    ]
    if much:
        yield (
            "A few rewards far beyond all others (large bills, say) make up much of the variance of "
            f"{some(much)}. Most such logs lack the next such bill, so the interval may miss several times "
            "as often as its level says; more rows help, or USD capped in the log."
        )


def withheld(results: Sequence[Evaluated]) -> Iterator[str]:
    """Where a normal interval would not hold: that of the log's own mean, and those of differences to it."""
    log = results[0].leading
    asked = {one.leading.interval for one in results[1:] if one.leading is not None}
    if log is not None and log.interval == "sequence" and asked and "sequence" not in asked:
        yield (
            f"The interval of what was {AS_LOGGED} is a confidence sequence: its rows are too few, or a few "
            "of their rewards too far from the others, for a normal one."
        )
    open_ended = [
        one.policy
        for one in results
        if one.leading is not None
        and one.leading.interval == "normal"
        and one.refused is None
        and one.difference is not None
        and math.isnan(one.difference.low)
    ]
    if open_ended:
        yield (
            f"The difference to what was {AS_LOGGED} has no interval for {some(open_ended)}: a few rewards "
            "far beyond all others (large bills, say) carry it. It takes more rows, or a reward without them."
        )
