"""From terms to an answer: the value, and the interval that holds for this kind of log, or why none does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import index
from typing import SupportsFloat, SupportsIndex

import numpy as np

from banditroute.core.inference import Floats, bernstein_margin, bootstrap_means, normal_interval
from banditroute.core.offpolicy import CLIPPED
from banditroute.errors import LogError
from banditroute.offline.estimators.clipping import NEEDS_BOUNDS, identified
from banditroute.offline.estimators.forms import Form
from banditroute.offline.estimators.rows import LARGEST
from banditroute.offline.estimators.sequences import sequence
from banditroute.offline.estimators.tails import few_carry
from banditroute.offline.estimators.terms import Terms, beyond, combined, standard_error
from banditroute.offline.estimators.value import IntervalKind, PolicyValue
from banditroute.offline.logs.files import counted

LEAST_ESS = 200.0
MOST_SHARE = 0.05
"""A normal interval needs this many effective rows (or clusters), and none above this part of all weight."""

LEARNERS_WEIGHT = 10.0
"""On the log of a learner the normal interval covers where no weight can exceed this: where whatever the
target does was logged with a tenth of its probability at least."""

UNSUPPORTED = 1e-3
"""The share of the target that may lie on models of logged probability 0."""

MOST_OPEN = 0.8
"""A sequence that leaves more than this of the range of the reward open is not worth naming."""

OFF_BALANCE = 6.0
"""Standard errors by which the mean weight may miss 1, as it is if the propensities are true: one false alarm
in 500 million logs, by the normal law (where this is asked, enough rows carry the weight)."""

LUCK = 50.0
"""Where nothing agrees at a level, propensities are denied if so many times fewer misses change nothing."""

IMPOSSIBLE = (
    "No value agrees with these weights and rewards; the propensities, or the bounds, cannot be right."
)

INSTEAD = 'A sequence (interval="sequence", evaluate --interval sequence) needs none of that, and says'
"""Begins what a refused normal interval is told of a sequence's."""

_KINDS = ("normal", "bernstein", "bootstrap", "sequence")
_REPLICATES = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """The interval that is wanted: its kind (None: what fits the log), level, and the range of rewards.

    `bounds` is None where the range is not known; `timed` says that a learner may have made the log.
    """

    kind: IntervalKind | None
    level: float
    bounds: tuple[float, float] | None
    timed: bool
    seed: int

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in _KINDS:
            raise LogError(f"There is no interval '{self.kind}'; the intervals are {', '.join(_KINDS)}.")
        if isinstance(self.level, str) or not isinstance(self.level, SupportsFloat):
            raise LogError(f"level must be a number between 0 and 1, such as 0.95; it is {self.level!r}.")
        if not 0.0 < float(self.level) < 1.0:
            raise LogError(f"level must lie between 0 and 1, as 0.95 does; it is {float(self.level):g}.")
        check_seed(self.seed)


def check_seed(seed: object) -> None:
    """Refuses what nothing can be drawn from."""
    if isinstance(seed, bool) or not isinstance(seed, SupportsIndex) or index(seed) < 0:
        raise LogError(f"seed must be a whole number from 0 up; it is {seed!r}.")


