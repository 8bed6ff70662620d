"""Off-policy estimation on arrays: what a target policy would have earned on a log of logged decisions."""

from __future__ import annotations

from banditroute.offline.estimators.estimate import estimate
from banditroute.offline.estimators.overlap import Overlap, weights_diagnostics
from banditroute.offline.estimators.regression import fit_q
from banditroute.offline.estimators.value import PolicyValue

__all__ = ["Overlap", "PolicyValue", "estimate", "fit_q", "weights_diagnostics"]
