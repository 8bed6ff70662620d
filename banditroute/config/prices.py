"""List prices and context windows of known models, from a maintained price package, offline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from banditroute.config.settings import Upstream
from banditroute.types import Model

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo, TieredPrices


def is_priced(model: Model) -> bool:
    """Whether it is known what a call costs."""
    return model.usd_per_output_token is not None or model.usd_per_request is not None


def with_list_price(model: Model, upstream: Upstream) -> Model:
    """The model with the price and the context window of the list, where it has none of its own."""
    if is_priced(model) and model.context_window is not None:
        return model
    known = _find(model.upstream_name or model.id, upstream)
    if known is None:
        return model
    if not is_priced(model):
        model = _priced(model, known)
    return replace(model, context_window=model.context_window or known.context_window)


def _find(name: str, upstream: Upstream) -> ModelInfo | None:
    """The list's entry: at the provider of the upstream's name, else of its address.

    A simulated model stands for the real one of its name, whoever sells it.
    """
    from genai_prices.data_snapshot import get_snapshot  # 0.5 s to import: only where it is needed

    providers: list[tuple[str | None, str | None]] = [(upstream.name, None)]
    if upstream.base_url is not None:
        providers.append((None, upstream.base_url))
    if upstream.dialect == "simulated":
        providers.append((None, None))
    for provider, address in providers:
        try:
            return get_snapshot().find_provider_model(name, None, provider, address)[1]
        except LookupError:
            continue
    return None


def _priced(model: Model, known: ModelInfo) -> Model:
    # Some providers charge less at night: noon is the price of the day, whenever the router starts.
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    prices = known.get_prices(noon)
    usd_in, usd_out = _per_token(prices.input_mtok), _per_token(prices.output_mtok)
    if usd_in is None or usd_out is None:
        return model
    return replace(model, usd_per_input_token=usd_in, usd_per_output_token=usd_out)


def _per_token(usd_per_million: Decimal | TieredPrices | None) -> float | None:
    """Where long prompts cost more, the price of the others."""
    from genai_prices.types import TieredPrices

    price = usd_per_million.base if isinstance(usd_per_million, TieredPrices) else usd_per_million
    return None if price is None else float(price) / 1e6
