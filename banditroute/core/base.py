"""The one protocol between the core and the policies: a slate of candidates in, a pmf out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from banditroute.types import Context, Model

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Slate:
    """What a policy sees of n requests and k models. Every array is `(n, k)`.

    `mean` and `sd` are of the utility (sd epistemic; already shrunk by the policy's lookahead).
    `quality`, `usd`, `seconds` are expectations. `eligible` is never all False in a row.
    `ids` are the decision ids, for policies that go by a hash of them. `spent` is the USD spent so
    far on the day of each request, `(n,)` or one number, as far as the state knows.
    """

    models: tuple[Model, ...]
    contexts: Sequence[Context]
    ids: Sequence[str]
    eligible: Bools
    mean: Floats
    sd: Floats
    quality: Floats
    usd: Floats
    seconds: Floats
    spent: Floats | float = 0.0


@dataclass(frozen=True, slots=True)
class Variants:
    """The policies among which a split chose, v of them: their pmfs `(v, n, k)`, the share of the traffic
    that each gets and whether it learns `(v,)`, and which one each request was given to `(n,)`."""

    pmfs: Floats
    shares: Floats
    learns: Bools
    assigned: Ints

    @property
    def pmf(self) -> Floats:
        """The pmf of each request's own variant, `(n, k)`."""
        own: Floats = self.pmfs[self.assigned, np.arange(len(self.assigned))]
        return own

    @property
    def marginal(self) -> Floats:
        """`Σ share·π` `(n, k)`, added up in the order of the variants: a row is the same in any company,
        which a product of matrices does not promise."""
        mean = np.zeros(self.pmfs.shape[1:])
        for share, pmf in zip(self.shares.tolist(), self.pmfs, strict=True):
            mean += share * pmf
        return mean


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy's answer for n requests.

    `pmf` is `(n, k)`, rows sum to 1, 0 on models that are not eligible. Policies that split
    traffic give the variant of each request, its share, and `marginal = Σ share·π` `(n, k)`.
    `reasons` says which rule spoke, where one did; `parameters` goes into the receipt, and so do
    `row_parameters`, of which each request has its own `(n,)`, NaN where it has none. `draws`
    `(n,)` are numbers in [0, 1) to draw with instead of the seed's, NaN where the seed's counts:
    a policy that goes by a hash of the decision id still logs its pmf. `variants_of` is what `pmf` and
    `marginal` of a split were made from.
    """

    pmf: Floats
    reasons: Sequence[str | None] | None = None
    variants: Sequence[str | None] | None = None
    shares: Floats | None = None
    marginal: Floats | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    draws: Floats | None = None
    row_parameters: Mapping[str, Floats] = field(default_factory=dict)
    variants_of: Variants | None = None


@runtime_checkable
class Policy(Protocol):
    """Who chooses. A policy holds no posterior: every policy reads the same state.

    `name` is what `get_policy` built it from (`thompson`, `fixed:gpt-4o`). `learns` tells whether
    its choices move with the posterior. `lookahead` is the share of the horizon it explores for
    (`core.utility`), or None where `Slate.sd` shall be the plain epistemic sd.
    """

    @property
    def name(self) -> str: ...

    @property
    def learns(self) -> bool: ...

    @property
    def lookahead(self) -> float | None: ...

    def choose(self, slate: Slate) -> Choice:
        """Choice probabilities for every request of the slate."""
        ...


def uniform_over(eligible: Bools) -> Floats:
    """Equal probability on every eligible model, row by row: `(n, k) -> (n, k)`."""
    share: Floats = eligible / eligible.sum(axis=1, keepdims=True)
    return share


def point_mass(index: Ints, k: int) -> Floats:
    """Probability 1 on one model per row: `(n,) -> (n, k)`."""
    pmf = np.zeros((len(index), k))
    pmf[np.arange(len(index)), index] = 1.0
    return pmf
