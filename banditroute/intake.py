"""What callers send, made into the nouns of the core: fields in, `Context` and `Preferences` out.

`RequestReader` reads a request, `outcomes` reads feedback. Shapes and ranges were checked when the
fields were read (`banditroute.routing.fields`); here it is about what they mean under a
configuration. Nothing looks at the state or the clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from msgspec import Struct

from banditroute.classify import classify
from banditroute.config.settings import Settings
from banditroute.errors import RequestError
from banditroute.routing.fields import FeedbackFields, LimitFields, Message, RouteFields, WeightFields
from banditroute.routing.wording import suggestion
from banditroute.types import OTHER, Context, Factor, Limits, Outcome, Preferences, Weights

CHARACTERS_PER_TOKEN = 4
"""How many characters of text count as one token where the caller does not say how many there are."""

JSON_CAPABILITY = "json"
"""What a model must be able to do to serve a request with `json_output`."""


class Intake(Struct, frozen=True):
    """One request, read: what the core needs, and what the shell has to know besides."""

    context: Context
    preferences: Preferences
    policy: str | None
    dry_run: bool
    ignored_features: tuple[str, ...]


class RequestReader:
    """Reads route fields against a configuration: defaults, names that exist, classification."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models = frozenset(model.id for model in settings.models)
        self._tiers = frozenset(model.tier for model in settings.models)
        self._features = frozenset(settings.features.numeric)
        self._weights = settings.reward.weights
        self._limits = Limits()

    def read(self, fields: RouteFields) -> Intake:
        """Turns fields into context and preferences; refuses names the configuration does not hold."""
        text = _text(fields)
        tokens = fields.input_tokens
        if estimated := tokens is None and bool(text):
            tokens = math.ceil(len(text) / CHARACTERS_PER_TOKEN)
        request_class, confidence, complexity = fields.request_class, None, None
        if text:
            found = classify(text, tokens, self._settings)
            complexity = found.complexity
            if request_class is None:
                request_class, confidence = found.request_class, found.confidence
        features = fields.features or {}
        context = Context(
            request_class=OTHER if request_class is None else request_class,
            confidence=confidence,
            complexity=complexity,
            input_tokens=tokens,
            max_output_tokens=fields.max_output_tokens,
            features=features,
            text=text,
            unit=fields.unit,
            session=fields.session_id,
            user_tier=fields.user_tier,
            tags=fields.tags or {},
            input_tokens_estimated=estimated,
        )
        ignored = tuple(name for name in features if name not in self._features) if features else ()
        return Intake(context, self._preferences(fields), fields.policy, bool(fields.dry_run), ignored)

    def _preferences(self, fields: RouteFields) -> Preferences:
        if fields.model is not None:
            self._known((fields.model,), self._models, "model", "model")
        if fields.tier is not None:
            self._known((fields.tier,), self._tiers, "tier", "tier")
        return Preferences(
            weights=self._weights if fields.weights is None else self._weigh(fields.weights),
            limits=self._limit(fields.limits, bool(fields.json_output)),
            model=fields.model,
            tier=fields.tier,
        )

    def _weigh(self, given: WeightFields) -> Weights:
        base = self._weights
        weights = Weights(
            quality=base.quality if given.quality is None else given.quality,
            usd=base.usd if given.usd is None else given.usd,
            second=base.second if given.second is None else given.second,
            ttft_second=base.ttft_second if given.ttft_second is None else given.ttft_second,
        )
        if weights.quality == weights.usd == weights.second == weights.ttft_second == 0:
            raise RequestError(
                "Every weight is 0, so no model is better than another; give at least one above 0.",
                param="weights",
            )
        return weights

    def _limit(self, given: LimitFields | None, json_output: bool) -> Limits:
        if given is None:
            return Limits(require=(JSON_CAPABILITY,)) if json_output else self._limits
        self._known(given.allow or (), self._models, "model", "limits.allow")
        self._known(given.deny or (), self._models, "model", "limits.deny")
        require = tuple(given.require or ())
        return Limits(
            allow=tuple(given.allow or ()),
            deny=tuple(given.deny or ()),
            require=(*require, JSON_CAPABILITY)
            if json_output and JSON_CAPABILITY not in require
            else require,
            max_usd=given.max_usd,
            max_seconds=given.max_seconds,
            max_ttft_seconds=given.max_ttft_seconds,
            min_quality=given.min_quality,
        )

    @staticmethod
    def _known(names: Iterable[str], known: frozenset[str], noun: str, param: str) -> None:
        for name in names:
            if name not in known:
                raise RequestError(f"There is no {noun} `{name}`; {suggestion(name, known)}", param=param)


