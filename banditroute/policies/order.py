"""Orders that static policies go by: cheapest first, best prior first. Deterministic, ties included."""

from __future__ import annotations

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.core.memo import by_identity
from banditroute.types import Model

TYPICAL_INPUT_TOKENS = 1_000
TYPICAL_OUTPUT_TOKENS = 500
"""What one request is taken to be when list prices are compared."""


def list_price(model: Model) -> float | None:
    """USD of a typical request by list price; None where no price is known."""
    if model.usd_per_input_token is None and model.usd_per_output_token is None:
        return model.usd_per_request
    given = (model.usd_per_input_token or 0.0) * TYPICAL_INPUT_TOKENS
    return given + (model.usd_per_output_token or 0.0) * TYPICAL_OUTPUT_TOKENS


@by_identity
def by_price(models: tuple[Model, ...]) -> Ints:
    """Places of the models, cheapest list price first, unknown prices last, ties as configured."""
    prices = [np.inf if (price := list_price(model)) is None else price for model in models]
    return np.argsort(np.array(prices), kind="stable").astype(np.int64)


def by_prior(models: tuple[Model, ...], unknown: float) -> Ints:
    """Places of the models, best prior quality first; where tied, the dearer list price first.

    A model without a prior quality counts as `unknown`, the mean that learning starts from.
    """

    def merit(place: int) -> tuple[float, float]:
        model = models[place]
        quality = unknown if model.prior_quality is None else model.prior_quality
        return -quality, -(list_price(model) or 0.0)

    return np.array(sorted(range(len(models)), key=merit), dtype=np.int64)


def first_of(order: Ints, eligible: Bools) -> Ints:
    """The first eligible model of an order, row by row: `(k,), (n, k) -> (n,)`."""
    found: Ints = order[eligible[:, order].argmax(axis=1)]
    return found


def cheapest_of(models: tuple[Model, ...], usd: Floats, eligible: Bools) -> Ints:
    """The eligible model of the least expected cost, ties by list price: `(n, k) -> (n,)`."""
    order = by_price(models)
    known = np.nan_to_num(usd, nan=np.finfo(np.float64).max)
    found: Ints = order[np.where(eligible, known, np.inf)[:, order].argmin(axis=1)]
    return found
