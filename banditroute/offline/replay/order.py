"""Who comes when in a replay, and with which luck: pure functions of the seed, shared by every policy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from banditroute.offline.logs.reading import Floats, Ints, Log


def request_order(log: Log, seed: int) -> Ints:
    """The requests in replay order: as they came where the log has times, else shuffled by the seed."""
    if log.at is not None:
        return np.arange(len(log))
    return np.random.default_rng([seed, 0]).permutation(len(log))


def request_seeds(log: Log, seed: int) -> NDArray[np.uint64]:
    """One decision seed per request of the log (not per position), whatever the policy."""
    return np.random.default_rng([seed, 1]).integers(0, 2**63, size=len(log), dtype=np.uint64)


def decision_times(log: Log, order: Ints) -> Floats:
    """When each position is decided: the log's time, else the position itself (one request, one second)."""
    return log.at[order] if log.at is not None else np.arange(len(order), dtype=np.float64)
