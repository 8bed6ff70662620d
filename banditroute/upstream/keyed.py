"""Random numbers by key: the same key gives the same number, in any order, one at a time or a million.

A stateful generator ties each number to how many were drawn before it. Here a number is a pure
function of (seed, request, subject, stream), so that every policy that is shown a simulated
request meets the same luck. The mixing function is the finaliser of SplitMix64 (Steele, Lea and
Flood, *Fast splittable pseudorandom number generators*, 2014).
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from banditroute.core.base import Floats, Ints

Keys = NDArray[np.uint64]

_STEP = 0x9E3779B97F4A7C15
_MASK = 2**64 - 1


def subject_key(name: str) -> np.uint64:
    """The key of a named subject, e.g. a model: adding or reordering others leaves it alone."""
    return np.uint64(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little"))


def request_keys(seed: int, requests: Ints) -> Keys:
    """One key per request of a world: `(n,) -> (n,)`."""
    world = _mix(np.array([(seed + _STEP) & _MASK], dtype=np.uint64))
    return _mix(world + requests.astype(np.uint64) * np.uint64(_STEP))


def uniforms(keys: Keys, subject: np.uint64, stream: int) -> Floats:
    """Uniform numbers strictly between 0 and 1, one per request key, for one subject and purpose."""
    bits = _mix(_mix(keys ^ subject) + np.uint64(stream * _STEP & _MASK))
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(keys: Keys, subject: np.uint64, stream: int) -> Floats:
    """Standard normal numbers, by inversion of `uniforms`."""
    return np.asarray(ndtri(uniforms(keys, subject, stream)), dtype=np.float64)


def _mix(bits: Keys) -> Keys:
    """SplitMix64's finaliser: every input bit moves every output bit; arithmetic wraps at 2^64."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
