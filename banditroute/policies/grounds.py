"""Whether rules that go by price, by reputation or by prompts have anything to go by.

Where they have not, models come in the order of the configuration, or of their names, and every request
looks the same: an answer, but none that means what the rule's name says.
"""

from __future__ import annotations

from collections.abc import Sequence

from banditroute.core.base import Policy
from banditroute.policies.budget import Budget
from banditroute.policies.cascade import Cascade
from banditroute.policies.complexity import Complexity
from banditroute.policies.order import list_price
from banditroute.policies.parts import every_part
from banditroute.policies.rules import Rules
from banditroute.policies.static import BestPrior, Cheapest
from banditroute.types import Model


def groundless(policy: Policy, models: Sequence[Model]) -> str | None:
    """What the policy goes by and these models do not tell, as a clause that says which models; None where
    it has what it needs."""
    found = (_lacks(part, models) for part in every_part(policy))
    return next((clause for clause in found if clause is not None), None)


def needs_prompts(policy: Policy) -> bool:
    """Whether what the policy or a part of it does hangs on what a request says."""
    return any(
        isinstance(part, Complexity)
        or (isinstance(part, Rules) and any(rule.pattern or rule.keywords for rule in part.rules))
        for part in every_part(policy)
    )


def _lacks(policy: Policy, models: Sequence[Model]) -> str | None:
    if len(models) < 2:
        return None  # nothing is left to choose
    unpriced = [model.id for model in models if list_price(model) is None]
    if isinstance(policy, BestPrior):
        tied = _tied(models, policy.prior_quality)
        if set(tied) & set(unpriced):
            return f"it takes the best prior, and where tied the dearer: nothing tells {_some(tied)} apart"
        return None
    if not unpriced or not _by_price(policy, models):
        return None
    return f"it goes by price, and none is known of {_some(unpriced)}"


def _by_price(policy: Policy, models: Sequence[Model]) -> bool:
    """Whether a price of each model decides what the policy does with these."""
    if isinstance(policy, Complexity):
        return policy.by_price or len({model.tier for model in models}) < len(models)
    if isinstance(policy, Cascade):
        return "models" not in policy.name
    return isinstance(policy, Cheapest | Budget)


def _tied(models: Sequence[Model], unknown: float) -> list[str]:
    """The models of the best prior quality, where there are several."""
    quality = [unknown if model.prior_quality is None else model.prior_quality for model in models]
    best = [model.id for model, q in zip(models, quality, strict=True) if q == max(quality)]
    return best if len(best) > 1 else []


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
