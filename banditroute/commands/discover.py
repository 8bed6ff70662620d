"""`banditroute check --discover`: models that providers serve and the configuration lacks, or the reverse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from banditroute.config.prices import is_priced, with_list_price
from banditroute.config.priortable import PriorTable, read_prior_table, with_prior_table
from banditroute.errors import UpstreamError
from banditroute.types import Model

if TYPE_CHECKING:
    from banditroute.config.settings import Settings, Upstream


@dataclass(frozen=True, slots=True)
class Difference:
    """One upstream against the configuration. `new` are models with the price and the prior that are known of
    them, `gone` ids of configured ones that it does not serve; `trouble` says why there is no answer."""

    upstream: str
    new: tuple[Model, ...] = ()
    gone: tuple[str, ...] = ()
    trouble: str = ""

    def to_dict(self) -> dict[str, object]:
        """As `--json` prints it."""
        return {
            "upstream": self.upstream,
            "new": [{"id": model.id, "toml": toml_of(model) if known(model) else None} for model in self.new],
            "gone": list(self.gone),
            "trouble": self.trouble or None,
        }


def discover(settings: Settings, priors: PriorTable | None = None) -> list[Difference]:
    """Asks every upstream that speaks OpenAI's dialect which models it serves, all at once."""
    asked = [upstream for upstream in settings.upstreams if upstream.dialect == "openai"]
    table = priors or read_prior_table()
    return asyncio.run(_differences(asked, settings, table))


async def _differences(asked: Sequence[Upstream], settings: Settings, table: PriorTable) -> list[Difference]:
    return list(await asyncio.gather(*(_difference(upstream, settings, table) for upstream in asked)))


async def _difference(upstream: Upstream, settings: Settings, table: PriorTable) -> Difference:
    from banditroute.upstream.listing import served_models  # loads the HTTP client

    try:
        served = await served_models(upstream)
    except UpstreamError as error:
        return Difference(upstream.name, trouble=str(error))
    mine = [model for model in settings.models if model.provider == upstream.name]
    own = {model.upstream_name or model.id: model.id for model in mine}
    ids = {model.id for model in settings.models}
    classes = [declared.name for declared in settings.classes]
    new = [_newcomer(name, upstream, ids) for name in served if name not in own]
    return Difference(
        upstream.name,
        with_prior_table(new, table, settings.policy.prior_quality, classes),
        tuple(model for name, model in own.items() if name not in served),
    )


def _newcomer(name: str, upstream: Upstream, taken: set[str]) -> Model:
    model = Model(name, provider=upstream.name)
    if name in taken:  # another provider's model of that name is a model of its own
        model = Model(f"{upstream.name}/{name}", provider=upstream.name, upstream_name=name)
    return with_list_price(model, upstream)


def known(model: Model) -> bool:
    """Whether a price or a prior of it is known: lists also hold what no chat can be had with."""
    return is_priced(model) or model.prior_quality is not None


def toml_of(model: Model) -> str:
    """The entry to add to the configuration."""
    lines = ["[[models]]", f"id = {json.dumps(model.id)}", f"upstream = {json.dumps(model.provider)}"]
    if model.upstream_name is not None:
        lines.append(f"upstream_name = {json.dumps(model.upstream_name)}")
    for side, usd in (("input", model.usd_per_input_token), ("output", model.usd_per_output_token)):
        lines.append(
            f"# usd_per_million_{side} = …  # not in the price list"
            if usd is None
            else f"usd_per_million_{side} = {round(usd * 1e6, 9):g}"
        )
    if model.context_window is not None:
        lines.append(f"context_window = {model.context_window}")
    if model.prior_quality is not None:
        lines.append(f"prior_quality = {model.prior_quality:.3f}  # from the table of published results")
    return "\n".join(lines)


def sentences(differences: Sequence[Difference]) -> str:
    """What was found, for people."""
    if not differences:
        return "No upstream speaks OpenAI's dialect, so there is nobody to ask which models it serves."
    parts = []
    for found in differences:
        if found.trouble:
            parts.append(found.trouble)
            continue
        parts.append(f"{found.upstream}: {len(found.new)} new, {len(found.gone)} gone.")
        parts += [f"It does not serve {name} any more, or not to you." for name in found.gone]
        parts += [f"\n{toml_of(model)}" for model in found.new if known(model)]
        if unknown := [model.id for model in found.new if not known(model)]:
            parts.append(f"\nServed too, and in no list of prices or results: {', '.join(unknown)}.")
    return "\n".join(parts)
