"""The answers in a log as tables that a world can be fitted to, whichever kind of log it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log

COLUMNS = ("quality", "output_tokens", "usd", "seconds")
"""What an answer is made of, in the order of every array of factors here."""


@dataclass(frozen=True, slots=True)
class Answers:
    """n requests and k models. `values` `(4, n, k)` by `COLUMNS`, NaN where nobody knows; `failed` `(n, k)`:
    calls without an answer (quality 0, and no output or no bill). `weight` `(n, k)` is one over the
    probability that the answer was seen: 1 with full information, 1/propensity of a logged decision, 0 where
    there is none. `full`: every request has an answer of every model.
    """

    models: tuple[str, ...]
    classes: tuple[str, ...]
    class_index: Ints
    values: Floats
    failed: Bools
    weight: Floats
    input_tokens: Floats
    features: Mapping[str, Floats]
    full: bool

    def __len__(self) -> int:
        return len(self.class_index)

    def part(self, rows: Ints) -> Answers:
        """Some of the requests."""
        return replace(
            self,
            class_index=self.class_index[rows],
            values=self.values[:, rows],
            failed=self.failed[rows],
            weight=self.weight[rows],
            input_tokens=self.input_tokens[rows],
            features={name: values[rows] for name, values in self.features.items()},
        )


def answers(log: Log | DecisionLog) -> Answers:
    """The answers of a log. Refuses one that cannot tell how its choices were made."""
    n, k = len(log), len(log.models)
    if isinstance(log, DecisionLog):
        if log.propensity is None:
            raise LogError(
                "No world can be fitted to this log: it has one row per request and no propensity, so what "
                "was chosen and how well it went may share a cause. Log the propensities, or give a log "
                "with a row for every model of every request."
            )
        values, weight, rows = np.full((4, n, k), np.nan), np.zeros((n, k)), np.arange(n)
        for f, name in enumerate(COLUMNS):
            values[f, rows, log.action] = getattr(log, name)
        weight[rows, log.action] = 1.0 / log.propensity
    else:
        values = np.stack([getattr(log, name) for name in COLUMNS])
        weight = np.ones((n, k))
    if np.isnan(values[0]).all():
        raise LogError(
            "No world can be fitted to a log without quality; name it with --columns quality=COLUMN."
        )
    quality, tokens, usd, _ = values
    failed = (quality == 0.0) & ((tokens == 0.0) | ((usd == 0.0) & _billed(usd)))
    return Answers(
        models=log.models,
        classes=log.classes,
        class_index=log.class_index,
        values=values,
        failed=failed,
        weight=weight,
        input_tokens=log.input_tokens,
        features=log.features,
        full=not isinstance(log, DecisionLog),
    )


def _billed(usd: Floats) -> Bools:
    """Which models cost anything at all `(k,)`: of a free one, no bill does not mean no answer."""
    billed: Bools = np.nan_to_num(usd).max(axis=0) > 0.0
    return billed
