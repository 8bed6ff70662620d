"""Every key a scenario may hold, and what each may be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from banditroute.config.checks import (
    Check,
    Refused,
    flag,
    many,
    nearest,
    number,
    one_of,
    shown,
    table,
    text,
    whole,
)
from banditroute.config.feedback import (
    AlertSettings,
    BudgetSettings,
    Guardrail,
    JudgeSettings,
    TrialSettings,
    TrustSettings,
)
from banditroute.config.feedback_schema import FEEDBACK_SECTIONS, GUARDRAIL
from banditroute.types import FACTORS

MAX_REQUESTS, MAX_SEEDS = 100_000, 1_000
MAX_PLAYED = 1_000_000
"""Requests × seeds: what fits a laptop's memory and a minute or two."""

_share = number(0, 1)
_times = number(0, 1_000)
_name = text(longest=200)
_weight = number(0, 10**6)


def _configured(checks: Mapping[str, Check], make: Callable[..., Any], needed: Collection[str] = ()) -> Check:
    """A section as a configuration has it, as the settings hold it."""

    def check(value: object) -> Any:
        if not isinstance(value, Mapping):
            raise Refused(f"must be a table like {{ key = value }}, not {shown(value)}.")
        values = {}
        for key, own in value.items():
            if key not in checks:
                raise Refused(f'has no key "{key}"; {nearest(key, checks)}', (key,))
            try:
                values[key] = checks[key](own)
            except Refused as refusal:
                raise Refused(f"has a {key} that {refusal}", (key, *refusal.at)) from None
        for key in needed:
            if key not in value:
                raise Refused(f"has no {key}; add {key} = ….")
        return make(**values)

    return check


HALF_LIVES = table(number(1e-4, 10**6), FACTORS)

TOP: Mapping[str, Check] = {
    "title": text(longest=120),
    "says": text(longest=1_000),
    "requests": whole(100, MAX_REQUESTS),
    "seeds": whole(1, MAX_SEEDS),
    "per_day": number(1, 10**8),
    "swing": number(0, 0.99),
    "world": text(longest=1_000),
    "columns": table(text(longest=200)),
    "where": table(text(longest=200)),
    "watch": _name,
    "share_of": _name,
    "show": many(one_of("reward", "quality", "usd", "seconds", "belief")),
    "policies": many(text(longest=1_000)),
    "mix": table(number(0, 10**6)),
}

SECTIONS: Mapping[str, Mapping[str, Check]] = {
    "weights": {"quality": _weight, "usd": _weight, "second": _weight},
    "learning": {"half_life_days": HALF_LIVES},
    "feedback": {
        "rate": _share,
        "below": _share,
        "rate_below": _share,
        "noise": number(0, 1),
        "bias": table(number(-1, 1)),
        "bias_from": whole(0, MAX_REQUESTS),
        "thumbs": flag(),
        "delay_hours": number(0, 10_000),
    },
    "principals": {
        "count": whole(1, 100_000),
        "liars": _share,
        "lie": text(
            pattern=r"invert|random|(boost|flatter):.+", shape="invert, random, boost:MODEL or flatter:MODEL"
        ),
        "lies_from": whole(0, MAX_REQUESTS),
        "volume": _share,
        "strictness": _share,
    },
    "judge": {
        "rate": _share,
        "slope": number(0, 2),
        "lean": number(-1, 1),
        "noise": _share,
        "bias": table(number(-1, 1)),
    },
}

ENTRIES: Mapping[str, Mapping[str, Check]] = {
    "learners": {
        "name": text(longest=60),
        "policy": text(longest=1_000),
        "half_life_days": HALF_LIVES,
        "floor": number(0, 0.5),
        "clock": flag(),
        "hears_all": flag(),
        "history": whole(0, MAX_REQUESTS),
        "wrong_history": flag(),
        "hears_no_lies": flag(),
        "live": flag(),
        "refit_every": whole(1, 10_000),
        "alerts": _configured(FEEDBACK_SECTIONS["alerts"], AlertSettings),
        "budget": _configured(FEEDBACK_SECTIONS["budget"], BudgetSettings),
        "trust": _configured(FEEDBACK_SECTIONS["trust"], TrustSettings),
        "trial": _configured(FEEDBACK_SECTIONS["trial"], TrialSettings),
        "judge": _configured(FEEDBACK_SECTIONS["judge"], JudgeSettings),
        "guardrails": many(_configured(GUARDRAIL, Guardrail, ("request_class", "baseline")), unique=False),
    },
    "models": {
        "id": _name,
        "like": _name,
        "arrives": whole(0, MAX_REQUESTS),
        "quality": number(0, 2),
        "usd": _times,
        "seconds": _times,
        "prior_quality": _share,
    },
    "events": {
        "at": whole(0, MAX_REQUESTS),
        "until": whole(1, MAX_REQUESTS),
        "model": _name,
        "quality": _share,
        "usd": _times,
        "seconds": _times,
        "failure": _share,
        "available": flag(),
        "mix": table(number(0, 10**6)),
        "every_hours": number(0.01, 10_000),
        "for_hours": number(0.01, 10_000),
        "label": text(longest=60),
    },
}

NEEDED = {"learners": ("name",), "models": ("id", "like"), "events": ("at",)}
EFFECTS = ("quality", "usd", "seconds", "failure", "available", "mix")
