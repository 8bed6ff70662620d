"""What the compiled loop meets: requests as arrays, and what is the case when each of them comes.

A log becomes traffic by `log_traffic`. Whoever plays other worlds replaces what differs there: models that
come, go or are down (`eligible`), prices that change (`prices`, `epoch`), feedback that comes late or
never (`arrives`), outcomes that are told otherwise than they are (`outcomes`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.features import TYPICAL_TOKENS, Layout
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.feedback import Feedback, arrivals
from banditroute.offline.replay.order import decision_times, request_order, request_seeds
from banditroute.types import FACTORS

AT_ONCE: NDArray[np.int32] = np.empty((0, 1), np.int32)
"""`Traffic.arrives` where every quality is learned before the next request."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """n decisions about k models, met in the order `order` `(n,)` of the rows.

    By row: vectors `x` `(rows, d)`, class indices `cls`, input `tokens` and decision `seeds` `(rows,)`,
    and `outcomes`, by factor `(rows, k)`: what a learner is told, NaN where nothing.

    By position: the time `at` `(n,)`, which never falls, in seconds, or the position itself where there
    are no times; `eligible` `(1|n, k)`, the models that exist and are up; `prices` `(p, k, 2)` USD per
    input and output token, of which `epoch` `(n,)` says which hold (None: those of the state);
    `arrives` `(0|n, 1|k)`, the position at whose start the quality of that choice is learned, −1 for
    never, and with no rows at once, which is the position after. What meters say is learned at once.
    """

    order: Ints
    x: Floats
    cls: Ints
    tokens: Floats
    seeds: NDArray[np.uint64]
    outcomes: Mapping[str, Floats]
    at: Floats
    eligible: Bools
    epoch: Ints
    prices: Floats | None = None
    arrives: NDArray[np.int32] = field(default_factory=lambda: AT_ONCE)

    def __len__(self) -> int:
        return len(self.order)


def log_traffic(log: Log, layout: Layout, seed: int, feedback: Feedback | None = None) -> Traffic:
    """The requests of a log in the order of a seed, every model up, prices as they are in the state."""
    order = request_order(log, seed)
    x, cls, tokens = encode(log, layout)
    return Traffic(
        order=order,
        x=x,
        cls=cls,
        tokens=tokens,
        seeds=request_seeds(log, seed),
        outcomes={name: getattr(log, name) for name in log_factors(log)},
        at=decision_times(log, order),
        eligible=np.ones((1, len(log.models)), np.bool_),
        epoch=np.zeros(len(order), np.int64),
        arrives=AT_ONCE if feedback is None else arrivals(feedback, log, order, seed),
    )


def log_factors(log: Log) -> tuple[str, ...]:
    """The factors that a log has outcomes for; nothing else can be learned from it."""
    return tuple(name for name in FACTORS if not np.isnan(getattr(log, name, np.array(math.nan))).all())


def encode(log: Log, layout: Layout, part: slice = slice(None)) -> tuple[Floats, Ints, Floats]:
    """Vectors `(n, d)`, class indices and input tokens `(n,)` of the requests, in the log's order.

    To the last bit what `Layout.encode` makes of their contexts, without making a million of those.
    """
    places = np.array([layout.class_index(name) for name in log.classes], np.int64)
    known = np.trunc(log.input_tokens[part])
    features = {name: values[part] for name, values in log.features.items()}
    x, cls = layout.encode_columns(places[log.class_index[part]], known, features)
    return x, cls, np.where(known > 0.0, known, TYPICAL_TOKENS)
