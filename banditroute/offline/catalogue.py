"""The configuration under which a log is replayed: its models, its classes, its requests as contexts.

List prices are what an operator knows beforehand. The log's mean USD per request stands for them: it
orders the models for `cheapest` and `best_prior` and gives `complexity` its tiers. Learners
start from the configured priors and learn cost from what they pay, as they do live.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from banditroute.classify import classify
from banditroute.config.settings import FeatureSettings, RequestClass, Settings
from banditroute.offline.logs import Floats, Log
from banditroute.types import Context, Model, Weights

TIERS = ("budget", "standard", "premium")


def log_settings(log: Log, base: Settings, weights: Weights) -> Settings:
    """`base` with the log's models, classes, features and weights; classes it declares stay as declared.

    Features that `base` does not declare are centred and scaled as they are in the log. Hard rules
    and limits are not part of a replay.
    """
    declared = {known.name: known for known in base.classes}
    features = {name: _center_and_scale(values) for name, values in log.features.items()}
    return replace(
        base,
        reward=replace(base.reward, weights=weights),
        policy=replace(base.policy, horizon=len(log)),
        features=FeatureSettings(numeric={**features, **base.features.numeric}),
        models=_models(log, base),
        classes=tuple(declared.get(name, RequestClass(name)) for name in log.classes),
        rules=(),
    )


def contexts(log: Log, settings: Settings, *, text: bool) -> list[Context]:
    """Every request of the log as a context, in the log's order.

    With `text` the prompt and its complexity are filled in, for policies that read them.
    """
    return [_context(log, i, settings, text) for i in range(len(log))]


def _context(log: Log, i: int, settings: Settings, text: bool) -> Context:
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
    """The log's models: tiers by the thirds of their mean USD, unless `base` declares them.

    Of a declared model its tier, family, group and prior quality count. Its prices do not: what a
    request costs is what the log says.
    """
    declared = {model.id: model for model in base.models}
    mean_usd = log.usd.mean(axis=0)
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
                usd_per_request=float(usd) if priced else None,
            )
        )
    return tuple(models)


def _center_and_scale(values: Floats) -> tuple[float, float]:
    scale = float(values.std())
    return float(values.mean()), scale if scale > 0 else 1.0
