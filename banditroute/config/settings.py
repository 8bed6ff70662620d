"""What a configuration says, as frozen data. `banditroute.config.load` makes it from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from banditroute.config.experiments import Experiment
from banditroute.config.feedback import (
    AlertSettings,
    AuthSettings,
    BudgetSettings,
    Guardrail,
    JudgeSettings,
    TrialSettings,
    TrustSettings,
)
from banditroute.config.priors import Prior
from banditroute.config.telemetry import LoggingSettings, TelemetrySettings
from banditroute.types import Model, Weights


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the service listens. `hosts` are names by which it may be called without a key on loopback,
    besides localhost and addresses: those of a proxy in front of it."""

    host: str = "127.0.0.1"
    port: int = 8400
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The event log. A relative SQLite path is relative to the configuration file."""

    url: str = "sqlite:///banditroute.db"
    prompts: bool = False
    snapshot_every: int = 10_000


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """Default exchange rates, and the quality that a failed call without a score counts as."""

    weights: Weights = Weights()
    error_quality: float = 0.0


SHIPPED_TABLE = "shipped"
"""The `prior_table` that comes with the package."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Who chooses.

    `mode` is live, shadow, canary:SHARE or off. `floor` is the share of uniform exploration mixed
    into a learning policy's probabilities. `horizon` is the number of requests planned for.
    `min_quality_probability`: a model whose chance to reach `min_quality` is below it is excluded.
    Half-lives are in days of decision age, infinite by default. `prior` is the file of a prior, relative
    to the configuration file.

    What is expected of models without a prior quality: `prior_table` is a table of published results, the
    shipped one or a file (empty for none); `pool_priors` infers from the other models of the pool, by family
    and price. A configuration file has both on, a bare `Settings()`, as simulations use it, has neither.
    """

    name: str = "thompson"
    mode: str = "live"
    baseline: str = "best_prior"
    floor: float = 0.0
    horizon: int = 5_000
    min_quality_probability: float = 0.2
    prior_quality: float = 0.9
    half_life_days: Mapping[str, float] = field(default_factory=dict)
    prior: str | None = None
    prior_table: str = ""
    pool_priors: bool = False


@dataclass(frozen=True, slots=True)
class ClassifySettings:
    """How a request without a class gets one.

    `method` is `keywords` or `complexity`. Below `min_confidence` the class is `other` and the
    request may only go to models of the `unsure_tier` (the highest tier when empty).
    `tiers` lists the tiers from the lowest to the highest; `thresholds` are the complexity scores
    at which the `complexity` policy steps up from one to the next.
    """

    method: str = "keywords"
    min_confidence: float = 0.5
    unsure_tier: str = ""
    tiers: tuple[str, ...] = ("budget", "standard", "premium")
    thresholds: tuple[float, ...] = (0.35, 0.65)
    technical_terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """What enters the vector beside class and length.

    `numeric`: the caller's features, name -> (center, scale). `embedding`: its size, 0 for none.
    """

    numeric: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    embedding: int = 0


@dataclass(frozen=True, slots=True)
class RequestClass:
    """A declared request class: the words that suggest it, and the call parameters it gets."""

    name: str
    keywords: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    difficulty: float | None = None
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One hard rule: every condition that is given must hold; the first rule that matches wins.

    Conditions: a regular expression over the text, any of the keywords, classes, token bounds,
    tags (all must match), user tiers. Effect: restrict to a model, a tier or models that hold a
    class's `request_class`; `reason` goes into the receipt.
    """

    reason: str
    pattern: str | None = None
    keywords: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    min_tokens: int | None = None
    max_tokens: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    user_tiers: tuple[str, ...] = ()
    model: str | None = None
    tier: str | None = None
    request_class: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider: `dialect` is `simulated` or `openai`; the key is named by environment variable."""

    name: str
    dialect: str = "openai"
    base_url: str | None = None
    api_key_env: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, read once at start."""

    path: Path | None = None
    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    reward: RewardSettings = RewardSettings()
    policy: PolicySettings = PolicySettings()
    classify: ClassifySettings = ClassifySettings()
    features: FeatureSettings = FeatureSettings()
    upstreams: tuple[Upstream, ...] = ()
    models: tuple[Model, ...] = ()
    classes: tuple[RequestClass, ...] = ()
    rules: tuple[Rule, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    judge: JudgeSettings = JudgeSettings()
    auth: AuthSettings = AuthSettings()
    budget: BudgetSettings = BudgetSettings()
    trust: TrustSettings = TrustSettings()
    alerts: AlertSettings = AlertSettings()
    trial: TrialSettings = TrialSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    logging: LoggingSettings = LoggingSettings()
    prior: Prior | None = None
