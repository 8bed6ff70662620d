"""Deciding in an event loop: at once for all who came in the same turn, and apart for who brings a long text.

Patterns of rules go through the whole text of a request, since a rule that looked at a part of it could be
got around. On a long one that takes milliseconds for each pattern, in which the loop would serve nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from banditroute.errors import BanditrouteError, StoreError
from banditroute.routing.choose import Draft
from banditroute.routing.engine import Engine
from banditroute.routing.fields import RouteFields
from banditroute.store.writer import CLOSED
from banditroute.types import Decision

LONG = 32 * 1024
"""Bytes of a body from which on its text is a long one: below, a pattern takes less than a millisecond."""

Made = tuple[Draft, Decision]
"""A request that was read, and the decision for it."""

Answered = Callable[[Made | Exception], None]
"""Told the decision once it is durable, or why there is none."""


class Turns:
    """Requests that arrive in the same turn of the loop are decided as one batch by one state. Those with
    long texts are read and decided one by one in a thread, since two would only wait for each other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: list[tuple[Draft, Answered]] = []
        self._waiting: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="banditroute-long")
        self._closed = False

    def begin(self, fields: RouteFields, principal: str, answered: Answered, *, apart: bool) -> None:
        """Reads a request and decides, in the thread for long ones (`apart`) or with the others of this turn;
        `answered` is called in the loop."""
        if apart:
            task = asyncio.ensure_future(self._answer(fields, principal, answered))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
            return
        try:
            draft = self._engine.prepare(fields, principal)
        except BanditrouteError as error:
            answered(error)
        else:
            self._submit(draft, answered)

    async def decide(self, draft: Draft) -> Decision:
        """The decision for a request that was read, once it is durable."""
        promised: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._submit(draft, partial(_keep, promised))
        return await promised

    async def apart(self, fields: RouteFields, principal: str) -> Made:
        """Reads a request and decides in the thread for long ones; gives the decision once it is durable.
        StoreError for one that the end left no time for."""
        begun = asyncio.wrap_future(self._begun(fields, principal))
        try:
            draft, made = await begun
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():  # it was the end, not the caller
                raise StoreError(CLOSED) from None
            raise
        if not draft.dry_run:
            await self._engine.append([(draft, made)])
        return draft, made

    def close(self) -> None:
        """Ends the thread, after the request that it is at; those that wait for it are refused."""
        self._closed = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _answer(self, fields: RouteFields, principal: str, answered: Answered) -> None:
        try:
            made = await self.apart(fields, principal)
        except asyncio.CancelledError:  # the loop ends
            answered(StoreError(CLOSED))
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, whoever waits must hear of it)
            answered(error)
        else:
            answered(made)

    def _submit(self, draft: Draft, answered: Answered) -> None:
        if not self._queue:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._flush, loop)
        self._queue.append((draft, answered))

    def _begun(self, fields: RouteFields, principal: str) -> Future[Made]:
        try:
            return self._thread.submit(self._decided, fields, principal)
        except RuntimeError:
            if not self._closed:
                raise
            raise StoreError(CLOSED) from None

    def _decided(self, fields: RouteFields, principal: str) -> Made:
        draft = self._engine.prepare(fields, principal)
        (answer,) = self._engine.decide([draft])
        if isinstance(answer, Exception):
            raise answer
        return draft, answer

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        """Decides for everybody who is waiting, as one batch that becomes durable as one."""
        queue, self._queue = self._queue, []
        made: list[Made] = []
        waiting: list[Answered] = []
        try:
            answers = self._engine.decide([draft for draft, _ in queue])
            for (draft, answered), answer in zip(queue, answers, strict=True):
                if isinstance(answer, Exception):
                    answered(answer)
                elif draft.dry_run:
                    answered((draft, answer))
                else:
                    made.append((draft, answer))
                    waiting.append(answered)
            if made:
                durable = self._engine.append(made)
                durable.then(loop, lambda: _tell(waiting, made, durable.answer()))
        except Exception as error:  # noqa: BLE001 (a defect; those who wait must hear of it)
            for _, answered in queue:
                answered(error)


def _tell(waiting: Sequence[Answered], made: Sequence[Made], error: Exception | None) -> None:
    """Tells those who wait that their batch became durable, or why it did not."""
    for answered, own in zip(waiting, made, strict=True):
        answered(own if error is None else error)


def _keep(promised: asyncio.Future[Decision], answer: Made | Exception) -> None:
    """Keeps a promise, unless whoever asked has left."""
    if promised.done():
        return
    if isinstance(answer, Exception):
        promised.set_exception(answer)
    else:
        promised.set_result(answer[1])
