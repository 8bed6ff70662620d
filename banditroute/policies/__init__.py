"""Who chooses: every policy by its name. Adding one is one file and one line of the registry.

policy = get_policy("split:{control: fixed:gpt-4o 0.5, treatment: thompson 0.5}", settings)
choice = policy.choose(slate)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from banditroute.config.checks import nearest
from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.errors import ConfigError
from banditroute.policies import (
    budget,
    cascade,
    complexity,
    greedy,
    per_class,
    rules,
    split,
    static,
    thompson,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered policy: what builds it from the text after its name, and ways to write it.

    `usages` document the policy and are what the contract test builds, with MODEL replaced.
    """

    build: Callable[[str, Settings], Policy]
    usages: tuple[str, ...]


REGISTRY: Mapping[str, Entry] = {
    "thompson": Entry(thompson.build, ("thompson",)),
    "greedy": Entry(greedy.build, ("greedy", "greedy:0.1")),
    "fixed": Entry(static.fixed, ("fixed:MODEL",)),
    "cheapest": Entry(static.cheapest, ("cheapest",)),
    "best_prior": Entry(static.best_prior, ("best_prior",)),
    "random": Entry(static.uniform, ("random",)),
    "round_robin": Entry(static.round_robin, ("round_robin",)),
    "per_class": Entry(per_class.build, ("per_class:{code: MODEL, *: MODEL}",)),
    "rules": Entry(rules.build, ("rules", "rules:starter.toml")),
    "complexity": Entry(complexity.build, ("complexity", "complexity:price")),
    "budget": Entry(budget.build, ("budget", "budget:{quality: 0.85, usd_per_day: 50}")),
    "cascade": Entry(cascade.build, ("cascade", "cascade:{models: MODEL > MODEL, threshold: 0.7}")),
    "split": Entry(split.build, ("split:{control: fixed:MODEL 0.5, treatment: thompson 0.5}",)),
}


def get_policy(spec: str, settings: Settings) -> Policy:
    """The policy that `spec` names: `thompson`, `fixed:gpt-4o`, `rules:my_rules.toml`, …"""
    name, _, argument = spec.strip().partition(":")
    entry = REGISTRY.get(name.strip())
    if entry is None:
        known = ", ".join(usage for entry in REGISTRY.values() for usage in entry.usages)
        raise ConfigError(f'There is no policy "{name}"; {nearest(name, REGISTRY)} Write one of: {known}.')
    return entry.build(argument.strip(), settings)


def policy_specs(settings: Settings) -> tuple[str, ...]:
    """Every registered policy in each of its usages, MODEL replaced by models of the configuration.

    What the contract test discovers; a policy that is registered cannot escape it.
    """
    ids = [model.id for model in settings.models]
    usages = [usage for entry in REGISTRY.values() for usage in entry.usages]
    return tuple(_with_models(usage, ids) for usage in usages)


def _with_models(usage: str, ids: Sequence[str]) -> str:
    first, *rest = usage.split("MODEL")
    return first + "".join(ids[place % len(ids)] + part for place, part in enumerate(rest))


def baseline_specs(settings: Settings) -> tuple[str, ...]:
    """The static rules that need nothing but the models: what a learned policy is compared with."""
    fixed = (f"fixed:{model.id}" for model in settings.models)
    return (*fixed, "cheapest", "best_prior", "random", "round_robin", "complexity", "rules")
