"""An experiment: each unit stays with one variant, by a hash, and each variant is a policy.

    split:{control: fixed:gpt-4o 0.5, treatment: thompson 0.5}
    split:autumn{control: cheapest 0.9, treatment: per_class:{code: gpt-4o, *: deepseek-v3} 0.1}

Each item is `VARIANT: POLICY SHARE`; the shares sum to 1. The name before the brace salts the
hash, so that two experiments divide the same units independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Floats, Policy, Slate, Variants
from banditroute.errors import ConfigError
from banditroute.policies.spec import braced, number
from banditroute.policies.static import hash_to_unit

USAGE = "split:{control: fixed:MODEL 0.5, treatment: thompson 0.5}, items 'VARIANT: POLICY SHARE'"


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of the experiment and its share of the units."""

    name: str
    policy: Policy
    share: float


@dataclass(frozen=True, slots=True)
class Split:
    """Assigns by a hash of the unit; of the decision id where the request names no unit.

    The pmf is the one given the variant; `marginal` averages the variants by their shares, and is
    what an estimate over all units needs.
    """

    name: str
    salt: str
    variants: tuple[Variant, ...]
    lookahead: float | None

    @property
    def learns(self) -> bool:
        return any(variant.policy.learns for variant in self.variants)

    def choose(self, slate: Slate) -> Choice:
        shares = np.array([variant.share for variant in self.variants])
        units = [context.unit or key for context, key in zip(slate.contexts, slate.ids, strict=True)]
        points = [hash_to_unit(self.salt, unit) for unit in units]
        assigned = np.searchsorted(shares.cumsum()[:-1], points, side="right")
        choices = [variant.policy.choose(slate) for variant in self.variants]
        rows = np.arange(len(units))
        pmfs = np.stack([choice.pmf for choice in choices])
        pmf: Floats = pmfs[assigned, rows]
        return Choice(
            pmf,
            reasons=[_reason(choices[v], i) for i, v in enumerate(assigned)],
            variants=[self.variants[v].name for v in assigned],
            shares=shares[assigned],
            marginal=np.tensordot(shares, pmfs, axes=1),
            parameters={
                f"{variant.name}.{key}": value
                for variant, choice in zip(self.variants, choices, strict=True)
                for key, value in choice.parameters.items()
            },
            row_parameters={
                f"{variant.name}.{key}": values
                for variant, choice in zip(self.variants, choices, strict=True)
                for key, values in choice.row_parameters.items()
            },
            draws=_draws(choices)[assigned, rows],
            variants_of=Variants(
                pmfs, shares, np.array([variant.policy.learns for variant in self.variants]), assigned
            ),
        )


def _reason(choice: Choice, row: int) -> str | None:
    return None if choice.reasons is None else choice.reasons[row]


def _draws(choices: list[Choice]) -> Floats:
    """The numbers each variant draws with, `(variants, n)`; NaN where it goes by the seed."""
    seeded = np.full(len(choices[0].pmf), np.nan)
    return np.stack([seeded if choice.draws is None else choice.draws for choice in choices])


def build(argument: str, settings: Settings) -> Policy:
    """`split:{VARIANT: POLICY SHARE, …}` or `split:NAME{…}`."""
    salt, brace, rest = argument.partition("{")
    items = braced(brace + rest, USAGE)
    variants = tuple(_variant(name, value, settings) for name, value in items)
    total = sum(variant.share for variant in variants)
    if abs(total - 1.0) > 1e-9:
        raise ConfigError(f"the shares of '{argument}' sum to {total:g}; they must sum to 1")
    lookaheads = {v.policy.lookahead for v in variants if v.policy.lookahead is not None}
    if len(lookaheads) > 1:
        raise ConfigError(f"the variants of '{argument}' explore by different lookaheads; use one for all")
    return Split(f"split:{argument}", salt.strip() or "split", variants, next(iter(lookaheads), None))


def _variant(name: str, value: str, settings: Settings) -> Variant:
    # Deferred: the registry imports this module.
    from banditroute.policies import get_policy

    spec, _, share = value.rpartition(" ")
    if not spec:
        raise ConfigError(f"the variant '{name}' needs a policy and a share; write {USAGE}")
    if spec.strip().startswith("split"):
        raise ConfigError(f"the variant '{name}' is itself a split; write one split with all variants")
    return Variant(name, get_policy(spec, settings), number(share, 0.0, 1.0, f"the share of '{name}'"))
