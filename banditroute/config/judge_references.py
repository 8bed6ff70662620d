"""What `[judge]` says about other entries: its model, its upstream, its reference and its classes exist."""

from __future__ import annotations

from collections.abc import Collection

from banditroute.config.checks import nearest
from banditroute.config.feedback import JudgeSettings
from banditroute.config.problems import Problems
from banditroute.types import OTHER


def check_judge(
    judge: JudgeSettings,
    upstreams: Collection[str],
    models: Collection[str],
    classes: Collection[str],
    problems: Problems,
) -> None:
    """Notes every name in `[judge]` that nothing bears, and half a price. Collections hold names."""
    if judge.upstream:
        _refer("upstream", judge.upstream, upstreams, problems)
    elif judge.model and judge.model not in models:
        known = nearest(judge.model, sorted(models))
        problems.add(
            ("judge", "model"),
            f'model in [judge] names "{judge.model}", which is not declared; {known} For a model that only '
            'judges, say in [judge] which upstream serves it, as in upstream = "openai".',
        )
    if judge.reference:
        _refer("reference", judge.reference, models, problems)
    elif judge.rubric == "pairwise":
        problems.add(
            ("judge", "rubric"),
            "rubric in [judge] compares answers with those of a reference; name one of the models, "
            'as in reference = "gpt-4o".',
        )
    for name in judge.classes:
        _refer("classes", name, (*classes, OTHER), problems)
    if (judge.usd_per_million_input is None) != (judge.usd_per_million_output is None):
        missing = "input" if judge.usd_per_million_input is None else "output"
        problems.add(("judge",), f"[judge] has half a price; add usd_per_million_{missing}.")


def _refer(key: str, name: str, known: Collection[str], problems: Problems) -> None:
    if name not in known:
        problems.add(
            ("judge", key),
            f'{key} in [judge] names "{name}", which is not declared; {nearest(name, sorted(known))}',
        )
