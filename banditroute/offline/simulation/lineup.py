"""Who plays in a simulation: learners, rules, rules fitted on a part of the log; and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.errors import LogError
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Log
from banditroute.offline.simulation.assumptions import assumed, assumptions, require_playable
from banditroute.offline.simulation.fitted_rules import FITTED, FittedRule, fitted_rules
from banditroute.offline.simulation.parts import Parts
from banditroute.policies import get_policy
from banditroute.policies.grounds import groundless
from banditroute.types import Weights

LEARNERS = ("thompson", "greedy")
FEW = 30
"""Requests below which it is said that a rule fitted on them tells little."""

STATIC = ("random", "round_robin", "cheapest", "best_prior", "complexity")


def default_policies(log: Log, settings: Settings, *, fitted: bool) -> tuple[list[str], list[str]]:
    """Every policy that the log allows, and a note for each one that it does not. Rules that are `fitted`
    need a training part."""
    lacking = {name: groundless(get_policy(name, settings), settings.models) for name in STATIC}
    if not any(log.prompts or ()):
        lacking["complexity"] = "the log has no prompts to score"
    left_out = {name: why for name, why in lacking.items() if why is not None}
    names = [*LEARNERS, *STATIC, *(f"fixed:{model}" for model in log.models)]
    names += FITTED if fitted else ()
    notes = [f"{name} is left out: {why}." for name, why in left_out.items()]
    return [name for name in names if name not in left_out], notes


def line_up(
    names: Sequence[str], log: Log, parts: Parts | None, weights: Weights, settings: Settings
) -> Mapping[str, Policy]:
    """The policies by name, rules fitted where they are to be; refused where the log cannot play one."""
    fitted: Mapping[str, Policy] = {}
    if any(name in FITTED for name in names):
        if parts is None:
            raise LogError(
                f"{next(name for name in names if name in FITTED)} needs a training part to be fitted on: "
                "--train split=val, or a share of the log, --train 0.3."
            )
        fitted = fitted_rules(parts.training, weights, settings.policy.prior_quality)
    chosen = {name: fitted[name] if name in fitted else get_policy(name, settings) for name in names}
    for policy in chosen.values():
        require_playable(policy, log, settings.models)
    return chosen


def notes_on(policies: Mapping[str, Policy], log: Log, parts: Parts | None) -> list[str]:
    """What has to be said of the figures of some policies."""
    said = [assumption for policy in policies.values() if (assumption := assumptions(policy, log))]
    if parts is not None:
        said.append(
            f"Rules were fitted on {counted(len(parts.training), 'request')}, {parts.how}; every policy was "
            f"played on the other {len(log):,}."
        )
        if len(parts.training) < FEW:
            said.append(
                f"Rules fitted on fewer than {FEW} requests are mostly luck; give --train a larger part."
            )
    return said


def remark(policy: Policy) -> str | None:
    """What a table says beside the name of a policy; None where nothing."""
    return policy.remark if isinstance(policy, FittedRule) else assumed(policy)
