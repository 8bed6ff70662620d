"""An experiment: each unit stays with one variant, by a hash, and each variant is a policy.

    split:{control: fixed:gpt-4o 0.5, treatment: thompson 0.5}
    split:autumn{control: cheapest 0.9, treatment: per_class:{code: gpt-4o, *: deepseek-v3} 0.1}

Each item is `VARIANT: POLICY SHARE`; the shares sum to 1. The name before the brace salts the
hash, so that two experiments divide the same units independently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Choice, Floats, Ints, Policy, Slate, Variants
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
        units = [context.unit or key for context, key in zip(slate.contexts, slate.ids, strict=True)]
        return self.among(slate, self.assigned(units))

    def assigned(self, units: Sequence[str]) -> Ints:
        """The place of each unit's variant among the variants, `(n,)`."""
        ends = list(accumulate(variant.share for variant in self.variants))[:-1]
        return np.array([bisect_right(ends, hash_to_unit(self.salt, unit)) for unit in units], dtype=np.int64)

    def among(self, slate: Slate, assigned: Ints) -> Choice:
        """The choice for requests that are with the variants at the places `assigned` `(n,)`."""
        choices = [variant.policy.choose(slate) for variant in self.variants]
        shares = np.array([variant.share for variant in self.variants])
        learns = np.array([variant.policy.learns for variant in self.variants])
        of = Variants(np.array([choice.pmf for choice in choices]), shares, learns, assigned)
        places = assigned.tolist()
        return Choice(
            of.pmf,
            reasons=[_reason(choices[place], row) for row, place in enumerate(places)],
            variants=[self.variants[place].name for place in places],
            shares=shares[assigned],
            marginal=of.marginal,
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
            draws=_draws(choices, places),
            variants_of=of,
        )


def _reason(choice: Choice, row: int) -> str | None:
    return None if choice.reasons is None else choice.reasons[row]


def _draws(choices: Sequence[Choice], places: Sequence[int]) -> Floats | None:
    """The number that each request's variant draws with; NaN where it goes by the seed, None where all do."""
    if all(choice.draws is None for choice in choices):
        return None
    given = [choices[place].draws for place in places]
    return np.array([np.nan if own is None else own[row] for row, own in enumerate(given)])


def build(argument: str, settings: Settings) -> Policy:
    """`split:{VARIANT: POLICY SHARE, …}` or `split:NAME{…}`."""
    salt, brace, rest = argument.partition("{")
    items = braced(brace + rest, USAGE)
    variants = tuple(_variant(name, value, settings) for name, value in items)
    total = sum(variant.share for variant in variants)
    if abs(total - 1.0) > 1e-9:
        raise ConfigError(f"the shares of '{argument}' sum to {total:g}; they must sum to 1")
    return split_of(f"split:{argument}", salt.strip() or "split", variants)


def split_of(name: str, salt: str, variants: tuple[Variant, ...]) -> Split:
    """A split of variants whose shares sum to 1; they must agree on how far ahead they explore."""
    lookaheads = {own.policy.lookahead for own in variants if own.policy.lookahead is not None}
    if len(lookaheads) > 1:
        raise ConfigError(f"the variants of '{name}' explore by different lookaheads; use one for all")
    return Split(name, salt, variants, next(iter(lookaheads), None))


def variant_of(name: str, spec: str, share: float, settings: Settings) -> Variant:
    """A variant by the name of its policy, which may be any but a split."""
    # Deferred: the registry imports this module.
    from banditroute.policies import get_policy

    if spec.strip().startswith("split"):
        raise ConfigError(f"the variant '{name}' is itself a split; write one split with all variants")
    return Variant(name, get_policy(spec, settings), share)


def _variant(name: str, value: str, settings: Settings) -> Variant:
    spec, _, share = value.rpartition(" ")
    if not spec:
        raise ConfigError(f"the variant '{name}' needs a policy and a share; write {USAGE}")
    return variant_of(name, spec, number(share, 0.0, 1.0, f"the share of '{name}'"), settings)
