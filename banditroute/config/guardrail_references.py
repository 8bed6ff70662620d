"""What `[[guardrails]]` and `[trial]` say about other entries: classes, models and tiers that exist, and each
class promised once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from banditroute.config.checks import nearest
from banditroute.config.feedback import EVERY, Guardrail, TrialSettings
from banditroute.config.lines import Path
from banditroute.config.problems import Problems
from banditroute.types import OTHER


def check_guardrails(
    guardrails: Mapping[int, Guardrail],
    models: Collection[str],
    classes: Collection[str],
    problems: Problems,
) -> None:
    """Notes promises without a baseline, about classes that nothing bears, and those that come twice. Entries
    come by position; the other collections hold names."""
    seen: set[str] = set()
    for i, guardrail in guardrails.items():
        name, label = guardrail.request_class, f'[[guardrails]] "{guardrail.request_class}"'
        path = ("guardrails", i)
        if name in seen:
            problems.add(
                (*path, "request_class"),
                f'the request_class "{name}" is given twice in [[guardrails]]; keep one.',
            )
        seen.add(name)
        if name != EVERY:
            _refer((*path, "request_class"), f"request_class in {label}", name, (*classes, OTHER), problems)
        if guardrail.baseline:
            _refer((*path, "baseline"), f"baseline in {label}", guardrail.baseline, models, problems)
        else:
            problems.add(
                path, f'{label} has no baseline; add the model that it is held against, baseline = "…".'
            )


def check_trial(trial: TrialSettings, tiers: Collection[str], problems: Problems) -> None:
    """Notes shares of tiers that nothing bears."""
    for tier in trial.tier_shares:
        _refer(("trial", "tier_shares", tier), "tier_shares in [trial]", tier, tiers, problems)


def _refer(path: Path, label: str, name: str, known: Collection[str], problems: Problems) -> None:
    if name not in known:
        problems.add(path, f'{label} names "{name}", which is not declared; {nearest(name, sorted(known))}')
