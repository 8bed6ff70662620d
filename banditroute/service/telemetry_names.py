"""What spans and events say, by the names of OpenTelemetry's semantic conventions.

The conventions for generative AI know no routing; so a decision is an operation `route` on the model that was
chosen, and its id is the id of the response. Whoever calls the model finds both in the reply, and can say the
same in a span of the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from banditroute.judge.watched import Judged
from banditroute.routing.fields import FeedbackFields
from banditroute.types import Decision, Receipt

Attributes = Mapping[str, str | bool | int | float]

EVALUATION_EVENT = "gen_ai.evaluation.result"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_ID = "gen_ai.response.id"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
EVALUATION_NAME = "gen_ai.evaluation.name"
SCORE = "gen_ai.evaluation.score.value"
LABEL = "gen_ai.evaluation.score.label"
EXPLANATION = "gen_ai.evaluation.explanation"

_WORDS = {"up": 1.0, "down": 0.0}


def request_attributes(operation: str, status: int = 200) -> dict[str, str | bool | int | float]:
    """A request to one of the hot routes."""
    return {
        OPERATION: operation,
        "http.request.method": "POST",
        "http.route": f"/v1/{operation}",
        "http.response.status_code": status,
    }


def route_attributes(decision: Decision, provider: str) -> Attributes:
    """A decision: who was chosen, and with what probability and expectations."""
    chosen = next((one for one in decision.candidates if one.model == decision.model), None)
    said = request_attributes("route") | {
        REQUEST_MODEL: decision.model,
        RESPONSE_ID: decision.id,
        "banditroute.request_class": decision.context.request_class,
        "banditroute.policy": decision.policy,
        "banditroute.mode": decision.mode,
        "banditroute.kind": decision.kind,
        "banditroute.propensity": decision.propensity,
        "banditroute.attempt": decision.attempt,
        "banditroute.wants_response": decision.wants_response,
    }
    if provider:
        said[PROVIDER] = provider
    if decision.rule is not None:
        said["banditroute.rule"] = decision.rule
    if decision.experiment is not None:
        said["banditroute.experiment"] = decision.experiment
        said["banditroute.variant"] = decision.variant or ""
    if chosen is not None:
        said["banditroute.expected.quality"] = chosen.quality
        said["banditroute.expected.usd"] = chosen.usd
        said["banditroute.expected.seconds"] = chosen.seconds
    return said


def feedback_attributes(items: Sequence[FeedbackFields], receipt: Receipt) -> Attributes:
    """A list of feedback; of a single object also what it measured."""
    said = request_attributes("feedback") | {
        "banditroute.feedback.objects": len(items),
        "banditroute.feedback.accepted": receipt.accepted,
        "banditroute.feedback.duplicates": receipt.duplicates,
    }
    if len(items) == 1:
        (item,) = items
        measured = {
            RESPONSE_ID: item.decision_id or item.inference_id,
            INPUT_TOKENS: item.input_tokens,
            OUTPUT_TOKENS: item.output_tokens,
            "banditroute.usd": item.usd,
            "banditroute.seconds": None if item.latency_ms is None else item.latency_ms / 1000.0,
            "banditroute.failed": None if item.error is None else bool(item.error),
        }
        said |= {name: value for name, value in measured.items() if value is not None}
    return said


def judge_attributes(judged: Judged) -> Attributes:
    """A question to a judge."""
    return {
        OPERATION: "chat",
        PROVIDER: judged.provider,
        REQUEST_MODEL: judged.model,
        INPUT_TOKENS: judged.input_tokens,
        OUTPUT_TOKENS: judged.output_tokens,
        "banditroute.decision_id": judged.decision_id,
        "banditroute.instrument": judged.instrument,
        "banditroute.usd": judged.usd,
    }


def score_of(item: FeedbackFields) -> tuple[float, str] | None:
    """A score with the word it was given in; None where there is none."""
    quality = item.quality
    if quality is None:
        return None
    if isinstance(quality, bool):
        return float(quality), "pass" if quality else "fail"
    return (_WORDS[quality], quality) if isinstance(quality, str) else (float(quality), "")


def evaluation(
    decision_id: str, name: str, value: float, label: str, source: str, rater: str
) -> dict[str, str | float]:
    """A score of an answer."""
    said: dict[str, str | float] = {
        EVALUATION_NAME: name,
        SCORE: value,
        RESPONSE_ID: decision_id,
        "banditroute.source": source,
    }
    if label:
        said[LABEL] = label
    if rater:
        said["banditroute.rater"] = rater
    return said
