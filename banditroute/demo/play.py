"""Plays the simulated requests through the service, as an application would: route, call, feedback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from banditroute.client import AsyncClient
from banditroute.core.base import Floats, Ints
from banditroute.demo.application import feedback_fields, request_fields
from banditroute.errors import BanditrouteError
from banditroute.upstream.answers import written_answer
from banditroute.upstream.simulated import SimulatedOutcomes, SimulatedRequest

CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Played:
    """The model (by position) that the service chose for each request, and how fast it answered.

    `route_seconds` are the round trips of `/v1/route` as the application saw them; `elapsed` is
    everything.
    """

    model: Ints
    route_seconds: Floats
    elapsed: float


def play(
    url: str,
    models: Sequence[str],
    requests: Sequence[SimulatedRequest],
    outcomes: SimulatedOutcomes,
    on_choice: Callable[[int, int], None],
) -> Played:
    """Sends every request to the service at `url`; `on_choice` hears (request, model) as they come."""
    return asyncio.run(_play(url, models, requests, outcomes, on_choice))


async def _play(
    url: str,
    models: Sequence[str],
    requests: Sequence[SimulatedRequest],
    outcomes: SimulatedOutcomes,
    on_choice: Callable[[int, int], None],
) -> Played:
    n = len(requests)
    position = {model: i for i, model in enumerate(models)}
    model = np.full(n, -1, dtype=np.int64)
    route_seconds = np.zeros(n)
    pending = iter(range(n))

    async def user(client: AsyncClient) -> None:
        for index in pending:
            asked = time.perf_counter()
            decision = await client.route(**request_fields(requests[index]))
            route_seconds[index] = time.perf_counter() - asked
            chosen = position[decision.model]
            response = None
            if decision.wants_response:
                quality = float(outcomes.quality[index, chosen])
                response = written_answer(decision.model, requests[index].prompt, quality)
            await client.feedback(decision.decision_id, **feedback_fields(outcomes, index, chosen, response))
            model[index] = chosen
            on_choice(index, chosen)

    asyncio.get_running_loop().set_exception_handler(_unless_it_ends)
    started = time.perf_counter()
    async with AsyncClient(url, api_key="") as client:  # the key of a real installation is not for it
        try:
            async with asyncio.TaskGroup() as users:
                for _ in range(CONCURRENCY):
                    users.create_task(user(client))
        except ExceptionGroup as errors:
            refusals, _ = errors.split(BanditrouteError)
            raise errors if refusals is None else refusals.exceptions[0] from None
    return Played(model, route_seconds, time.perf_counter() - started)


def _unless_it_ends(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tells of what went wrong in a task. An end by a signal is raised in whichever task is at work then; it
    goes on from there and is no error to tell of."""
    if not isinstance(context.get("exception"), SystemExit):
        loop.default_exception_handler(context)
