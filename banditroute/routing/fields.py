"""The fields callers may send, as structs that read JSON bodies and keyword arguments alike.

One definition serves HTTP, the in-process router and the documented schema, so all three agree.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Amount = Annotated[float, Meta(ge=0, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Attempt = Annotated[int, Meta(ge=1, le=1_000)]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
Text = Annotated[str, Meta(min_length=1)]
Label = Annotated[str, Meta(max_length=200)]
Tags = Annotated[dict[Name, Label], Meta(max_length=100)]
Features = Annotated[dict[Name, Number], Meta(max_length=100)]
Models = Annotated[list[Name], Meta(max_length=1_000)]
Needs = Annotated[list[Name], Meta(max_length=100)]


class Part(Struct, frozen=True):
    """One part of a message in OpenAI's shape; only text is read."""

    type: str = "text"
    text: str | None = None


class Message(Struct, frozen=True):
    """One message in OpenAI's shape. Other keys (`name`, `tool_calls`…) pass unread."""

    role: str | None = None
    content: str | list[Part] | None = None


class WeightFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Exchange rates for this request; what is left out keeps its configured value."""

    quality: Amount | None = None
    usd: Amount | None = None
    second: Amount | None = None
    ttft_second: Amount | None = None


class LimitFields(Struct, frozen=True, forbid_unknown_fields=True):
    """Hard limits of this request. `require` takes capabilities and tags."""

    allow: Models | None = None
    deny: Models | None = None
    require: Needs | None = None
    max_usd: Amount | None = None
    max_seconds: Amount | None = None
    max_ttft_seconds: Amount | None = None
    min_quality: Share | None = None


class RouteFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/route` and the keywords of `Router.route`; every field is optional.

    An attempt after the first (a retry, the next step of a cascade) names the first one's decision as
    `root_id`, its own number as `attempt` (2 where it is not said), and what was tried as `limits.deny`.
    """

    request_class: Name | None = None
    messages: list[Message] | None = None
    prompt: str | None = None
    input_tokens: Count | None = None
    max_output_tokens: Count | None = None
    tier: Name | None = None
    json_output: bool | None = None
    model: Name | None = None
    features: Features | None = None
    unit: Name | None = None
    session_id: Name | None = None
    root_id: Name | None = None
    attempt: Attempt | None = None
    user_tier: Name | None = None
    weights: WeightFields | None = None
    limits: LimitFields | None = None
    policy: Name | None = None
    tags: Tags | None = None
    dry_run: bool | None = None


FeedbackSource = Literal["user", "judge", "metric"]
Retractable = Literal[
    "quality",
    "usd",
    "seconds",
    "latency_ms",
    "ttft_seconds",
    "ttft_ms",
    "input_tokens",
    "output_tokens",
    "error",
]
Retractions = Annotated[list[Retractable], Meta(max_length=100)]


class FeedbackFields(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One object of `POST /v1/feedback`: whatever is known about a decision, whenever it is known.

    `inference_id` is another name for `decision_id`.
    """

    decision_id: Name | None = None
    inference_id: Name | None = None
    quality: Share | bool | Literal["up", "down"] | None = None
    source: FeedbackSource | None = None
    latency_ms: Amount | None = None
    ttft_ms: Amount | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    usd: Amount | None = None
    error: Text | bool | None = None
    rater: Name | None = None
    comment: str | None = None
    response: str | None = None
    messages: list[Message] | None = None
    idempotency_key: Name | None = None
    retract: Retractions | None = None


ControlWord = Literal["reset", "acknowledge", "experiment"]
LearnedFactor = Literal["quality", "output_tokens", "usd", "seconds", "ttft_seconds"]


class ControlFields(Struct, frozen=True, forbid_unknown_fields=True):
    """`reset`: the outcomes of the model `subject`, of one `factor` or of all, count from now on only; those
    of decisions made before do not, whenever they come. `acknowledge`: the alarm or the guardrail's class
    `subject` was seen to. `experiment`: the one named `subject` is `running` from now on, or is not."""

    kind: ControlWord
    subject: Name
    factor: LearnedFactor | None = None
    running: bool | None = None
