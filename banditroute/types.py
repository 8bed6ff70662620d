"""The nouns: frozen data that every room speaks. No behaviour beyond what the data itself implies.

Units are in the names or stated: USD, seconds, tokens, quality in [0, 1], times in seconds since
the epoch. Raw fields are kept as they came; the feature vector is rebuilt from them
(`banditroute.core.features`), so that a new version of the features can re-read old events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

FACTORS = ("quality", "output_tokens", "usd", "seconds", "ttft_seconds")
"""What is learned about a model, each separately, in this order in every array of factors."""

OTHER = "other"
"""The request class of whatever is not declared."""

Factor = Literal["quality", "output_tokens", "usd", "seconds", "ttft_seconds", "input_tokens", "error"]
"""What an outcome can be about. `input_tokens` and `error` are recorded; an error counts as
configured in the quality of its decision."""

Source = Literal["user", "judge", "metric", "meter"]
"""Who says so. When several sources score one decision, people outrank metrics, metrics judges."""

JUDGE = "judge"
"""The principal of the service's own judge; no key may bear that name."""

Kind = Literal["drawn", "caller", "fallback", "sticky", "cache"]
"""How a decision came about. Only `drawn` first attempts enter off-policy estimates."""


@dataclass(frozen=True, slots=True)
class Model:
    """One choice (an *arm*): a deployment of a language model at a provider.

    Deployments with the same `group` share their quality and keep their own price and latency.
    Prices are USD per token; `usd_per_request` is what a typical request costs where no token
    price is known, and serves rules that compare list prices. `prior_by_class` is the quality expected in
    request classes where it is not `prior_quality`.
    """

    id: str
    provider: str = "simulated"
    upstream_name: str | None = None
    tier: str = "standard"
    group: str | None = None
    usd_per_input_token: float | None = None
    usd_per_output_token: float | None = None
    usd_per_request: float | None = None
    context_window: int | None = None
    capabilities: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    family: str | None = None
    prior_quality: float | None = None
    prior_by_class: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Weights:
    """Exchange rates of the utility: `quality·q − usd·cost − second·wait − ttft_second·first token`.

    All non-negative; utility per quality point, per USD, per second.
    """

    quality: float = 1.0
    usd: float = 20.0
    second: float = 0.0
    ttft_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard limits. `require` holds capabilities (`tools`) and tags (`region:eu`)."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    max_usd: float | None = None
    max_seconds: float | None = None
    max_ttft_seconds: float | None = None
    min_quality: float | None = None


class Preferences(Struct, frozen=True):
    """What the caller wants of one request: weights, limits, and hints that beat classification."""

    weights: Weights = Weights()
    limits: Limits = Limits()
    model: str | None = None
    tier: str | None = None