def decision_id(fields: FeedbackFields) -> str:
    """The decision that feedback is about, under either of its names."""
    if fields.decision_id is None and fields.inference_id is None:
        raise RequestError(
            "decision_id is missing; send the decision_id that the reply to the route request held.",
            param="decision_id",
        )
    if fields.decision_id and fields.inference_id and fields.decision_id != fields.inference_id:
        raise RequestError("decision_id and inference_id differ; send one of them.", param="inference_id")
    return fields.decision_id or fields.inference_id or ""


def outcomes(fields: FeedbackFields, *, at: float, principal: str = "") -> list[Outcome]:
    """The facts of one feedback object, one outcome each; at least one."""
    decision = decision_id(fields)
    facts: dict[Factor, float | None] = dict(_facts(fields))
    for name in fields.retract or ():
        factor = RETRACTABLE[name]
        if facts.get(factor) is not None:
            raise RequestError(f"{name} is both given and retracted; do one of the two.", param="retract")
        facts[factor] = None
    if not facts:
        raise RequestError(
            "The feedback holds no fact; give at least one of quality, latency_ms, ttft_ms, input_tokens, "
            "output_tokens, usd, error or retract.",
            param="quality",
        )
    source, rater = fields.source or "user", fields.rater or ""
    return [
        Outcome(decision, factor, value, source=source, at=at, rater=rater, principal=principal)
        for factor, value in facts.items()
    ]


def lineage(fields: RouteFields) -> tuple[str | None, int]:
    """The decision that a later attempt goes back to, and which attempt this is. The first has none."""
    attempt = fields.attempt or (1 if fields.root_id is None else 2)
    if (attempt > 1) == (fields.root_id is None):
        raise RequestError(
            "root_id and attempt go together: a later attempt names the first one's decision_id as root_id "
            "and counts from 2; the first attempt names neither.",
            param="attempt",
        )
    return fields.root_id, attempt


def texts(fields: RouteFields | FeedbackFields) -> dict[str, str]:
    """The prose of a request or of feedback, which the store keeps only when it is told to."""
    found = {"prompt": _text(fields)} if isinstance(fields, RouteFields) else _prose(fields)
    return {name: text for name, text in found.items() if text}


def answer(fields: FeedbackFields) -> dict[str, str]:
    """Of the prose of feedback, what a judge reads: the answer, and the messages that it answers."""
    return {kind: text for kind, text in texts(fields).items() if kind in ("response", "messages")}


RETRACTABLE: dict[str, Factor] = {
    "quality": "quality",
    "usd": "usd",
    "seconds": "seconds",
    "latency_ms": "seconds",
    "ttft_seconds": "ttft_seconds",
    "ttft_ms": "ttft_seconds",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "error": "error",
}

_QUALITY_WORDS = {"up": 1.0, "down": 0.0}


def _facts(fields: FeedbackFields) -> Iterator[tuple[Factor, float]]:
    quality = fields.quality
    if quality is not None:
        yield "quality", _QUALITY_WORDS[quality] if isinstance(quality, str) else float(quality)
    if fields.latency_ms is not None:
        yield "seconds", fields.latency_ms / 1000
    if fields.ttft_ms is not None:
        yield "ttft_seconds", fields.ttft_ms / 1000
    if fields.usd is not None:  # before the tokens: whoever hears of a bill first hears of its USD
        yield "usd", fields.usd
    if fields.input_tokens is not None:
        yield "input_tokens", float(fields.input_tokens)
    if fields.output_tokens is not None:
        yield "output_tokens", float(fields.output_tokens)
    if fields.error is not None:
        yield "error", float(bool(fields.error))


def _text(fields: RouteFields) -> str:
    if fields.prompt is not None:
        return fields.prompt
    return _messages_text(fields.messages) if fields.messages else ""


def _messages_text(messages: Iterable[Message]) -> str:
    return "\n".join(filter(None, (_message_text(message) for message in messages)))


def _message_text(message: Message) -> str:
    if isinstance(message.content, list):
        return "\n".join(part.text for part in message.content if part.text)
    return message.content or ""


def _prose(fields: FeedbackFields) -> dict[str, str]:
    return {
        "comment": fields.comment or "",
        "response": fields.response or "",
        "messages": _messages_text(fields.messages or ()),
        "error": fields.error if isinstance(fields.error, str) else "",
    }
