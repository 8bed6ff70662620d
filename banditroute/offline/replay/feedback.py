"""Feedback as it really comes: for a share of the requests, late, in batches, and not from everyone alike.

Only quality depends on people; cost and waiting are metered and known at once. Who answers is decided
by a number of the request, not of the policy, so that every policy meets the same luck. Whatever is
learned from, rewards are scored on the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from banditroute.errors import LogError
from banditroute.offline.logs.reading import Floats, Ints, Log
from banditroute.offline.replay.spans import Span, parse_span

FEEDBACK_STREAM = 2
"""Beside 0 for the order and 1 for the decisions: the stream of each seed that says who answers."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A share `rate` of all answers is scored, and learned `delay` later, at the next multiple of `batch`.

    `odds` is the odds ratio of selection on the score: the odds that an answer of quality 1 is scored,
    over the odds for one of quality 0, log-linear between. 1 is missing at random.
    """

    rate: float = 1.0
    delay: Span = Span()
    batch: Span = Span()
    odds: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether every answer is scored at once."""
        return (
            self.rate == 1.0 and not self.delay.length and self.batch.length <= 1.0 and not self.batch.timed
        )

    def to_dict(self) -> dict[str, float | str]:
        """Plain data."""
        return {"rate": self.rate, "delay": str(self.delay), "batch": str(self.batch), "odds": self.odds}

    def sentence(self) -> str:
        """What learners are told, for the caption."""
        share = "every answer" if self.rate == 1.0 else f"{100.0 * self.rate:.3g}% of the answers"
        if self.odds != 1.0:
            share += f" (odds ratio {self.odds:g} between quality 1 and quality 0)"
        when = f"{self.delay} later" if self.delay.length else "at once"
        if self.batch.timed or self.batch.length > 1.0:
            when += f", in batches of {self.batch}"
        return f"Quality is learned for {share}, {when}; rewards are scored on the truth."


def parse_feedback(
    log: Log,
    rate: float = 1.0,
    delay: float | str = 0,
    batch: float | str = 0,
    odds: float = 1.0,
) -> Feedback:
    """Checks what was asked for against the log. Raises LogError for what cannot be.

    `delay` and `batch` are numbers of requests, or times as `"90s"`, `"15min"`, `"2h"`, `"1d"` where the
    log has times.
    """
    if not _between(rate, 0.0, 1.0):
        raise LogError(f"The feedback rate is {rate}; write a share from 0 to 1, such as 0.3.")
    if not (_between(odds, 0.0, 1e6) and odds > 0.0):
        raise LogError(f"The feedback odds ratio is {odds}; write a positive number, 1 for none.")
    late = parse_span(delay, "--feedback-delay", log)
    return Feedback(float(rate), late, parse_span(batch, "--feedback-batch", log), float(odds))


def arrivals(feedback: Feedback, log: Log, order: Ints, seed: int) -> NDArray[np.int32]:
    """The position at whose start the quality of each choice is learned, `(0|n, 1|k)`, −1 for never.

    One number per request and seed says who answers: a policy cannot have better raters than another.
    """
    n = len(order)
    if feedback.plain:
        return np.empty((0, 1), np.int32)
    due = _due(feedback, log, order)
    if feedback.rate == 1.0:
        return due[:, None].astype(np.int32)
    luck = np.random.default_rng([seed, FEEDBACK_STREAM]).random(n)[order, None]
    scored = luck < score_probability(feedback, log)[order]
    return np.where(scored, due[:, None], -1).astype(np.int32)


def score_probability(feedback: Feedback, log: Log) -> Floats:
    """Probability `(n, 1|k)` that an answer is scored; over all answers of the log its mean is the rate."""
    if feedback.odds == 1.0 or feedback.rate in (0.0, 1.0):
        return np.full((len(log), 1), feedback.rate)
    from scipy.optimize import brentq

    lift = math.log(feedback.odds) * np.nan_to_num(log.quality)
    wide = 50.0 + abs(math.log(feedback.odds))
    level = brentq(lambda start: float(expit(start + lift).mean()) - feedback.rate, -wide, wide)
    probability: Floats = expit(level + lift)
    return probability


def _due(feedback: Feedback, log: Log, order: Ints) -> Ints:
    """The first position after delay and batch, never before the one that follows."""
    n = len(order)
    position = np.arange(n, dtype=np.float64)
    if not (feedback.delay.timed or feedback.batch.timed):
        due = _rounded_up(position + 1.0 + np.ceil(feedback.delay.length), feedback.batch.length)
        return np.minimum(due, n + 1).astype(np.int64)
    assert log.at is not None
    at = log.at[order]
    if feedback.delay.timed:
        known = at + feedback.delay.length
    else:
        late = np.minimum(position + 1.0 + feedback.delay.length, n).astype(np.int64)
        known = np.append(at, np.inf)[late]
    if feedback.batch.timed:
        known = at[0] + _rounded_up(known - at[0], feedback.batch.length)
    due = np.maximum(np.searchsorted(at, known, side="left"), np.arange(1, n + 1))
    if not feedback.batch.timed:
        due = _rounded_up(due.astype(np.float64), feedback.batch.length)
    return np.minimum(due, n + 1).astype(np.int64)


def _rounded_up(values: Floats, to: float) -> Floats:
    return np.ceil(values / to) * to if to > 0.0 else values


def _between(value: object, low: float, high: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and low <= value <= high
