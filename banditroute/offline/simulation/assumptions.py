"""What a policy's figures rest on: what a log must have for them, and what has to be said beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditroute.core.base import Policy
from banditroute.errors import LogError
from banditroute.offline.logs.reading import Log
from banditroute.policies.budget import Budget
from banditroute.policies.cascade import Cascade, chained
from banditroute.policies.grounds import groundless, needs_prompts
from banditroute.policies.parts import every_part
from banditroute.policies.static import BestPrior, Cheapest
from banditroute.types import Model


def require_one_step(policy: Policy, what: str) -> None:
    """Refuses a policy whose answer may take several decisions, where one is all there is: `what`, in a
    clause to follow 'and'."""
    if chained(policy):
        raise LogError(
            f"{policy.name} may ask several models before it answers, and {what}. Replay the cascade by "
            "itself on a log with a row for every model of every request: "
            "banditroute simulate LOG --policy 'cascade:…'."
        )


def require_playable(policy: Policy, log: Log, models: Sequence[Model]) -> None:
    """Refuses what a replay of this log, whose `models` these are, could not play as it is meant."""
    if not isinstance(policy, Cascade):
        require_one_step(policy, "a replay plays one step of a policy within a policy")
    if np.isnan(log.usd).any() and any(isinstance(part, Budget) for part in every_part(policy)):
        raise LogError(
            f"{policy.name} goes by what requests cost, and the log does not give the USD of every row: name "
            "the column with --columns usd=COLUMN, or give usd a weight and leave gaps out with --skip-bad."
        )
    if (lacks := groundless(policy, models)) is not None:
        raise LogError(
            f"{policy.name} cannot be played: {lacks}. What a request costs is what the log says: name its "
            f"column with --columns usd=COLUMN{_or_declare(policy)}."
        )
    if not any(log.prompts or ()) and needs_prompts(policy):
        raise LogError(
            f"{policy.name} cannot be played: it reads the prompts, and the log has none; name their column "
            "with --columns prompt=COLUMN."
        )


def _or_declare(policy: Policy) -> str:
    """What else helps, where something does."""
    if any(isinstance(part, BestPrior) for part in every_part(policy)):
        return ", or declare prior_quality of models with --config"
    return ""


def assumptions(policy: Policy, log: Log) -> str | None:
    """What a reader must know of this policy's figures, in a sentence; None where nothing."""
    if isinstance(policy, Cascade):
        return f"{policy.name} pays for every step, {' > '.join(policy.models)}; {_verifier(policy)}."
    if isinstance(policy, Budget) and policy.usd_per_day is not None and log.at is None:
        return f"{policy.name}: the log has no times, so a day is taken to be 86,400 requests, one a second."
    if np.isnan(log.usd).any() and any(isinstance(part, Cheapest) for part in every_part(policy)):
        return f"{policy.name} goes by each model's mean USD over the answers that have one."
    return None


def assumed(policy: Policy) -> str | None:
    """The same in a word, beside the policy's name in a table."""
    return "optimistic: perfect verifier" if isinstance(policy, Cascade) and not policy.verify.error else None


def _verifier(policy: Cascade) -> str:
    verify = policy.verify
    price = [f"{verify.usd:g} USD"] * bool(verify.usd) + [f"{verify.seconds:g} s"] * bool(verify.seconds)
    paid = f"each check costs {' and '.join(price)}" if price else "checks cost nothing"
    if not verify.error:
        return f"its verifier is taken to know the logged quality, which no verifier does: optimistic; {paid}"
    return f"its verifier is taken to see the logged quality with an error of sd {verify.error:g}; {paid}"
