"""Logs of decisions: one row per request, what was chosen and what came of it.

Such a log knows nothing of the models that were not chosen. With the probability of each choice it is
`logged`, and off-policy evaluation can answer what another policy would have earned; without, it is
`observational`: it can be described, and counted in USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from banditroute.offline.logs.judged import Judged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """n requests, each with the one model of k that was chosen. Outcomes are nan where nothing is known.

    Requests are in time order where the log has `at` (seconds since the epoch), else in order of their
    ids. `models` are all that were chosen or could have been, sorted; so are `classes`. `action` and
    `class_index` are positions in them. `propensity` is the probability, in (0, 1], with which the
    action was drawn; None in an observational log. Units: quality in [0, 1], USD, seconds, tokens.
    """

    kind: Literal["logged", "observational"]
    request_ids: NDArray[np.str_]
    models: tuple[str, ...]
    classes: tuple[str, ...]
    class_index: Ints
    action: Ints
    quality: Floats
    usd: Floats
    seconds: Floats
    output_tokens: Floats
    input_tokens: Floats
    propensity: Floats | None = None
    at: Floats | None = None
    unit: list[str | None] | None = None
    prompts: list[str] | None = None
    features: Mapping[str, Floats] = field(default_factory=dict)
    eligible: Bools | None = None
    """`(n, k)`: which models could have been chosen; None where every one could."""
    pmf: Floats | None = None
    """`(n, k)`: the probability of every model, 0 where it could not be chosen; rows sum to 1."""
    policy: list[str | None] | None = None
    variant: list[str | None] | None = None
    source: list[str | None] | None = None
    judged: Judged | None = None
    """Judges' scores, `(n,)`; None where there are none."""
    notes: tuple[str, ...] = ()
    """What was left out of the log, and why."""

    def __len__(self) -> int:
        return len(self.action)