class Context(Struct, frozen=True):
    """What is known of a request before it is answered, in raw fields.

    `request_class` is as declared by the caller or found by the classifier; a class that the
    configuration does not declare is treated as `other` when the vector is built, and kept here
    as it came. `confidence` and `complexity` are the classifier's, in [0, 1]. `text` is what
    rules read; it is not stored unless the store is told to keep prompts.
    `input_tokens_estimated` says that nobody counted: the tokens were guessed from the text.
    """

    request_class: str = OTHER
    confidence: float | None = None
    complexity: float | None = None
    input_tokens: int | None = None
    max_output_tokens: int | None = None
    features: Mapping[str, float] = {}
    text: str = ""
    unit: str | None = None
    session: str | None = None
    user_tier: str | None = None
    tags: Mapping[str, str] = {}
    embedding: tuple[float, ...] = ()
    features_version: int = 1
    input_tokens_estimated: bool = False

    def without_text(self) -> Context:
        """What may be stored."""
        return replace(self, text="") if self.text else self


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a model could not be chosen: a `reason` code and a `detail` sentence."""

    model: str
    reason: str
    detail: str


class Candidate(Struct, frozen=True):
    """One eligible model as it stood when the choice was made.

    `quality`, `usd`, `seconds` are expectations; `utility` and `sd` are the mean and the sd the
    choice probabilities were computed from, so that the pmf can be recomputed from the receipt.
    """

    model: str
    propensity: float
    quality: float
    usd: float
    seconds: float
    utility: float
    sd: float


class Decision(Struct, frozen=True):
    """A choice and its receipt; everything needed to recompute the pmf and the draw.

    `propensity` is the very number the action was drawn with, given the variant; `marginal` is
    its average over the variants of an experiment (`Σ share·π`). `draw` is the uniform number in
    [0, 1) that `seed` gives. `parameters` holds what the policy used (floor, horizon, epsilon…).
    The context is without its text: a receipt holds no prompt.

    `judge_propensity` is the probability with which the answer was sampled for a judge, 0 where nobody
    judges; `wants_response` says that it was, `audit` that the uniform draw took it. `principal` is who
    asked, empty where nobody in particular did. `experiment` is the configured one that the request took
    part in, whose `variant` is then meant; the variant of a split or a canary belongs to none.

    A Struct, as all are that every request makes: they are made and encoded in a third of the time of a
    dataclass. `msgspec.structs.replace` makes a changed copy.
    """

    id: str
    at: float
    context: Context
    preferences: Preferences
    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...]
    model: str
    propensity: float
    policy: str
    seed: int
    draw: float
    state_seq: int
    kind: Kind = "drawn"
    mode: str = "live"
    variant: str | None = None
    variant_share: float = 1.0
    marginal: float | None = None
    rule: str | None = None
    parameters: Mapping[str, float] = {}
    params: Mapping[str, object] = {}
    fallbacks: tuple[str, ...] = ()
    shadow: Mapping[str, object] | None = None
    root_id: str | None = None
    attempt: int = 1
    wants_response: bool = False
    judge_propensity: float = 0.0
    audit: bool = False
    principal: str = ""
    experiment: str | None = None

    @property
    def pmf(self) -> tuple[float, ...]:
        """Choice probabilities, in the order of `candidates`."""
        return tuple(c.propensity for c in self.candidates)


class Occasion(Struct, frozen=True):
    """What learning reads of a decision: a fraction of its receipt, and of the time to decode it."""

    id: str
    at: float
    context: Context
    model: str
    kind: Kind = "drawn"
    attempt: int = 1
    propensity: float = 1.0
    candidates: tuple[Candidate, ...] = ()
    parameters: Mapping[str, float] = {}
    principal: str = ""


class Outcome(Struct, frozen=True):
    """One fact about one decision, as appended to the event log; `value` None takes it back.

    The same (decision, factor, source, rater, principal) may come again: the highest `seq` stands.
    `at` is when it was reported; learning goes by the age of the decision, not of the report.
    """

    decision_id: str
    factor: Factor
    value: float | None
    source: Source = "user"
    seq: int = 0
    at: float = 0.0
    rater: str = ""
    principal: str = ""
    weight: float = 1.0
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one list of outcomes.

    A state that has folded everything up to `event_seq` knows all that the list said, duplicates
    included; 0 where there was nothing to know (the retraction of what never stood).
    """

    accepted: int
    duplicates: int
    event_seq: int


class Observation(Struct, frozen=True):
    """What learning takes from an outcome: one number about one model in one context.

    `weight` is +1 to add and −1 to take back (a revision is the old value taken back and the new
    one added); `decided_at` sets its age. `metered` says that the tokens of the same answer are
    known, so that its USD tell nothing new about a model with token prices; `billed` says of output
    tokens that the USD of the same answer are known, so that they add nothing to what was spent.

    `speaker` is who said it: the principal, or without one the rater. `ratio` is how many times what the
    receipt expected was reported of what meters say, 0 where it expected nothing. A judge's score names its
    `instrument` (`MODEL/RUBRIC`) and is kept as it came: alone it is a measurement to be calibrated, with
    `people`, the quality that people gave the same answer, it only teaches what that judge is worth.
    """

    context: Context
    model: str
    factor: Factor
    value: float
    decided_at: float
    weight: float = 1.0
    metered: bool = False
    billed: bool = False
    speaker: str = ""
    instrument: str = ""
    people: float | None = None
    ratio: float = 0.0
