"""What a configuration says about feedback: who judges, who may speak, what is spent, who is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Which answers a model scores, and with what.

    `model` is the id of a configured model, or with `upstream` a provider's name for any model; empty for
    no judge. `rubric` is `pointwise`, `pairwise` (against the answers of `reference`) or the path of a
    rubric file. `base_rate` of all decisions are sampled uniformly, `value_rate` at most where a verdict
    could change the choice; both within `usd_per_day`, of which the share `reserve` is kept for the
    uniform ones. `own` lets a judge score its own model's answers. Texts are kept for `retention_days`;
    `redact` are regular expressions taken out of them, `redactor` a function `module:name` from text to
    text. `worker` runs the judge in the service's process.
    """

    model: str = ""
    upstream: str = ""
    usd_per_million_input: float | None = None
    usd_per_million_output: float | None = None
    rubric: str = "pointwise"
    reference: str = ""
    base_rate: float = 0.05
    value_rate: float = 0.05
    usd_per_day: float = 1.0
    reserve: float = 0.5
    own: bool = False
    classes: tuple[str, ...] = ()
    retention_days: float = 30.0
    redact: tuple[str, ...] = ()
    redactor: str = ""
    worker: bool = True
    timeout_seconds: float = 60.0
    attempts: int = 4
    lease_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Who may use the service. Keys are needed wherever it listens beyond loopback, and with `required`
    there too. `requests_per_minute` is what a key may send unless it has a rate of its own; 0 is no limit."""

    required: bool = False
    requests_per_minute: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """What may be spent. A shadow price on cost (and wait) keeps the mean at its target; at most
    `max_shadow_usd` utility per USD and `max_shadow_second` per second come on top of the weights.
    `exploration_usd_per_day` is what trying may cost over always taking the model believed best."""

    usd_per_day: float | None = None
    usd_per_request: float | None = None
    seconds_per_request: float | None = None
    max_shadow_usd: float = 1_000.0
    max_shadow_second: float = 1.0
    exploration_usd_per_day: float | None = None


EVERY = "*"
"""The request class of a promise for every class that has none of its own."""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A promise for a class (`*` for every one): mean quality at least that of always taking `baseline`,
    less `margin`, with `confidence` at all times. The baseline keeps at least `min_share` of the choices.
    Once the promise is broken it alone serves, until people acknowledge that or for `retry_hours`."""

    request_class: str
    baseline: str = ""
    margin: float = 0.02
    confidence: float = 0.95
    min_share: float = 0.05
    retry_hours: float = math.inf


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """How far feedback is believed. One principal counts for at most `max_share` of what a model is known by
    in a class; scores of one answer by several people err alike by `rater_correlation`; `quarantine` lets
    principals who disagree wildly with all others count for nothing. `nonresponse` corrects for who answers,
    as the judged audit shows it. `judge_sd` is by how much a judge may favour one model over another before
    people have shown that it does not: near 0, its scores are taken for people's."""

    max_share: float = 0.2
    rater_correlation: float = 0.5
    quarantine: bool = True
    nonresponse: bool = True
    judge_sd: float = 0.1


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What is noticed, and who is told. `changes` looks for models that have changed; a configuration file
    has it on, a bare `Settings()`, as simulations use it, has it off. `webhook` receives every alarm as JSON,
    signed with the secret in the environment variable `secret_env`. `false_alarms_per_year` is what the
    change detector may raise in all without a change."""

    changes: bool = False
    webhook: str = ""
    secret_env: str = ""
    false_alarms_per_year: float = 1.0


@dataclass(frozen=True, slots=True)
class TrialSettings:
    """How a model begins. Models of a tier in `tier_shares` get at most that share of a class until they are
    confirmed there: quality not below the best of the others (or the class's guarded baseline) by more than
    `margin`. A model without `outcomes` scores gets at most `max_share` of all choices and `usd_per_day`, and
    all such models together at least the share `eager`, as long as they may yet turn out best.

    A model passes the golden set (`banditroute probe`) with `probe_share` of the tasks of each capability
    that it declares, and of all others; with `require_probe` it gets nothing before it has."""

    tier_shares: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.02
    max_share: float = 1.0
    outcomes: int = 30
    usd_per_day: float = math.inf
    eager: float = 0.0
    require_probe: bool = False
    probe_share: float = 0.75
