"""The numbers that a decision was made with, in plain names with their units."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from banditroute.service.pages.formats import money, number, quality, share

Tell = Callable[[float], str]

NAMES: Mapping[str, tuple[str, Tell]] = {
    "floor": ("Least share of every model", share),
    "epsilon": ("Share drawn at random", share),
    "threshold": ("Quality from which it stops asking others", quality),
    "min_quality": ("Quality that is good enough", quality),
    "usd_left": ("Left of the day's money", money),
    "exploration_usd": (
        "Cost of exploring",
        lambda usd: f"{money(usd)} expected, over always taking the best",
    ),
    "exploration_spent": ("Budget for exploring", lambda _: "used up today"),
    "looks": ("Learning ahead", lambda outcomes: f"about {number(outcomes)} more outcomes to come"),
    "shadow_usd": ("Price on a USD", lambda price: f"{number(price)} utility, to keep to the budget"),
    "shadow_second": ("Price on a second", lambda price: f"{number(price)} utility, to keep to the wait"),
    "baseline_share": (
        "Kept for the baseline",
        lambda part: f"{share(part)} of the class, for its guardrail",
    ),
    "eager": ("New models together", lambda part: f"{share(part)} at least, while one may be best"),
    "judge_base": ("Judged at random", share),
    "judge_value": ("Judged for what it could change", share),
    "judge_value_rate": ("Goal of those", lambda part: f"{share(part)} of all answers at most"),
    "judge_gain": ("Worth of a verdict", lambda gain: f"{number(gain)} utility"),
    "judge_mean_gain": ("Worth of a verdict elsewhere", lambda gain: f"{number(gain)} utility in the mean"),
}
"""What each parameter is called, and how its value is told."""

_TIER, _MODEL = "cap.tier.", "cap."


def parameters(used: Mapping[str, float]) -> list[tuple[str, str]]:
    """Names and values for people. In an experiment the name of a variant stands before a policy's own; what
    is not known here keeps its name."""
    return [_told(name, value) for name, value in used.items()]


def _told(name: str, value: float) -> tuple[str, str]:
    if name.startswith(_TIER):
        return f"Tier {name.removeprefix(_TIER)}, until confirmed", f"{share(value)} of the class at most"
    if name.startswith(_MODEL):
        return f"{name.removeprefix(_MODEL)}, while new", f"{share(value)} of the class at most"
    if name in NAMES:
        title, tell = NAMES[name]
        return title, tell(value)
    variant, _, own = name.rpartition(".")
    if own in NAMES and variant:
        title, tell = NAMES[own]
        return f"{title} (variant {variant})", tell(value)
    return name, number(value)
