"""A small configuration that the tests of the shell share."""

from __future__ import annotations

from dataclasses import replace

from banditroute.config.settings import (
    FeatureSettings,
    PolicySettings,
    RequestClass,
    Rule,
    Settings,
    StoreSettings,
)
from banditroute.types import Model

MODELS = (
    Model(
        "small",
        tier="budget",
        usd_per_input_token=1e-7,
        usd_per_output_token=4e-7,
        context_window=8_000,
        prior_quality=0.8,
    ),
    Model(
        "middle",
        usd_per_input_token=5e-7,
        usd_per_output_token=2e-6,
        context_window=32_000,
        capabilities=frozenset({"json", "tools"}),
        prior_quality=0.85,
    ),
    Model(
        "large",
        tier="premium",
        usd_per_input_token=3e-6,
        usd_per_output_token=1.5e-5,
        context_window=200_000,
        capabilities=frozenset({"json", "tools"}),
        tags=frozenset({"region:eu"}),
        prior_quality=0.9,
    ),
)

SETTINGS = Settings(
    store=StoreSettings(url="memory://"),
    policy=PolicySettings(baseline="fixed:small"),
    features=FeatureSettings(numeric={"difficulty": (0.5, 0.3)}),
    models=MODELS,
    classes=(
        RequestClass("code", params={"temperature": 0.0, "max_tokens": 512}),
        RequestClass("chat"),
    ),
    rules=(
        Rule(
            reason="medical questions go to the best",
            pattern="diagnosis",
            model="large",
            params={"max_tokens": 64},
        ),
    ),
)


def under(mode: str, **policy: object) -> Settings:
    """The configuration under another mode."""
    return replace(SETTINGS, policy=replace(SETTINGS.policy, mode=mode, **policy))  # type: ignore[arg-type]
