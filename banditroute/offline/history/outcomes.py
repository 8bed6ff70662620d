"""A log as what `fit` learns from: vectors, outcomes per factor, and what judges said of quality.

A judge's scores are no outcomes. As in service they are measurements of quality, made anew from sums
whenever sums are asked for (`core.feedback.measurement`): where people have scored some of the same answers,
calibrated by those; where nobody has, they count for no more than a judge may be worth of whom nothing is
known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.core import kernels
from banditroute.core.base import Floats, Ints
from banditroute.core.features import TYPICAL_TOKENS, Layout, layout_of
from banditroute.core.feedback.calibration import Doubt
from banditroute.core.feedback.instruments import Instrument
from banditroute.core.feedback.measurement import doubt_of, with_judges
from banditroute.core.posterior import FactorPrior, SufficientStats, empty_stats
from banditroute.offline.history.dependence import common_noise
from banditroute.offline.history.judges import Scores
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.catalogue import log_features
from banditroute.types import FACTORS

NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
"""The outcomes of a factor that nobody has told of."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A log as vectors `x` `(n, d)`, classes `cls` `(n,)`, and per factor the `rows`, `models` and `values`
    of what is known, `(m,)` each. `scores` are what judges said of quality, who are doubted by `doubt`."""

    layout: Layout
    models: tuple[str, ...]
    x: Floats
    cls: Ints
    factors: Mapping[str, tuple[Ints, Ints, Floats]]
    scores: Scores | None = None
    doubt: Doubt = Doubt()

    def sums(self, name: str, prior: FactorPrior, keep: np.ndarray | None = None) -> SufficientStats:
        """The sums of one factor, of the requests that `keep` `(n,)` holds for; with them, in quality, what
        judges have measured."""
        direct = self._direct(self.factors.get(name, NOTHING), prior, keep)
        if name != "quality" or self.scores is None:
            return direct
        return with_judges(direct, self.instruments(prior, keep), prior.center, prior.noise, self.doubt)

    def seen(self, name: str, prior: FactorPrior, keep: np.ndarray) -> SufficientStats:
        """The sums that a prediction is held against: outcomes, and judges' scores only where nobody else has
        scored anything."""
        if name in self.factors or self.scores is None:
            return self._direct(self.factors[name], prior, keep)
        told = self.scores
        return self._direct((told.rows, told.models, told.values), prior, keep)

    def instruments(self, prior: FactorPrior, keep: np.ndarray | None = None) -> dict[str, Instrument]:
        """What each judge has said, alone and beside people."""
        if self.scores is None:
            return {}
        shape = len(self.models), len(self.layout.classes), self.layout.size
        return self.scores.instruments(self.x, self.cls, shape, prior.center, keep)

    def common(self, name: str, prior: FactorPrior) -> Floats:
        """The share of each model's noise `(k,)` that other models' outcomes of the same requests have too
        (`dependence`). What judges measured counts as having none: of quality it is the share that people's
        outcomes have in common, times people's part of the model's scored answers."""
        if name not in self.factors:
            return np.zeros(len(self.models))
        rows, models, values = self.factors[name]
        if prior.logarithmic:  # zeros have no logarithm, and the refit leaves them out of the noise too
            told = values > 0.0
            rows, models, values = rows[told], models[told], np.log(values[told])
        found = common_noise(rows, models, self.cls[rows], values, len(self.models))
        if name != "quality" or self.scores is None:
            return found
        people = np.bincount(models, minlength=len(self.models))
        return found * people / np.maximum(self.scored(name), 1)

    def scored(self, name: str) -> Ints:
        """Scored answers of every model `(k,)`, by whomever."""
        models = [self.factors[name][1]] if name in self.factors else []
        if name == "quality" and self.scores is not None:
            models.append(self.scores.models[np.isnan(self.scores.people)])
        return np.bincount(np.concatenate(models), minlength=len(self.models))

    def _direct(
        self, outcomes: tuple[Ints, Ints, Floats], prior: FactorPrior, keep: np.ndarray | None
    ) -> SufficientStats:
        rows, models, values = outcomes
        if keep is not None:
            chosen = keep[rows]
            rows, models, values = rows[chosen], models[chosen], values[chosen]
        stats = empty_stats(len(self.models), len(self.layout.classes), self.layout.size)
        kernels.observe_many(
            stats.xx, stats.xy, stats.cells, models, self.cls, self.x, rows, values,
            np.ones(len(rows)), prior.center, float(prior.logarithmic),
        )  # fmt: skip
        return stats


def outcomes_of(log: Log | DecisionLog, base: Settings) -> Outcomes:
    """What a log says, in the vectors of its own classes and features."""
    settings = replace(
        base,
        classes=tuple(RequestClass(name) for name in log.classes),
        features=FeatureSettings(numeric={**log_features(log), **base.features.numeric}),
    )
    layout = layout_of(settings)
    places = np.array([layout.class_index(name) for name in log.classes], np.int64)
    x, cls = layout.encode_columns(places[log.class_index], log.input_tokens, log.features)
    factors = {}
    for name in FACTORS:
        values = getattr(log, name, None)
        if values is None:
            continue
        if name == "quality" and log.judged is not None:
            values = log.judged.people(values)
        if name == "output_tokens":
            values = _with_bought_tokens(log, values, base)
        told = ~np.isnan(values)
        if not told.any():
            continue
        factors[name] = (*_places(log, told), np.ascontiguousarray(values[told], np.float64))
    return Outcomes(layout, log.models, x, cls, factors, _scores(log), doubt_of(base.trust))


def _places(log: Log | DecisionLog, told: np.ndarray) -> tuple[Ints, Ints]:
    """Request and model of the answers that are `told`, `(m,)` each."""
    if isinstance(log, DecisionLog):
        rows = np.flatnonzero(told)
        return rows, log.action[rows].astype(np.int64)
    rows, models = np.nonzero(told)
    return rows.astype(np.int64), models.astype(np.int64)


def _scores(log: Log | DecisionLog) -> Scores | None:
    """What judges have said; None where they have said nothing."""
    judged = log.judged
    if judged is None:
        return None
    told = judged.judge >= 0
    rows, models = _places(log, told)
    people = judged.people(log.quality)[told]
    return Scores(judged.judges, rows, models, judged.judge[told], judged.score[told], people)


def _with_bought_tokens(log: Log | DecisionLog, tokens: Floats, base: Settings) -> Floats:
    """Output tokens, where the log has none those that its USD would have bought at configured prices."""
    declared = {model.id: model for model in base.models}
    prices = np.full((len(log.models), 2), np.nan)
    for a, name in enumerate(log.models):
        model = declared.get(name)
        if model is not None and model.usd_per_input_token is not None and model.usd_per_output_token:
            prices[a] = model.usd_per_input_token, model.usd_per_output_token
    known = np.nan_to_num(np.trunc(log.input_tokens))
    length = np.where(known > 0.0, known, TYPICAL_TOKENS)
    if isinstance(log, DecisionLog):
        paid, per = length * prices[log.action, 0], prices[log.action, 1]
    else:
        paid, per = length[:, None] * prices[:, 0], prices[:, 1]
    bought = (log.usd - paid) / per
    bought = np.where(bought > 0.5, bought, np.where(np.isnan(bought), np.nan, 0.0))
    return np.where(np.isnan(tokens), bought, tokens)
