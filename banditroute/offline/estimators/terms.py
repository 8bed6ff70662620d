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
from banditroute.offline.logs.files import counted


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that estimators share: the log, q̂, the logged pmf and clusters where known, the rows.

    `clusters` `(n,)` count from 0 and leave no number out. `fit` is where q̂ came from, if it was fitted here.
    """

    log: Logged
    q: Floats | None
    logging: Floats | None
    clusters: Ints | None
    rows: Rows
    fit: Fitted | None = None
    _moments: dict[tuple[bool, int, float], tuple[Floats, Floats]] = field(default_factory=dict)

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

    def columns(self, form: Form) -> Floats:
        """The columns themselves `(n, 3)`."""
        columns = np.empty((len(self.rows), 3))
        offpolicy.columns(
            self.rows.weight, self.rows.expected, self._missed(form), form.kind, form.threshold, columns
        )
        return columns

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
    if form.tuned:
        form = FORMS["dr"]
    n = len(terms.rows)
    mean, cov = terms.moments(form)
    slope = np.array([1.0 if form.modelled else 0.0, 1.0, 0.0])
    if form.normalised:
        slope[1:] = 1.0 / mean[2], -mean[1] / mean[2] ** 2
    leans = form.leans and terms.fit is not None
    if terms.clusters is None and not leans:
        return math.sqrt(max(float(slope @ cov @ slope), 0.0) / (n - 1)) if n > 1 else math.nan
    columns = terms.columns(form)
    influence = (columns - mean) @ slope
    if form.leans and terms.fit is not None:
        pull = np.ascontiguousarray(columns[:, 2])
        influence += terms.fit.influence(terms.log.target, terms.log.action, pull, terms.rows.residual)
    sums = terms.by_cluster(influence)
    g = len(sums)
    return math.sqrt(g / (g - 1) * float(sums @ sums)) / n if g > 1 else math.nan
