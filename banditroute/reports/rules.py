"""Static rules that a bill can be made for from sums by class: what each would choose in every class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditroute.config.checks import nearest
from banditroute.config.settings import Settings
from banditroute.core.base import Slate
from banditroute.errors import ConfigError
from banditroute.policies import REGISTRY, get_policy
from banditroute.reports.cells import INPUT, METERED, SIZED, Cells, Floats
from banditroute.routing.wording import cut
from banditroute.types import Context

BY_CLASS = ("fixed", "cheapest", "best_prior", "random", "round_robin", "per_class")
"""Rules that know no more of a request than its class. The others look at its text, at what is left of a
budget, or at what was learned."""


def default_rules(models: Sequence[str], settings: Settings) -> list[str]:
    """Everything to each model, the cheapest, the best by its prior, and evenly spread."""
    priors = any(model.prior_quality is not None for model in settings.models)
    best = ["best_prior"] if priors else []
    return [*(f"fixed:{model}" for model in models), "cheapest", *best, "random"]


def chosen(spec: str, cells: Cells, usd: Floats, settings: Settings) -> Floats:
    """The probability of each model in each class `(c, k)` under a rule; a request costs `usd` `(c, k)`.

    `settings` hold the models of the cells, in their order. Raises ConfigError for what is no rule of
    the class alone.
    """
    check(spec, cells.models)
    policy = get_policy(spec, settings)
    table = cells.table()
    tokens = table[..., INPUT].sum(axis=1) / np.maximum(table[..., SIZED].sum(axis=1), 1.0)
    contexts = [
        Context(request_class=name, input_tokens=round(size) or None)
        for name, size in zip(cells.classes, tokens.tolist(), strict=True)
    ]
    shape = usd.shape
    choice = policy.choose(
        Slate(
            models=settings.models,
            contexts=contexts,
            ids=list(cells.classes),
            eligible=np.ones(shape, np.bool_),
            mean=np.zeros(shape),
            sd=np.zeros(shape),
            quality=np.zeros(shape),
            usd=usd,
            seconds=np.zeros(shape),
        )
    )
    return choice.pmf if choice.marginal is None else choice.marginal


def usd_per_request(answers: Floats, cells: Cells) -> Floats:
    """Mean USD `(c, k)` of a request of each class at each model, from `answer_usd` `(c, k, k)`."""
    metered = cells.table()[..., METERED].sum(axis=1)
    mean: Floats = answers.sum(axis=1) / np.maximum(metered, 1.0)[:, None]
    return mean


def check(spec: str, models: Sequence[str]) -> None:
    """Refuses what is neither a model nor a rule of the class alone, before anything is built or read."""
    name = spec.partition(":")[0].strip()
    if name in BY_CLASS:
        return
    if name in REGISTRY:
        raise ConfigError(
            f"the bill of {name} cannot be made from sums by class, which is all there is here; bills are "
            f"made of {', '.join(BY_CLASS)}. Simulate and evaluate tell of the others from a log."
        )
    raise ConfigError(f'there is no model or rule "{cut(spec)}"; {nearest(spec, (*models, *BY_CLASS))}')
