"""What results are worth under a configuration, as SQL over `results`: USD, quality, reward.

The log holds what was reported; prices, the worth of an error and exchange rates are the configuration's. So
a change of those changes what is read at once, and nothing has to be tallied anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func, literal

from banditroute.config.settings import Settings
from banditroute.store import tables

_r = tables.results.c

Prices = dict[str, tuple[float, float]]
"""USD per input and output token of the models that have both."""


def known_prices(settings: Settings) -> Prices:
    """The list prices of a configuration."""
    return {
        own.id: (own.usd_per_input_token, own.usd_per_output_token)
        for own in settings.models
        if own.usd_per_input_token is not None and own.usd_per_output_token is not None
    }


def usd(settings: Settings) -> ColumnElement[Any]:
    """USD as reported, else tokens at list prices, else NULL."""
    prices = known_prices(settings)
    if not prices:
        return _r.usd
    listed = [
        (_r.model == model, _r.input_tokens * read + _r.output_tokens * written)
        for model, (read, written) in prices.items()
    ]
    return func.coalesce(_r.usd, case(*listed))


def quality(settings: Settings) -> ColumnElement[Any]:
    """Quality as it was told; a failed call that nobody scored counts as configured."""
    return func.coalesce(_r.quality, case((_r.error != 0.0, literal(settings.reward.error_quality))))


def reward(settings: Settings) -> ColumnElement[Any]:
    """Utility at the configured rates, NULL where a part that counts is not known."""
    rates = settings.reward.weights
    total: ColumnElement[Any] = rates.quality * quality(settings)
    for rate, part in ((rates.usd, usd(settings)), (rates.second, _r.seconds)):
        if rate:
            total = total - rate * part
    return total - rates.ttft_second * _r.ttft_seconds if rates.ttft_second else total
