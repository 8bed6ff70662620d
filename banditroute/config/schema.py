"""Every key a configuration may hold, and what each may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from banditroute.config.address import log_file
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
from banditroute.config.experiments_schema import EXPERIMENT
from banditroute.config.feedback_schema import FEEDBACK_SECTIONS, GUARDRAIL
from banditroute.config.settings import SHIPPED_TABLE
from banditroute.config.telemetry import TELEMETRY_SECTIONS
from banditroute.types import FACTORS, OTHER

MAX_MODELS = 64
MAX_CLASS_NAME = 200

LATER = ("cache",)
"""Sections that a later version will read; refused rather than ignored."""

SECRETS = ("api_key", "apikey", "key", "token", "secret", "password")
"""Keys that would put a secret into the file."""

LARGEST = 10**9
"""What no number needs to exceed; what is computed from several of them stays finite."""

MAX_DEPTH = 10
"""How deep a parameter may nest."""

EXACT = 2**53
"""Up to here every reader of JSON reads whole numbers exactly."""

_name = text(longest=200)
_share = number(0, 1)
_amount = number(0, LARGEST)
_price = number(0, 10**6)
_count = whole(0, LARGEST)
_positive = whole(1, LARGEST)


def _class_name(value: object) -> str:
    name: str = text(longest=MAX_CLASS_NAME)(value)
    if name == OTHER:
        raise Refused(f'is "{OTHER}", which is built in for whatever is not declared; choose another name.')
    return name


def _model_id(value: object) -> str:
    name: str = text(
        longest=200, pattern=r"[\w./:@+-]+", shape="one word of letters, digits and . _ - / : @ +"
    )(value)
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


def _parameter(value: object, depth: int = 1) -> object:
    if depth > MAX_DEPTH:
        raise Refused(f"is nested more than {MAX_DEPTH} levels deep; write it flatter.")
    if isinstance(value, list):
        return [_parameter(entry, depth + 1) for entry in value]
    if isinstance(value, Mapping):
        return {key: _parameter(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("must be a finite number.")
    if isinstance(value, int) and abs(value) > EXACT:
        raise Refused(f"must be a number of at most {EXACT:,}, not {shown(value)}.")
    if not isinstance(value, str | bool | int | float):
        raise Refused("must be a number, text, true or false, a list or a table.")
    return value


def _params(value: object) -> dict[str, object]:
    params: dict[str, object] = table(_parameter)(value)
    for name, check in (("max_tokens", _positive), ("temperature", number(0, 2)), ("top_p", _share)):
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
            parts = table(number(-LARGEST, LARGEST), ("center", "scale"))(entry)
            scale = number(1e-9, LARGEST)(parts.get("scale", 1.0))
        except Refused as refusal:
            raise Refused(f'entry "{name}" {refusal}', (name, *refusal.at)) from None
        scaled[name] = (parts.get("center", 0.0), scale)
    return scaled


def _host(value: object) -> str:
    host: str = _name(value)
    try:
        host.encode("idna")
    except UnicodeError:
        raise Refused(f"must be an address or the name of a host, not {shown(host)}.") from None
    return host


def _prior_table(value: object) -> str:
    """`true` is the shipped table, `false` none, text a file."""
    if isinstance(value, bool) or value in ("true", "false"):
        return SHIPPED_TABLE if value in (True, "true") else ""
    file: str = text()(value)
    return file


def _store_url(value: object) -> str:
    url: str = text()(value)
    log_file(url)
    return url


SECTIONS: dict[str, dict[str, Check]] = {
    "server": {"host": _host, "port": whole(1, 65_535), "hosts": many(_host)},
    "store": {"url": _store_url, "prompts": flag(), "snapshot_every": _positive},
    "reward": {
        "quality": _amount,
        "usd": _amount,
        "second": _amount,
        "ttft_second": _amount,
        "error_quality": _share,
    },
    "policy": {
        "name": _name,
        "mode": _mode,
        "baseline": _name,
        "floor": _share,
        "horizon": whole(1, 10**12),
        "min_quality_probability": _share,
        "prior_quality": _share,
        "prior": text(),
        "prior_table": _prior_table,
        "pool_priors": flag(),
        "half_life_days": table(number(1e-3, 10**6), FACTORS),
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
    **FEEDBACK_SECTIONS,
    **TELEMETRY_SECTIONS,
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
        "usd_per_million_input": _price,
        "usd_per_million_output": _price,
        "usd_per_request": _price,
        "context_window": _positive,
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
        "min_tokens": _count,
        "max_tokens": _count,
        "tags": table(text()),
        "user_tiers": many(_name),
        "model": _name,
        "tier": _name,
        "request_class": _name,
        "params": _params,
    },
    "guardrails": GUARDRAIL,
    "experiments": EXPERIMENT,
}
"""`[[entries]]` -> key -> check."""

NAMED_BY = {
    "upstreams": "name",
    "models": "id",
    "classes": "name",
    "rules": "reason",
    "guardrails": "request_class",
    "experiments": "name",
}
"""The key that every entry must have."""

NEEDS = {"experiments": ("variants", "[{name = …, policy = …, share = …}, …]")}
"""What entries of a kind must have besides, and how it is written."""
