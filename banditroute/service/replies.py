"""What the service answers, as structs: they are encoded as they are and documented as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from banditroute.config.priors import Prior
from banditroute.core.feedback.account import Account, AlarmAccount, JudgingAccount, account
from banditroute.core.feedback.fold import standing
from banditroute.core.state import State
from banditroute.core.summary import Belief, counted_history, summary
from banditroute.store import Record
from banditroute.types import Candidate, Context, Decision, Exclusion, Model, Preferences

encode = msgspec.json.Encoder(enc_hook=dict).encode


class Expected(Struct, frozen=True):
    """What is expected of a model on this request."""

    quality: float
    usd: float
    seconds: float
    utility: float


class CandidateReply(Struct, frozen=True):
    """An eligible model: its propensity, what is expected of it, and the sd of its utility."""

    model: str
    propensity: float
    expected: Expected
    sd: float


class RouteReply(Struct, frozen=True):
    """The answer to `POST /v1/route`."""

    decision_id: str
    model: str
    request_class: str
    policy: str
    variant: str | None
    experiment: str | None
    propensity: float
    state_seq: int
    fallbacks: tuple[str, ...]
    params: Mapping[str, Any]
    wants_response: bool
    candidates: list[CandidateReply]
    excluded: tuple[Exclusion, ...]
    kind: str
    mode: str
    rule: str | None
    ignored_features: tuple[str, ...]
    dry_run: bool


class FeedbackReply(Struct, frozen=True):
    """The answer to `POST /v1/feedback`. `/v1/state?min_seq=event_seq` waits until it is folded in."""

    accepted: int
    duplicates: int
    event_seq: int


class OutcomeReply(Struct, frozen=True):
    """One fact that was reported; `stands` is false once it was revised or taken back."""

    factor: str
    value: float | None
    source: str
    seq: int
    at: float
    rater: str
    stands: bool
    principal: str = ""


class ReceiptReply(Struct, frozen=True, kw_only=True):
    """The answer to `GET /v1/decisions/{id}`: the decision as it was made, and what came of it.

    The pmf follows from each candidate's `expected.utility` and `sd`, and from `parameters`; the
    model from the pmf and `draw`, which is the number in [0, 1) that `seed` gives.
    """

    decision_id: str
    at: float
    context: Context
    preferences: Preferences
    candidates: list[CandidateReply]
    excluded: tuple[Exclusion, ...]
    model: str
    propensity: float
    policy: str
    seed: int
    draw: float
    state_seq: int
    kind: str
    mode: str
    experiment: str | None
    variant: str | None
    variant_share: float
    marginal: float | None
    rule: str | None
    parameters: Mapping[str, float]
    params: Mapping[str, Any]
    fallbacks: tuple[str, ...]
    shadow: Mapping[str, Any] | None
    root_id: str | None
    attempt: int
    wants_response: bool
    judge_propensity: float
    audit: bool
    principal: str
    outcomes: list[OutcomeReply]


_SHARED = tuple(
    name for name in ReceiptReply.__struct_fields__ if name not in ("decision_id", "candidates", "outcomes")
)


class PriorReply(Struct, frozen=True):
    """What the state started from; `counts_for` is what it is worth now, in outcomes, by factor and model."""

    digest: str
    source: str
    requests: int
    counts_for: Mapping[str, Mapping[str, float]]


class StateReply(Struct, frozen=True):
    """The answer to `GET /v1/state`: everything learned up to event `seq`; `account` is what stands beside
    the estimates. Of the last 10,000 decisions, `pending` are not scored yet."""

    seq: int
    at: float
    policy: str
    mode: str
    models: list[str]
    classes: list[str]
    estimates: list[Belief]
    account: Account
    pending: int
    prior: PriorReply | None = None


class ModelReply(Struct, frozen=True):
    """One model in OpenAI's shape."""

    id: str
    owned_by: str
    object: str = "model"
    created: int = 0


class ModelsReply(Struct, frozen=True):
    """The answer to `GET /v1/models`."""

    data: list[ModelReply]
    object: str = "list"


class StatusReply(Struct, frozen=True):
    """The answer of the health checks."""

    status: str
    state_seq: int | None = None


class ErrorBody(Struct, frozen=True, omit_defaults=True):
    """What went wrong, in one sentence with the way out. `excluded` comes with `no_eligible_model`."""

    message: str
    type: str
    code: str
    param: str | None
    excluded: tuple[Exclusion, ...] = ()


class ErrorReply(Struct, frozen=True):
    """Every error, in OpenAI's shape."""

    error: ErrorBody


def route_reply(
    decision: Decision, *, ignored_features: tuple[str, ...] = (), dry_run: bool = False
) -> RouteReply:
    """The answer that a decision makes."""
    return RouteReply(
        decision.id,
        decision.model,
        decision.context.request_class,
        decision.policy,
        decision.variant,
        decision.experiment,
        decision.propensity,
        decision.state_seq,
        decision.fallbacks,
        decision.params,
        decision.wants_response,
        [_candidate(candidate) for candidate in decision.candidates],
        decision.excluded,
        decision.kind,
        decision.mode,
        decision.rule,
        ignored_features,
        dry_run,
    )


def receipt_reply(record: Record) -> ReceiptReply:
    """Every field of a decision, from which its pmf and its draw can be recomputed, and its outcomes."""
    decision = record.decision
    stands = {outcome.seq for outcome in standing(record.outcomes).values()}
    return ReceiptReply(
        decision_id=decision.id,
        candidates=[_candidate(candidate) for candidate in decision.candidates],
        outcomes=[
            OutcomeReply(o.factor, o.value, o.source, o.seq, o.at, o.rater, o.seq in stands, o.principal)
            for o in record.outcomes
        ],
        **{name: getattr(decision, name) for name in _SHARED},
    )


def state_reply(
    state: State,
    *,
    pending: int,
    policy: str,
    mode: str,
    prior: Prior | None = None,
    at: float | None = None,
    judging: JudgingAccount | None = None,
    alarms: Sequence[AlarmAccount] = (),
) -> StateReply:
    """The state as people read it, at a time."""
    return StateReply(
        seq=state.seq,
        at=state.at,
        policy=policy,
        mode=mode,
        models=[model.id for model in state.models],
        classes=list(state.classes),
        estimates=summary(state),
        account=account(state, at, judging, alarms),
        pending=pending,
        prior=None
        if prior is None
        else PriorReply(prior.digest, prior.source, prior.requests, counted_history(state)),
    )


def models_reply(models: tuple[Model, ...]) -> ModelsReply:
    """The models in OpenAI's shape, `auto` first."""
    auto = ModelReply(id="auto", owned_by="banditroute")
    return ModelsReply(data=[auto, *(ModelReply(id=model.id, owned_by=model.provider) for model in models)])


def _candidate(candidate: Candidate) -> CandidateReply:
    expected = Expected(candidate.quality, candidate.usd, candidate.seconds, candidate.utility)
    return CandidateReply(candidate.model, candidate.propensity, expected, candidate.sd)
