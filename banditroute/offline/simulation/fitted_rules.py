"""Rules fitted on a training part of a log: what an analyst with a spreadsheet would route by.

`best_single:fitted` is the model with the highest mean reward in the training part, `per_class:fitted` the
best one of each class. They are played on the other part, as every policy is: a learner that cannot beat
them is not worth its exploration on such a log.

A class that was seldom seen borrows from the others. In a log with a row for every model of every
request, `d_a` is by how much model a's reward exceeds the mean of the models on the same request; what
makes a request hard is gone from it. Its mean in class g is shrunk towards its mean over all classes,

    d̂_ga = d̄_a + β_g (d̄_ga − d̄_a),   β_g = τ² / (τ² + σ²/n_g),

with the variance σ² within classes and τ² between them by the analysis of variance of a one-way layout with
random effects (Searle, Casella and McCulloch 1992, "Variance components", ch. 3), pooled over models.
Where classes do not differ, τ² is 0 and the rule is the best single model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Choice, Policy, Slate
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Floats, Ints, Log
from banditroute.offline.replay.oracles import rewards
from banditroute.policies.per_class import DEFAULT, PerClass
from banditroute.policies.static import Fixed
from banditroute.types import Weights

PER_CLASS, BEST_SINGLE = "per_class:fitted", "best_single:fitted"
FITTED = (PER_CLASS, BEST_SINGLE)
"""The rules that are fitted to a log, by the names `simulate` knows them by."""


@dataclass(frozen=True, slots=True)
class FittedRule:
    """A rule and how many requests it was fitted on. Chooses as its `rule` does, under its own name."""

    name: str
    rule: Policy
    requests: int
    learns: bool = False
    lookahead: float | None = None

    def choose(self, slate: Slate) -> Choice:
        return self.rule.choose(slate)

    @property
    def remark(self) -> str:
        """What a table says beside it."""
        return f"on {counted(self.requests, 'request')}"


def fitted_rules(train: Log, weights: Weights, prior_quality: float) -> Mapping[str, FittedRule]:
    """Both rules, by name. `prior_quality` is what a model without a prior counts as where a rule's own
    model may not be chosen."""
    reward = rewards(train, weights)
    single = train.models[int(reward.mean(axis=0).argmax())]
    best = class_means(train.class_index, reward, len(train.classes)).argmax(axis=1)
    seen = np.unique(train.class_index).tolist()
    models = {train.classes[g]: train.models[best[g]] for g in seen}
    n = len(train)
    return {
        PER_CLASS: FittedRule(PER_CLASS, PerClass(PER_CLASS, {**models, DEFAULT: single}, prior_quality), n),
        BEST_SINGLE: FittedRule(BEST_SINGLE, Fixed(BEST_SINGLE, single, prior_quality), n),
    }


def class_means(class_index: Ints, reward: Floats, classes: int) -> Floats:
    """Shrunk mean of each model's reward less the request's mean over models, `(classes, k)`.

    `class_index` `(n,)`, `reward` `(n, k)`. A class without requests has the mean over all.
    """
    contrast = reward - reward.mean(axis=1, keepdims=True)
    overall = contrast.mean(axis=0)
    count = np.bincount(class_index, minlength=classes).astype(np.float64)
    sums = np.zeros((classes, reward.shape[1]))
    np.add.at(sums, class_index, contrast)
    means = np.where(count[:, None] > 0, sums / np.maximum(count, 1.0)[:, None], overall)
    within, between = _variances(contrast, class_index, means, overall, count)
    trust = between / np.maximum(between + within / np.maximum(count, 1.0), np.finfo(np.float64).tiny)
    shrunk: Floats = overall + trust[:, None] * (means - overall)
    return shrunk


def _variances(
    contrast: Floats, class_index: Ints, means: Floats, overall: Floats, count: Floats
) -> tuple[float, float]:
    """Variance within classes and between them, pooled over models."""
    n, k = contrast.shape
    groups = int((count > 0).sum())
    if groups < 2 or n <= groups:
        return 1.0, 0.0  # one class, or nothing to tell noise by: the best single model
    freedom = k - 1.0  # the contrasts of a request sum to 0
    within = float(((contrast - means[class_index]) ** 2).sum()) / ((n - groups) * freedom)
    spread = float((count[:, None] * (means - overall) ** 2).sum()) / freedom
    size = n - float((count**2).sum()) / n
    return within, max(0.0, (spread - (groups - 1) * within) / size)
