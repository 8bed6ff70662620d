"""Every key a configuration may hold, and what each may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from banditroute.config.checks import (
    Check,
    Refused,
    flag,
    many,
    number,
    one_of,
    regular_expression,
    shown,
    table,
    text,
    whole,
)
from banditroute.types import FACTORS, OTHER

MAX_MODELS = 64
MAX_CLASS_NAME = 200

LATER = ("budget", "judge", "cache", "auth", "experiments")
"""Sections that a later version will read; refused rather than ignored."""

SECRETS = ("api_key", "apikey", "key", "token", "secret", "password")
"""Keys that would put a secret into the file."""

_name = text(longest=200)
_share = number(0, 1)


def _class_name(value: object) -> str:
    name: str = text(longest=MAX_CLASS_NAME)(value)
    if name == OTHER:
        raise Refused(f'is "{OTHER}", which is built in for whatever is not declared; choose another name.')
    return name


def _model_id(value: object) -> str:
    name: str = text(longest=200, pattern=r"\S+", shape="one word without spaces")(value)
    if name == "auto" or name.startswith("auto:"):
        raise Refused('must not be "auto" or begin with "auto:", which ask the router to choose.')
    return name


def _environment_name(value: object) -> str:
    # The value is not repeated: it may be the secret itself.
    name: str = text()(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise Refused(
            "must be the name of an environment variable, as in OPENAI_API_KEY, never the key itself."
        )
    return name


def _mode(value: object) -> str:
    mode: str = text()(value)
    kind, _, share = mode.partition(":")
    if kind == "canary":
        try:
            if 0 < float(share) < 1:
                return mode
        except ValueError:
            pass
        raise Refused(f'needs a share between 0 and 1, as in "canary:0.05", not {shown(mode)}.')
    result: str = one_of("live", "shadow", "canary:0.05", "off")(mode)
    return result


def _parameter(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("must be a finite number.")
    if isinstance(value, list):
        return [_parameter(entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: _parameter(entry) for key, entry in value.items()}
    if not isinstance(value, str | bool | int | float):
        raise Refused("must be a number, text, true or false, a list or a table.")
    return value


def _params(value: object) -> dict[str, object]:
    params: dict[str, object] = table(_parameter)(value)
    for name, check in (("max_tokens", whole(1)), ("temperature", number(0, 2)), ("top_p", _share)):
        if name in params:
            try:
                params[name] = check(params[name])
            except Refused as refusal:
                raise Refused(f'entry "{name}" {refusal}', (name,)) from None
    return params


def _numeric(value: object) -> dict[str, tuple[float, float]]:
    """`["difficulty"]`, or `{ difficulty = { center = 0.5, scale = 0.2 } }`."""
    if isinstance(value, list):
        return dict.fromkeys(many(_name)(value), (0.0, 1.0))
    if not isinstance(value, Mapping):
        raise Refused(
            'must be a list of names like ["difficulty"], or a table like '
            f"{{ difficulty = {{ center = 0.5, scale = 0.2 }} }}, not {shown(value)}."
        )
    scaled = {}
    for name, entry in value.items():
        try:
            parts = table(number(-math.inf), ("center", "scale"))(entry)
            scale = number(0, above=True)(parts.get("scale", 1.0))
        except Refused as refusal:
            raise Refused(f'entry "{name}" {refusal}', (name, *refusal.at)) from None
        scaled[name] = (parts.get("center", 0.0), scale)
    return scaled


def _store_url(value: object) -> str:
    url: str = text()(value)
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise Refused(f'must be a database url like "sqlite:///banditroute.db", not {shown(url)}.')
    if ":" in rest.rpartition("@")[0] and type(value) is str:
        raise Refused(
            "holds a password; leave it out of the file and put the whole url into the environment variable "
            "BANDITROUTE_STORE__URL."
        )
    if scheme.startswith("sqlite") and rest.lstrip("/") == "":
        raise Refused('names no file; write "sqlite:///banditroute.db".')
    return url


SECTIONS: dict[str, dict[str, Check]] = {
    "server": {"host": _name, "port": whole(1, 65_535)},
    "store": {"url": _store_url, "prompts": flag(), "snapshot_every": whole(1)},
    "reward": {
        "quality": number(),
        "usd": number(),
        "second": number(),
        "ttft_second": number(),
        "error_quality": _share,
    },
    "policy": {
        "name": _name,
        "mode": _mode,
        "baseline": _name,
        "floor": _share,
        "horizon": whole(1),
        "min_quality_probability": _share,
        "prior_quality": _share,
        "half_life_days": table(number(0, above=True, finite=False), FACTORS),
    },
    "classify": {
        "method": one_of("keywords", "complexity"),
        "min_confidence": _share,
        "unsure_tier": text(allow_empty=True),
        "tiers": many(_name),
        "thresholds": many(_share, unique=False),
        "technical_terms": many(_name),
    },
    "features": {"numeric": _numeric, "embedding": whole(0, 4_096)},
}
"""`[section]` -> key -> check."""

ENTRIES: dict[str, dict[str, Check]] = {
    "upstreams": {
        "name": _name,
        "dialect": one_of("simulated", "openai"),
        "base_url": text(pattern=r"https?://\S+", shape="an address that begins with http:// or https://"),
        "api_key_env": _environment_name,
    },
    "models": {
        "id": _model_id,
        "upstream": _name,
        "upstream_name": _name,
        "tier": _name,
        "group": _name,
        "usd_per_million_input": number(),
        "usd_per_million_output": number(),
        "usd_per_request": number(),
        "context_window": whole(1),
        "capabilities": many(_name),
        "tags": many(_name),
        "family": _name,
        "prior_quality": _share,
    },
    "classes": {
        "name": _class_name,
        "keywords": many(_name),
        "patterns": many(regular_expression()),
        "difficulty": _share,
        "params": _params,
    },
    "rules": {
        "reason": text(),
        "pattern": regular_expression(),
        "keywords": many(_name),
        "classes": many(_name),
        "min_tokens": whole(0),
        "max_tokens": whole(0),
        "tags": table(text()),
        "user_tiers": many(_name),
        "model": _name,
        "tier": _name,
        "request_class": _name,
        "params": _params,
    },
}
"""`[[entries]]` -> key -> check."""

NAMED_BY = {"upstreams": "name", "models": "id", "classes": "name", "rules": "reason"}
"""The key that every entry must have."""
