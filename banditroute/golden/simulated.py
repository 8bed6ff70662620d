"""The simulated models taking a golden set.

A simulated model answers a task rightly where the simulated world gives its answer to that very text a
quality above a threshold, so better models fail less, and each always at the same tasks. What it says then is
the task's own answer; else something that looks much like it, wrapped in a sentence and cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from banditroute.golden.answers import Answer
from banditroute.golden.tasks import GoldenSet, Task
from banditroute.types import Model
from banditroute.upstream.answers import read_answer
from banditroute.upstream.chat import Chat, Completion, Message

THRESHOLD = 0.5


class SimulatedTaker:
    """Answers golden tasks for the models of `providers`, and leaves everything else to `chat`."""

    def __init__(self, chat: Chat, golden: GoldenSet, providers: frozenset[str]) -> None:
        self._chat = chat
        self._tasks = {task.prompt: task for task in golden.tasks}
        self._providers = providers

    async def complete(
        self, model: Model, messages: Sequence[Message], params: Mapping[str, object]
    ) -> Completion:
        completion = await self._chat.complete(model, messages, params)
        task = self._tasks.get(str(messages[-1].get("content") or ""))
        if task is None or model.provider not in self._providers:
            return completion
        written = read_answer(completion.text)
        able = written is not None and written.quality >= THRESHOLD
        answer = Answer.right(task) if able else wrong_answer(task)
        return replace(completion, text=answer.text, tool_calls=answer.calls, finish_reason="stop")

    async def close(self) -> None:
        await self._chat.close()


def wrong_answer(task: Task) -> Answer:
    """What a weaker model makes of a task: talk around the answer, and nothing called."""
    return Answer(
        f"Sure! That would be something like {task.answer[: len(task.answer) // 2]} or so, I believe."
    )
