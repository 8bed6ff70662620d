"""The static rules of the demo: the shipped policy objects, asked in this process about the same requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import structs

from banditroute.config.settings import Settings
from banditroute.core.decide import Request, decide, initial_state
from banditroute.demo.application import request_fields
from banditroute.demo.scores import Choices
from banditroute.intake import RequestReader
from banditroute.policies import baseline_specs, get_policy
from banditroute.routing.fields import RouteFields
from banditroute.routing.refusals import convert
from banditroute.upstream.simulated import SimulatedRequest


def static_choices(
    settings: Settings, models: Sequence[str], asked: Sequence[SimulatedRequest], seed: int
) -> list[Choices]:
    """What each static rule would have chosen for the requests, from a state that knows nothing.

    The fields are read and classified as the service does it. An unsure classification is not
    held against the rules: `fixed:MODEL` shall mean that model for every request.
    """
    read = RequestReader(settings).read
    contexts = [read(convert(request_fields(request), RouteFields)).context for request in asked]
    requests = [
        Request(id=f"{seed}-{i}", at=0.0, seed=seed + i, context=structs.replace(context, confidence=None))
        for i, context in enumerate(contexts)
    ]
    state = initial_state(settings)
    position = {model: i for i, model in enumerate(models)}
    choices = []
    for name in baseline_specs(settings):
        decisions = decide(state, requests, get_policy(name, settings), settings)
        choices.append(Choices(name, np.array([position[decision.model] for decision in decisions])))
    return choices
