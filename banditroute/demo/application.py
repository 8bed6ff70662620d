"""What the demo's application says to the router: before a call, and after it."""

from __future__ import annotations

from banditroute.upstream.simulated import SimulatedOutcomes, SimulatedRequest


def request_fields(request: SimulatedRequest) -> dict[str, object]:
    """The fields of `/v1/route`; the class only where the caller knows it, else the prompt must tell."""
    fields: dict[str, object] = {
        "prompt": request.prompt,
        "input_tokens": request.input_tokens,
        "max_output_tokens": request.max_output_tokens,
        "features": {"difficulty": request.difficulty},
    }
    if request.states_class:
        fields["request_class"] = request.request_class
    return fields


def feedback_fields(
    outcomes: SimulatedOutcomes, index: int, model: int, response: str | None = None
) -> dict[str, object]:
    """The fields of `/v1/feedback`: what the application measured, a score only where one was given, and the
    answer itself where the router wants it judged."""
    fields: dict[str, object] = {"latency_ms": 1000 * float(outcomes.seconds[index, model])}
    if outcomes.error[index, model]:
        return fields | {"error": "upstream_error"}
    fields["ttft_ms"] = 1000 * float(outcomes.ttft_seconds[index, model])
    fields["output_tokens"] = int(outcomes.output_tokens[index, model])
    if outcomes.feedback_arrives[index, model]:
        fields["quality"] = float(outcomes.quality[index, model])
    if response is not None:
        fields["response"] = response
    return fields
