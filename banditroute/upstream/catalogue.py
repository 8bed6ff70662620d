"""The models and request classes of the simulated world, with what is true of each.

Invented figures in a realistic range: they are about no real model, whatever its name. They are
chosen so that routing is worth learning: with the default weights (quality 1, 20 per USD) each
class has another best model, four of them cheap; the dearest model earns its price in one class
only; and hard requests hurt cheap models more than dear ones. Prices are USD per million tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from banditroute.types import Model


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What is true of a model in every class.

    `difficulty_slope` is what a request at difficulty 1 costs against one at 0, in logits of
    quality. `verbosity` multiplies the class's output length. `ttft_seconds` and
    `tokens_per_second` are medians; `failure` is the probability that a call fails.
    """

    model: Model
    difficulty_slope: float
    verbosity: float
    ttft_seconds: float
    tokens_per_second: float
    failure: float


@dataclass(frozen=True, slots=True)
class ClassProfile:
    """What is true of a request class.

    `share` of the traffic; median tokens in and out, and the limit on output the caller sets;
    `feedback`: the probability that somebody scores an answer; `quality`: the median score of
    each model at difficulty 0.5.
    """

    name: str
    share: float
    input_tokens: float
    output_tokens: float
    max_output_tokens: int
    feedback: float
    quality: Mapping[str, float]


def _model(
    id: str, provider: str, tier: str, usd_in: float, usd_out: float, window: int, prior_quality: float
) -> Model:
    return Model(
        id=id,
        provider=provider,
        tier=tier,
        usd_per_input_token=usd_in / 1e6,
        usd_per_output_token=usd_out / 1e6,
        context_window=window,
        prior_quality=prior_quality,
    )


MODELS: tuple[ModelProfile, ...] = (
    ModelProfile(
        _model("deepseek-v3", "deepseek", "standard", 0.27, 1.10, 65_536, 0.86), 3.4, 1.10, 0.70, 45.0, 0.008
    ),
    ModelProfile(
        _model("qwen3-32b", "together", "budget", 0.50, 0.50, 32_768, 0.82), 3.8, 1.15, 0.35, 70.0, 0.006
    ),
    ModelProfile(
        _model("llama-3.3-70b", "together", "budget", 0.50, 0.50, 131_072, 0.82), 3.8, 0.95, 0.40, 80.0, 0.006
    ),
    ModelProfile(
        _model("gpt-4o-mini", "openai", "budget", 0.15, 0.60, 128_000, 0.80), 4.0, 0.90, 0.35, 95.0, 0.003
    ),
    ModelProfile(
        _model("gpt-4o", "openai", "standard", 2.50, 10.0, 128_000, 0.90), 1.6, 1.00, 0.45, 75.0, 0.003
    ),
    ModelProfile(
        _model("claude-sonnet", "anthropic", "premium", 3.00, 15.0, 200_000, 0.93),
        1.0,
        1.05,
        0.80,
        60.0,
        0.004,
    ),
)

_IDS = tuple(profile.model.id for profile in MODELS)


def _class(
    name: str, share: float, tokens: tuple[float, float, int], feedback: float, quality: tuple[float, ...]
) -> ClassProfile:
    return ClassProfile(name, share, *tokens, feedback, dict(zip(_IDS, quality, strict=True)))


CLASSES: tuple[ClassProfile, ...] = (
    #                                                       deepseek qwen llama mini  4o  sonnet
    _class("code", 0.20, (800, 420, 1600), 0.75, (0.91, 0.85, 0.80, 0.76, 0.91, 0.95)),
    _class("chat", 0.22, (300, 220, 800), 0.65, (0.86, 0.84, 0.90, 0.84, 0.91, 0.93)),
    _class("extraction", 0.16, (900, 80, 300), 0.80, (0.89, 0.87, 0.86, 0.92, 0.94, 0.95)),
    _class("summarization", 0.14, (1800, 180, 600), 0.70, (0.87, 0.91, 0.86, 0.84, 0.93, 0.95)),
    _class("reasoning", 0.14, (350, 320, 2000), 0.80, (0.70, 0.66, 0.62, 0.56, 0.80, 0.92)),
    _class("translation", 0.14, (300, 180, 900), 0.75, (0.78, 0.76, 0.74, 0.74, 0.92, 0.93)),
)
