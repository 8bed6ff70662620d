"""The configuration under which a log is replayed: its models, its classes, its requests as contexts.

List prices are what an operator knows beforehand. The log's mean USD per request stands for them: it
orders the models for `cheapest` and `best_prior` and gives `complexity` its tiers. Learners
start from the configured priors and learn cost from what they pay, as they do live.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from banditroute.classify import classify
from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.reading import Floats, Log
from banditroute.types import Context, Model, Weights

TIERS = ("budget", "standard", "premium")


def log_settings(log: Log, base: Settings, weights: Weights) -> Settings:
    """`base` with the log's models, classes, features and weights; classes it declares stay as declared.

    Features that `base` does not declare are centred and scaled as they are in the log. Hard rules
    and limits are not part of a replay.
    """
    declared = {known.name: known for known in base.classes}
    return replace(
        base,
        reward=replace(base.reward, weights=weights),
        policy=replace(base.policy, horizon=len(log), pool_priors=False),
        features=FeatureSettings(
            numeric={**log_features(log), **_prior_features(log, base), **base.features.numeric}
        ),
        models=_models(log, base),
        classes=tuple(declared.get(name, RequestClass(name)) for name in log.classes),
        rules=(),
    )


def _prior_features(log: Log, base: Settings) -> dict[str, tuple[float, float]]:
    """Center and scale of the log's features as the prior has them, whose sums are in those units."""
    known = () if base.prior is None else base.prior.features
    return {name: (center, scale) for name, center, scale in known if name in log.features}


def log_features(log: Log | DecisionLog) -> dict[str, tuple[float, float]]:
    """Center and scale of every feature of the log, as it has them."""
    return {name: _center_and_scale(values) for name, values in log.features.items()}


def contexts(log: Log | DecisionLog, settings: Settings, *, text: bool) -> Sequence[Context]:
    """Every request of the log as a context, in the log's order.

    With `text` the prompt and its complexity are filled in, for policies that read them. Without, a
    context is made when it is looked at, so that a million of them need no memory.
    """
    if text:
        return [_context(log, i, settings, text) for i in range(len(log))]
    return LogContexts(log, settings, range(len(log)))


@dataclass(frozen=True, slots=True)
class LogContexts(Sequence[Context]):
    """The requests `rows` of a log as contexts without text, each made when it is asked for."""

    log: Log | DecisionLog
    settings: Settings
    rows: range

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int) -> Context: ...

    @overload
    def __getitem__(self, key: slice) -> LogContexts: ...

    def __getitem__(self, key: int | slice) -> Context | LogContexts:
        if isinstance(key, slice):
            return LogContexts(self.log, self.settings, self.rows[key])
        return _context(self.log, self.rows[key], self.settings, text=False)


def _context(log: Log | DecisionLog, i: int, settings: Settings, text: bool) -> Context:
    tokens = None if math.isnan(log.input_tokens[i]) else int(log.input_tokens[i])
    prompt = log.prompts[i] if text and log.prompts is not None else ""
    return Context(
        request_class=log.classes[log.class_index[i]],
        complexity=classify(prompt, tokens, settings).complexity if prompt else None,
        input_tokens=tokens,
        features={name: float(values[i]) for name, values in log.features.items()},
        text=prompt,
        unit=log.unit[i] if log.unit is not None else None,
    )


def _models(log: Log, base: Settings) -> tuple[Model, ...]:
    """The log's models: tiers by the thirds of their mean USD where known, unless `base` declares them.

    Of a declared model its tier, family, group and prior quality count. Its prices do not: what a
    request costs is what the log says.
    """
    declared = {model.id: model for model in base.models}
    mean_usd = mean_of_known(log.usd)
    priced = bool(np.isfinite(mean_usd).all())
    thirds = np.argsort(np.argsort(mean_usd, kind="stable")) * 3 // len(log.models)
    models = []
    for name, usd, third in zip(log.models, mean_usd, thirds, strict=True):
        known = declared.get(name, Model(id=name, tier=TIERS[third] if priced else "standard"))
        models.append(
            Model(
                id=name,
                tier=known.tier,
                group=known.group,
                family=known.family,
                prior_quality=known.prior_quality,
                usd_per_request=float(usd) if math.isfinite(usd) else None,
            )
        )
    return tuple(models)


def mean_of_known(values: Floats) -> Floats:
    """Means of columns `(n, k) -> (k,)` over what is known of each; nan where nothing is."""
    known = np.isfinite(values)
    mean: Floats = np.divide(
        np.where(known, values, 0.0).sum(axis=0),
        known.sum(axis=0),
        out=np.full(values.shape[1], math.nan),
        where=known.any(axis=0),
    )
    return mean


def _center_and_scale(values: Floats) -> tuple[float, float]:
    scale = float(values.std())
    return float(values.mean()), scale if scale > 0 else 1.0
