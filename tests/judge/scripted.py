"""A judge that replies as it is told, a worker that goes by a clock of its own, and what came of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select

from banditroute.config.settings import Settings
from banditroute.errors import UpstreamError
from banditroute.judge.instrument import configured_instrument
from banditroute.judge.worker import Worker
from banditroute.store import Store, tables
from banditroute.types import Model, Outcome
from banditroute.upstream.chat import Completion, Message
from tests.judge.cases import SETTINGS

NOON = 1_728_043_200.0
NAME = "claude-sonnet/pointwise-1"

Reply = Callable[[str], str]


class Scripted:
    """A judge that replies as it is told: each entry gets the question's id and gives the reply, or is
    the error it fails with; the last one is repeated."""

    def __init__(self, *script: Reply | UpstreamError, usd: float = 0.001) -> None:
        self.script = list(script)
        self.usd = usd
        self.asked: list[str] = []

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        self.asked.append("\n".join(str(message["content"]) for message in messages))
        now = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(now, UpstreamError):
            raise now
        found = re.search(r'"id": "(\w+)"', self.asked[-1])
        return Completion(now(found[1] if found else ""), 10, 10, self.usd, 0.1)

    async def close(self) -> None:
        return


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def score(value: object) -> Reply:
    return lambda id: json.dumps({"id": id, "reasons": "So it is.", "score": value})


def better(which: str) -> Reply:
    return lambda id: json.dumps({"id": id, "reasons": "So it is.", "better": which})


def work(store: Store, chat: object, under: Settings = SETTINGS, clock: Clock | None = None) -> Worker:
    worker = Worker(
        under,
        store,
        chat,  # type: ignore[arg-type]
        configured_instrument(under),
        hands=1,
        clock=clock or Clock(),
    )
    asyncio.run(worker.run(asyncio.Event(), once=True))
    return worker


def verdicts(store: Store, decision_id: str = "d0") -> list[Outcome]:
    record = store.record(decision_id)
    assert record is not None
    return list(record.outcomes)


def jobs_of(store: Store) -> list[tuple[str, int, float, float, str]]:
    j = tables.judge_jobs.c
    with store.engine.connect() as connection:
        rows = connection.execute(select(j.state, j.attempts, j.usd, j.due_at, j.error).order_by(j.seq))
        return [(state, attempts, usd, due - NOON, error or "") for state, attempts, usd, due, error in rows]
