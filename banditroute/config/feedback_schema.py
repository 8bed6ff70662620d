"""Every key that the sections about feedback may hold, and what each may be."""

from __future__ import annotations

from banditroute.config.checks import Check, flag, many, number, regular_expression, table, text, whole

_LARGEST = 10**9
_name = text(longest=200)
_share = number(0, 1)
_amount = number(0, _LARGEST)
_price = number(0, 10**6)
_target = number(1e-12, _LARGEST)
_ADDRESS = {"pattern": r"https?://\S+", "shape": "an address that begins with http:// or https://"}
_VARIABLE = {"pattern": r"[A-Za-z_][A-Za-z0-9_]*", "shape": "the name of an environment variable"}

FEEDBACK_SECTIONS: dict[str, dict[str, Check]] = {
    "judge": {
        "model": _name,
        "upstream": _name,
        "usd_per_million_input": _price,
        "usd_per_million_output": _price,
        "rubric": _name,
        "reference": _name,
        "base_rate": number(1e-6, 1),
        "value_rate": _share,
        "usd_per_day": _amount,
        "reserve": number(0.05, 1),
        "own": flag(),
        "classes": many(_name),
        "retention_days": number(0, 36_500),
        "redact": many(regular_expression()),
        "redactor": text(pattern=r"[\w.]+:\w+", shape="module:function"),
        "worker": flag(),
        "timeout_seconds": number(0.1, 3_600),
        "attempts": whole(1, 100),
        "lease_seconds": number(1, 86_400),
    },
    "auth": {"required": flag(), "requests_per_minute": _amount},
    "budget": {
        "usd_per_day": _target,
        "usd_per_request": _target,
        "seconds_per_request": _target,
        "max_shadow_usd": _amount,
        "max_shadow_second": _amount,
        "exploration_usd_per_day": _amount,
    },
    "trust": {
        "max_share": number(1e-3, 1),
        "rater_correlation": _share,
        "quarantine": flag(),
        "nonresponse": flag(),
        "judge_sd": _share,
    },
    "alerts": {
        "changes": flag(),
        "webhook": text(**_ADDRESS),  # type: ignore[arg-type]
        "secret_env": text(**_VARIABLE),  # type: ignore[arg-type]
        "false_alarms_per_year": number(1e-3, 10**4),
    },
    "trial": {
        "tier_shares": table(_share),
        "margin": _share,
        "max_share": _share,
        "outcomes": whole(0, _LARGEST),
        "usd_per_day": _amount,
        "eager": number(0, 0.9),
        "require_probe": flag(),
        "probe_share": number(0.01, 1),
    },
}
"""`[section]` -> key -> check."""

GUARDRAIL: dict[str, Check] = {
    "request_class": _name,
    "baseline": _name,
    "margin": number(1e-6, 1),
    "confidence": number(0.5, 0.9999),
    "min_share": number(0.01, 0.5),
    "retry_hours": number(0.01, 100_000),
}
"""The keys of `[[guardrails]]`."""
