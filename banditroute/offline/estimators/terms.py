"""What estimators are made of: means of three columns, and their spread."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from banditroute.core import offpolicy
from banditroute.core.inference import Floats
from banditroute.errors import LogError
from banditroute.offline.estimators.forms import FORMS, Form
from banditroute.offline.estimators.regression import Fitted
from banditroute.offline.estimators.rows import Ints, Logged, Rows
from banditroute.offline.estimators.tails import Tail, tail
from banditroute.offline.logs.files import counted

ROUNDING = 1e-9
"""What is no more than this part of a mean is not told from it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that estimators share: the log, q̂, the logged pmf and clusters where known, the rows.

    `clusters` `(n,)` count from 0 and leave no number out. `fit` is where q̂ came from, if it was fitted here.
    `uneven` `(n,)` is the part of the rewards whose range nobody knows beforehand, None where there is none.
    """

    log: Logged
    q: Floats | None
    logging: Floats | None
    clusters: Ints | None
    rows: Rows
    fit: Fitted | None = None
    uneven: Floats | None = None
    _moments: dict[tuple[bool, int, float], tuple[Floats, Floats]] = field(default_factory=dict)
    _tails: list[Tail] = field(default_factory=list)

    def moments(self, form: Form) -> tuple[Floats, Floats]:
        """Means `(3,)` and covariances `(3, 3)` of the columns (expected, ŵ·residual, ŵ)."""
        key = (form.modelled, form.kind, form.threshold)
        if key not in self._moments:
            mean, cov = np.empty(3), np.empty((3, 3))
            offpolicy.moments(
                self.rows.weight, self.rows.expected, self._missed(form), form.kind, form.threshold, mean, cov
            )
            self._moments[key] = mean, cov
        return self._moments[key]

    def columns(self, form: Form, places: Ints | None = None) -> Floats:
        """The columns themselves `(n, 3)`, or those of the rows at some `places` `(m, 3)`."""
        told = self.rows.weight, self.rows.expected, self._missed(form)
        if places is not None:
            weight, expected, missed = told
            told = weight[places], expected[places], missed[places]
        columns = np.empty((len(told[0]), 3))
        offpolicy.columns(*told, form.kind, form.threshold, columns)
        return columns

    def tail(self) -> Tail | None:
        """The rows, or clusters, of the most extreme `uneven` rewards; None where all are bounded."""
        if self.uneven is None:
            return None
        if not self._tails:
            mean = float(self.rows.weight @ self.uneven) / float(self.rows.weight.sum())
            self._tails.append(
                tail(self.rows.weight, self.uneven - mean, self.clusters, ROUNDING * abs(mean))
            )
        return self._tails[0]

    @property
    def what(self) -> str:
        """What is counted: a row, or where there are clusters a unit."""
        return "row" if self.clusters is None else "unit"

    def by_cluster(self, values: Floats) -> Floats:
        """Sums of `(n,)` by cluster; each row by itself where there are none."""
        return values if self.clusters is None else np.asarray(np.bincount(self.clusters, values), np.float64)

    def largest_possible(self) -> float:
        """The largest weight there could have been: by the logged pmf, or else by the smallest propensity.

        Not the largest there was: that a rare draw did not happen says nothing of the next.
        """
        if self.logging is None:
            return float(self.log.target.max()) / self.rows.smallest
        could = self.logging > 0.0
        return float(np.divide(self.log.target, self.logging, out=np.zeros(could.shape), where=could).max())

    def unsupported(self) -> float:
        """The share of the target on models of logged probability 0; 0 where the logged pmf is not known."""
        if self.logging is None:
            return 0.0
        return float(self.log.target[self.logging <= 0.0].sum()) / len(self.rows)

    def _missed(self, form: Form) -> Floats:
        return self.rows.residual if form.modelled else self.log.reward


def check_logging(logging: Floats, log: Logged) -> None:
    """Refuses a logged pmf that is none, or that is not what the propensities say."""
    if not (logging >= 0.0).all() or not np.allclose(logging.sum(axis=1), 1.0, rtol=0.0, atol=1e-6):
        raise LogError("logging_pmf must hold probabilities: rows of numbers from 0 up that sum to 1.")
    taken = logging[np.arange(len(logging)), log.action]
    wrong = np.flatnonzero(~np.isclose(taken, log.propensity, rtol=1e-6, atol=0.0))
    if len(wrong):
        i = wrong[0]
        raise LogError(
            f"logging_pmf and propensity differ in {counted(len(wrong), 'row')}; in row {i} they say "
            f"{taken[i]:g} and {log.propensity[i]:g} of the same action."
        )


def combined(form: Form, mean: Floats) -> Floats:
    """The estimator's value from the means of the columns, `(…, 3) -> (…,)`."""
    pulled = mean[..., 1] / mean[..., 2] if form.normalised else mean[..., 1]
    return np.asarray(pulled + mean[..., 0] if form.modelled else pulled)


def standard_error(form: Form, terms: Terms) -> float:
    """By the delta method; of cluster sums where there are clusters. nan for a single row or cluster.

    What leans on a q̂ that was fitted here bears its error too; a q̂ that was given is taken as it is. What was
    tuned by the data bears the error of DR (see `tuning`).
    """
    form = _erring(form)
    n = len(terms.rows)
    if terms.clusters is None and not _bears_fit(form, terms):
        mean, cov = terms.moments(form)
        slope = _slope(form, mean)
        return math.sqrt(max(float(slope @ cov @ slope), 0.0) / (n - 1)) if n > 1 else math.nan
    sums = _influence(form, terms)
    g = len(sums)
    return math.sqrt(g / (g - 1) * float(sums @ sums)) / n if g > 1 else math.nan


def beyond(form: Form, terms: Terms, se: float) -> tuple[int, float]:
    """How many rows, or clusters, lie in the `Terms.tail`, and the part of the variance of an estimate, whose
    standard error is `se`, that is beyond its level."""
    form = _erring(form)
    found, n = terms.tail(), len(terms.rows)
    if found is None or not len(found.places) or not se > 0.0:
        return 0, 0.0
    if terms.clusters is None and not _bears_fit(form, terms):
        mean, _ = terms.moments(form)
        pulls, g = (terms.columns(form, found.places) - mean) @ _slope(form, mean), n
    else:
        sums = _influence(form, terms)
        pulls, g = sums[found.places], len(sums)
    return len(found.places), found.share(pulls, (se * n) ** 2 * (g - 1) / g)


def _influence(form: Form, terms: Terms) -> Floats:
    """What each row, or cluster, moves the estimate by, times their number, `(n,)` or `(g,)`."""
    mean, _ = terms.moments(form)
    columns = terms.columns(form)
    influence = (columns - mean) @ _slope(form, mean)
    if form.leans and terms.fit is not None:
        pull = np.ascontiguousarray(columns[:, 2])
        influence += terms.fit.influence(terms.log.target, terms.log.action, pull, terms.rows.residual)
    return terms.by_cluster(influence)


def _erring(form: Form) -> Form:
    """The form whose error is borne."""
    return FORMS["dr"] if form.tuned else form


def _bears_fit(form: Form, terms: Terms) -> bool:
    """Whether the error of a q̂ that was fitted here enters."""
    return form.leans and terms.fit is not None


def _slope(form: Form, mean: Floats) -> Floats:
    """Derivative `(3,)` of the estimate by the means of the columns."""
    slope = np.array([1.0 if form.modelled else 0.0, 1.0, 0.0])
    if form.normalised:
        slope[1:] = 1.0 / mean[2], -mean[1] / mean[2] ** 2
    return slope
