r"""Rules from a file, first match wins: a routing table such as teams write by hand.

    choose = "cheapest"              # any policy: decides among the models that a rule leaves

    [[rules]]                        # the same conditions and effects as [[rules]] of the configuration
    reason = "medical questions go to the best models"
    pattern = '\b(diagnos|symptom|dosage)'
    tier = "premium"

The rules of the configuration hold before every policy; these are a policy themselves, and a
baseline to compare with. `rules` alone reads `starter.toml`, which ships beside this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from banditroute.config.settings import Rule, Settings
from banditroute.core.base import Bools, Choice, Policy, Slate, point_mass
from banditroute.core.rules import match_rule, models_left
from banditroute.errors import ConfigError
from banditroute.policies.order import by_prior, first_of
from banditroute.policies.rulefile import read_rules
from banditroute.types import Model

STARTER = "starter.toml"
_STRANDED = ": none of its models is eligible, best prior of the others"


@dataclass(frozen=True, slots=True)
class Rules:
    """The first rule that matches narrows the models, then `inner` chooses.

    Where a rule leaves none of the eligible models, their best prior answers, and the reason says
    so. Where no rule matches, `inner` chooses among all that are eligible.
    """

    name: str
    rules: tuple[Rule, ...]
    inner: Policy
    prior_quality: float

    @property
    def learns(self) -> bool:
        return self.inner.learns

    @property
    def lookahead(self) -> float | None:
        return self.inner.lookahead

    def choose(self, slate: Slate) -> Choice:
        matched = [match_rule(self.rules, context) for context in slate.contexts]
        left = slate.eligible & self._kept(slate.models, matched)
        stranded: Bools = ~np.any(left, axis=1, keepdims=True)
        choice = self.inner.choose(replace(slate, eligible=np.where(stranded, slate.eligible, left)))
        pmf = choice.pmf
        if stranded.any():
            best = first_of(by_prior(slate.models, self.prior_quality), slate.eligible)
            pmf = np.where(stranded, point_mass(best, len(slate.models)), pmf)
        reasons = [
            None if rule is None else self.rules[rule].reason + (_STRANDED if lost else "")
            for rule, lost in zip(matched, stranded[:, 0], strict=True)
        ]
        return replace(choice, pmf=pmf, reasons=reasons)

    def _kept(self, models: tuple[Model, ...], matched: Sequence[int | None]) -> Bools:
        kept = np.array([models_left(rule, models) for rule in self.rules], dtype=np.bool_)
        every = np.ones((1, len(models)), dtype=np.bool_)
        places = [len(self.rules) if rule is None else rule for rule in matched]
        return np.concatenate([kept.reshape(-1, len(models)), every])[places]


def build(argument: str, settings: Settings) -> Policy:
    """`rules` or `rules:FILE`; a relative FILE is relative to the configuration file."""
    rules, choose = read_rules(_find(argument or STARTER, settings), settings)
    # Deferred: the registry imports this module.
    from banditroute.policies import get_policy

    name = f"rules:{argument}" if argument else "rules"
    return Rules(name, rules, get_policy(choose, settings), settings.policy.prior_quality)


def _find(name: str, settings: Settings) -> Path:
    own = (settings.path.parent if settings.path is not None else Path()) / name
    if own.is_file():
        return own
    if name == STARTER:
        return Path(__file__).with_name(STARTER)
    raise ConfigError(
        f"there is no rules file '{own}'; write 'rules:FILE', or 'rules' for the shipped starter"
    )