def reward_range(reward: Floats, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    """The range of the reward: as given, or (0, 1) where all lie in it; None where it is not known."""
    low, high = float(reward.min()), float(reward.max())
    if bounds is None:
        return (0.0, 1.0) if low >= 0.0 and high <= 1.0 else None
    try:
        least, most = (float(end) for end in bounds)
    except (TypeError, ValueError):
        least = most = math.nan
    if not -LARGEST <= least < most <= LARGEST:
        raise LogError("bounds must be the smallest and the largest reward there can be, such as (0, 1).")
    if low < least or high > most:
        raise LogError(
            f"bounds are {least:g} to {most:g}, but the rewards go from {low:g} to {high:g}; give the range "
            "that every reward must lie in."
        )
    return least, most


def answer(form: Form, terms: Terms, wish: Wish) -> PolicyValue:
    """One estimator's value, with its interval or the reason why there is none."""
    rows = terms.rows
    value, se = float(combined(form, terms.moments(form)[0])), standard_error(form, terms)
    reachable = terms.largest_possible() if wish.timed or wish.kind == "bernstein" else rows.largest
    kind: IntervalKind = wish.kind or "normal"
    few, tail = beyond(form, terms, se)
    thin = _too_thin(terms, kind) or few_carry(few, tail, kind, terms.what)
    if wish.kind is None and wish.timed and (reachable > LEARNERS_WEIGHT or thin):
        kind = "sequence"
    refusal = _refusal(form, terms, wish, kind, reachable, thin)
    low = high = math.nan
    centre: float | None = None
    if refusal is None:

        def ends(level: float) -> tuple[float, float | None, float]:
            return _ends(form, terms, replace(wish, level=level), kind, value, se, reachable)

        low, centre, high = ends(wish.level)
        if not low <= high:
            low, centre, high, refusal = math.nan, None, math.nan, _contradiction(ends, wish.level)
    return PolicyValue(
        form.name, value, low, high, len(rows), rows.ess, rows.largest, se, kind, rows.share, form.unbiased,
        form.shown, refusal, centre, tail,
    )  # fmt: skip


def _ends(
    form: Form, terms: Terms, wish: Wish, kind: IntervalKind, value: float, se: float, reachable: float
) -> tuple[float, float | None, float]:
    """The lower end, the centre of a sequence and the upper end; the lower one above where nothing agrees."""
    if kind == "normal" and _clips(form, terms):
        assert wish.bounds is not None
        kept = terms.columns(form)[:, 2]
        low, high = identified(kept, terms.log.reward, wish.bounds, wish.level, terms.clusters)
        return max(low, wish.bounds[0]), None, min(high, wish.bounds[1])
    if kind == "normal":
        low, high = normal_interval(value, se, wish.level)
    elif kind == "bootstrap":
        low, high = _bootstrap(form, terms, wish)
    else:
        assert wish.bounds is not None
        if kind == "sequence":
            found = sequence(terms, form.modelled, wish.bounds, wish.level)
            return found.low, found.centre, found.high
        low, high = _bernstein(form, terms, wish.bounds, wish.level, value, se, reachable)
    return low, None, high


def _contradiction(ends: Callable[[float], tuple[float, float | None, float]], level: float) -> str:
    """What is said where no value agrees: bad luck at this level, or more than luck explains."""
    stricter = 1.0 - (1.0 - level) / LUCK
    low, _, high = ends(stricter)
    if not low <= high:
        return IMPOSSIBLE
    return (
        f"No value agrees with these weights and rewards at level {level:.6g}. True propensities and bounds "
        f"let that happen to fewer than {100.0 * (1.0 - level):.2g}% of logs, so look at them first; at "
        f"level {stricter:.6g}, {low:.3g} to {high:.3g} agrees."
    )


def _refusal(
    form: Form, terms: Terms, wish: Wish, kind: IntervalKind, reachable: float, thin: str | None
) -> str | None:
    """Why this interval would not hold, in one sentence, with what would; `thin`: too few carry it."""
    if kind == "bernstein" and (wish.timed or terms.clusters is not None):
        return 'A bernstein interval needs independent rows; ask ips or dr for interval="sequence".'
    if kind in ("bernstein", "sequence"):
        if not form.unbiased:
            which, ask = f"{form.name} is", "one of them"
            if form.kind == CLIPPED:
                which, ask = f"A clipped {form.name} is", "one of them without a clip"
            return f"{which} biased, and a {kind} interval holds around ips and dr only; ask {ask}."
        if wish.bounds is None:
            return f"A {kind} interval needs the range of the reward; give bounds, such as bounds=(-1, 1)."
    if kind == "sequence":
        return None
    if _clips(form, terms):
        if kind == "bootstrap":
            return "A bootstrap does not cover what clipping takes away; the normal interval does."
        if wish.bounds is None:
            return NEEDS_BOUNDS
    if kind == "bootstrap" and (form.tuned or (form.leans and terms.fit is not None)):
        return (
            f"A bootstrap would hold q̂ and the parameter of {form.name} fixed; the normal interval does not."
        )
    share = terms.unsupported()
    if share > UNSUPPORTED:
        return (
            f"{share:.1%} of what the target does had no chance in the log; it takes a log whose policy "
            "could choose those models on every request."
        )
    if kind == "bernstein":
        return None
    if wish.timed and reachable > LEARNERS_WEIGHT:
        return (
            f"A learner made this log and weights reach {reachable:,.0f} there; above {LEARNERS_WEIGHT:.0f} "
            f'a {kind} interval covers too seldom. Ask ips or dr for interval="sequence".'
        )
    return thin + _sequence_instead(form, terms, wish) if thin else _off_balance(terms)


def _clips(form: Form, terms: Terms) -> bool:
    """Whether any weight is clipped."""
    return form.kind == CLIPPED and form.threshold < terms.rows.largest


def _off_balance(terms: Terms) -> str | None:
    """Whether the weights average anything but 1, which no true propensities let them."""
    rows = terms.rows
    mean, n = rows.mean_weight, len(rows)
    if terms.clusters is None:  # from the moments: Σw² = (Σw)²/ESS
        error = mean * math.sqrt(max(0.0, 1.0 / rows.ess - 1.0 / n))
    else:
        off = terms.by_cluster(rows.weight - mean)
        error = math.sqrt(float(off @ off)) / n
    if abs(mean - 1.0) <= OFF_BALANCE * error + 1e-9:
        return None
    return (
        f"The weights average {mean:.2f} and not 1: the propensities are not those that the log was drawn "
        "with, or the target wants what the log could not choose."
    )


def _too_thin(terms: Terms, kind: IntervalKind) -> str | None:
    """Whether too few rows, or units (the clusters), carry the weight."""
    rows = terms.rows
    ess, most, what = rows.ess, rows.share, terms.what
    if terms.clusters is not None:
        sums = terms.by_cluster(rows.weight)
        ess, most = sums.sum() ** 2 / float(sums @ sums), float(sums.max() / sums.sum())
    if ess < LEAST_ESS:
        left = counted(round(ess), f"effective {what}")
        found = f"The weights leave {left}, and a {kind} interval needs {LEAST_ESS:.0f}"
    elif most > MOST_SHARE:
        found = f"One of the {what}s holds {most:.0%} of all weight; a {kind} interval bears {MOST_SHARE:.0%}"
    else:
        return None
    return (
        f"{found}: it takes more {what}s, or a log that tried what the target does more often, by a floor of "
        "exploration."
    )


def _sequence_instead(form: Form, terms: Terms, wish: Wish) -> str:
    """What a sequence would answer where a normal interval does not; nothing where that is no news."""
    if not form.unbiased or wish.bounds is None:
        return ""
    found = sequence(terms, form.modelled, wish.bounds, wish.level)
    if not 0.0 <= found.high - found.low < MOST_OPEN * (wish.bounds[1] - wish.bounds[0]):
        return ""
    return f" {INSTEAD} {found.low:.3g} to {found.high:.3g}."


def _bootstrap(form: Form, terms: Terms, wish: Wish) -> tuple[float, float]:
    """Percentiles of the value over resampled rows, or clusters (Efron 1979)."""
    sums = terms.columns(form)
    sizes = terms.by_cluster(np.ones(len(sums)))
    if terms.clusters is not None:
        sums = np.stack([terms.by_cluster(column) for column in sums.T], axis=1)
    values = combined(form, bootstrap_means(sums, sizes, _REPLICATES, wish.seed))
    tail = (1.0 - wish.level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _bernstein(
    form: Form,
    terms: Terms,
    bounds: tuple[float, float],
    level: float,
    value: float,
    se: float,
    reachable: float,
) -> tuple[float, float]:
    """Empirical Bernstein around the value; its terms can reach as far as the largest weight takes them."""
    n, length = len(terms.rows), bounds[1] - bounds[0]
    least, most = min(bounds[0], 0.0), max(bounds[1], 0.0)
    reach = length * (1.0 + 2.0 * reachable) if form.modelled else (most - least) * reachable
    margin = bernstein_margin(se * se * n, reach, n, level)
    return max(value - margin, bounds[0]), min(value + margin, bounds[1])
