"""Giving models the golden set: every task of theirs once, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from banditroute.config.settings import Settings
from banditroute.errors import UpstreamError
from banditroute.golden.answers import Answer, fault
from banditroute.golden.tasks import GoldenSet, Task
from banditroute.routing.probing import Probe, served_as
from banditroute.types import Model
from banditroute.upstream.chat import Chat, Upstreams

HANDS = 4
"""Tasks under way at a time."""

TRIES = 2
"""A task that gets no answer is asked once more: a provider's bad moment says nothing about the model."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one task: what was `wrong`, None where nothing; `answered` is false where the provider
    gave no answer at all."""

    model: str
    task: str
    area: str
    wrong: str | None
    answered: bool
    usd: float


@dataclass(frozen=True, slots=True)
class Report:
    """A model's probe, and each of its tasks; `probe` is None where nothing was answered, which says nothing
    about the model."""

    model: Model
    probe: Probe | None
    taken: tuple[Taken, ...]


def golden_chat(settings: Settings, golden: GoldenSet, *, timeout: float = 60.0) -> Chat:
    """Whoever answers for the configured models. Raises ConfigError where a key is missing."""
    upstreams = Upstreams(settings.upstreams, timeout=timeout)
    for name in dict.fromkeys(model.provider for model in settings.models):
        upstreams.open(name)
    simulated = frozenset(own.name for own in settings.upstreams if own.dialect == "simulated")
    if not simulated:
        return upstreams
    from banditroute.golden.simulated import SimulatedTaker

    return SimulatedTaker(upstreams, golden, simulated)


async def probe_models(
    models: Sequence[Model],
    golden: GoldenSet,
    chat: Chat,
    *,
    hands: int = HANDS,
    done: Callable[[Taken], None] = lambda _: None,
) -> list[Report]:
    """How each model does; `done` hears of every task as it ends."""
    free = asyncio.Semaphore(hands)

    async def one(model: Model, task: Task) -> Taken:
        async with free:
            taken = await _take(model, task, chat)
        done(taken)
        return taken

    async def all_of(model: Model) -> Report:
        tasks = golden.for_capabilities(model.capabilities)
        return _report(model, golden, await asyncio.gather(*(one(model, task) for task in tasks)))

    return list(await asyncio.gather(*map(all_of, models)))


async def _take(model: Model, task: Task, chat: Chat) -> Taken:
    trouble = ""
    for _ in range(TRIES):
        try:
            completion = await chat.complete(model, task.messages, task.params)
        except UpstreamError as error:
            trouble = str(error)
            continue
        wrong = fault(task, Answer.of(completion))
        return Taken(model.id, task.name, task.area, wrong, True, completion.usd)
    return Taken(model.id, task.name, task.area, f"no answer: {trouble}", False, 0.0)


def _report(model: Model, golden: GoldenSet, taken: Sequence[Taken]) -> Report:
    if not any(own.answered for own in taken):
        return Report(model, None, tuple(taken))
    areas = {task.area: (0, 0) for task in golden.tasks}
    for own in taken:
        passed, total = areas[own.area]
        areas[own.area] = passed + (own.wrong is None), total + 1
    failed = tuple(own.task for own in taken if own.wrong is not None)
    usd = sum(own.usd for own in taken)
    return Report(model, Probe(model.id, golden.label, served_as(model), areas, failed, usd), tuple(taken))
