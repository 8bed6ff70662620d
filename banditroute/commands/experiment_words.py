"""What a configured experiment says, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from banditroute.config.experiments import Experiment

_AIMS = {
    "quality": "quality",
    "usd": "USD a request",
    "seconds": "seconds a request",
    "reward": "reward",
    "error": "the share of errors",
    "fallback": "the share of fallbacks",
    "output_tokens": "output tokens",
}

_UNITS = {"seconds": " s", "output_tokens": " tokens"}


def tell(own: Experiment) -> Iterator[str]:
    """One experiment: who takes part, what they get, when, and what is asked."""
    rivals = ", ".join(f"{percent(each.share)} {each.name} ({each.policy})" for each in own.variants)
    where = f" in {', '.join(own.classes)}" if own.classes else ""
    kept = f", the last {percent(own.holdout)} of them held out" if own.holdout else ""
    yield f"{own.name}: of the units ({units(own)}){where}{kept}, {rivals}."
    yield f"It {times(own)}" + ("." if own.running else ", once it is started.")
    against = f"compared with {own.control} by {_AIMS[own.metric]}"
    yield f"The others are {against}, with a margin of {_margin(own)}."


def _margin(own: Experiment) -> str:
    """How much worse is still not worse, with its unit."""
    if own.metric in ("quality", "error", "fallback"):
        return f"{own.margin:g} ({100.0 * own.margin:g} {'point' if own.margin == 0.01 else 'points'})"
    return f"${own.margin:g}" if own.metric == "usd" else f"{own.margin:g}{_UNITS.get(own.metric, '')}"


def units(own: Experiment) -> str:
    """The range of units, in a few words."""
    low, high = own.units
    return "all" if (low, high) == (0.0, 1.0) else f"{low:g} to {high:g}"


def times(own: Experiment) -> str:
    """When it runs and how many enter, in words that follow its name."""
    starts = f" from {when(own.start)}" if own.start is not None else ""
    rises = ", ".join(f"{percent(step.share)} from {when(step.at)}" for step in own.ramp)
    ends = f" until {when(own.stop)}" if own.stop is not None else ""
    return f"runs{starts}{ends}" + (f", letting in {rises}" if rises else "")


def when(at: float) -> str:
    """A time as people write it, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def percent(share: float) -> str:
    """A share for people."""
    return f"{100.0 * share:g}%"
