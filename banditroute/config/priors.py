"""A prior: what earlier requests taught, as sums by name, ready to be brought into any configuration.

By names and not by positions: a model or a class that was added since has no history, one that is
gone is passed over. Read and written by `banditroute.config.priorfile`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRIOR_VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """One model's outcomes of one factor. `outcomes` and `mean` are there to be read.

    `common` is the share of their variance that the same requests' outcomes of other models have too: a hard
    prompt is hard for all. Where models are compared it cancels, so the comparison is known better than from
    as many outcomes of different requests (a blocked design: Fisher 1935). 0 where nothing cancels.

    The sums are over vectors x in the prior's layout (1, one-hot class, log tokens, features, embedding),
    with y centred and, for logarithmic factors, the logarithm: `xx` = Σxx′ `(d, d)`, `xy` = Σxy `(d,)`,
    and per class `cells` `(c, 3)`: Σy², Σ raw value, number with zeros included.
    """

    outcomes: float
    mean: float
    xx: tuple[tuple[float, ...], ...]
    xy: tuple[float, ...]
    cells: tuple[tuple[float, ...], ...]
    common: float = 0.0


@dataclass(frozen=True, slots=True)
class FactorHistory:
    """One factor. `trust` is the number of outcomes that a model's history counts for at most, until live
    outcomes confirm it; `scores` are what it was chosen by: the mean log score of held-out cells under each
    number tried, `"0"` being without history."""

    center: float
    logarithmic: bool
    trust: float
    scores: Mapping[str, float]
    models: Mapping[str, ModelHistory]


@dataclass(frozen=True, slots=True)
class Prior:
    """What history of `requests` requests says per factor; `digest` identifies the content.

    `classes` ends with `other`; `features` are name, center and scale, in the order of the vectors.
    """

    banditroute_prior: int
    features_version: int
    source: str
    requests: int
    classes: tuple[str, ...]
    features: tuple[tuple[str, float, float], ...]
    embedding: int
    factors: Mapping[str, FactorHistory]
    digest: str = ""

    @property
    def size(self) -> int:
        """Number of coordinates d of its vectors."""
        return 2 + len(self.classes) + len(self.features) + self.embedding
