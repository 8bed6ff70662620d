"""Filling a cell: a model's answer to a prompt and the judge's verdict on it; what fails is tried again.

Every call is paid from what the cell was promised; what it needs beyond is promised before it is made.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from banditroute.config.settings import Settings
from banditroute.errors import UpstreamError
from banditroute.judge.instrument import Bill, Instrument
from banditroute.judge.run import open_chat
from banditroute.judge.verdicts import MalformedVerdict, Verdict
from banditroute.offline.collection.journal import Cell, Journal, Lost
from banditroute.offline.collection.plan import Asked, Plan
from banditroute.offline.collection.purse import NoRoom, Purse
from banditroute.upstream.chat import Chat, Completion, Upstreams

TRIES = 2
"""Attempts at a call; upstreams have tried again by themselves where that cost nothing."""

PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before another attempt: the pause, or what the provider asks for."""

ANSWER_SECONDS = 300.0
"""How long an answer may take; verdicts have `[judge] timeout_seconds`."""

T = TypeVar("T")


@dataclass(slots=True)
class Account:
    """The money of one cell: what is `left` of its promise, and what it has spent."""

    key: str
    purse: Purse
    journal: Journal
    left: float
    spent: float = 0.0

    def need(self, usd: float) -> None:
        """Makes sure that a call of that price can be paid. Raises NoRoom."""
        if (more := usd - self.left) > 0.0:
            self.purse.take(self.key, more)
            self.left += more
            self.journal.begin({self.key: more})

    def pay(self, usd: float) -> None:
        """Books a call."""
        self.left = max(0.0, self.left - usd)
        self.spent += usd

    def close(self) -> None:
        """Gives back what was not used."""
        self.purse.settle(self.key, self.spent)


class Asker:
    """Asks models and the judge, at most `hands` calls at a time."""

    def __init__(self, plan: Plan, *, hands: int, purse: Purse, journal: Journal) -> None:
        self._plan = plan
        self._purse = purse
        self._journal = journal
        self._hands = asyncio.Semaphore(hands)
        self._answers, self._verdicts = _chats(plan.settings, plan)

    async def fill(self, asked: Asked) -> Cell | Lost:
        """The cell, or why there is none. A call that fails makes a cell with an `error`; a judge that gives
        no verdict makes none. Raises NoRoom."""
        account = Account(asked.key, self._purse, self._journal, asked.most)
        try:
            return await self._filled(asked, account)
        except NoRoom as error:
            self._journal.end([Lost(asked.key, account.spent, str(error))])
            raise
        finally:
            account.close()

    async def close(self) -> None:
        """Closes connections."""
        await self._answers.close()
        if self._verdicts is not None:
            await self._verdicts.close()

    async def _filled(self, asked: Asked, account: Account) -> Cell | Lost:
        started = time.perf_counter()
        try:
            answer = await self._tried(lambda: self._answer(asked, account))
        except UpstreamError as error:
            return Cell(
                asked.key,
                asked.prompt.request_id,
                asked.model.id,
                account.spent,
                quality=self._plan.settings.reward.error_quality,
                usd=account.spent,
                seconds=time.perf_counter() - started,
                error=str(error),
            )
        paid, quality = account.spent, None
        if asked.judged and self._plan.instrument is not None:
            instrument = self._plan.instrument
            try:
                verdict = await self._tried(lambda: self._verdict(instrument, asked, answer.text, account))
            except (UpstreamError, MalformedVerdict) as error:
                return Lost(asked.key, account.spent, f"{instrument.name}: {error}")
            quality = verdict.value
        return Cell(
            asked.key,
            asked.prompt.request_id,
            asked.model.id,
            account.spent,
            usd=answer.usd,
            judge_usd=account.spent - paid,
            quality=quality,
            seconds=answer.seconds,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
        )

    async def _answer(self, asked: Asked, account: Account) -> Completion:
        account.need(asked.most_answer)
        try:
            answer = await self._answers.complete(asked.model, asked.messages, asked.params)
        except UpstreamError as error:
            account.pay(asked.most_answer if error.billed else 0.0)
            raise
        account.pay(answer.usd)
        return answer

    async def _verdict(self, instrument: Instrument, asked: Asked, answer: str, account: Account) -> Verdict:
        assert self._verdicts is not None
        most, bill = instrument.most_usd(asked.prompt.text, answer), Bill()
        account.need(most)
        try:
            verdict = await instrument.judge(self._verdicts, asked.prompt.text, answer, bill)
        except UpstreamError as error:
            account.pay(most if error.billed else bill.usd)
            raise
        except MalformedVerdict:
            account.pay(bill.usd)
            raise
        account.pay(bill.usd)
        return verdict

    async def _tried(self, call: Callable[[], Awaitable[T]]) -> T:
        """What a call gives, tried again after a pause where it fails."""
        for _ in range(TRIES - 1):
            try:
                async with self._hands:
                    return await call()
            except UpstreamError as error:
                await asyncio.sleep(min(error.retry_after or PAUSE, LONGEST_PAUSE))
            except MalformedVerdict:
                continue
        async with self._hands:
            return await call()


def _chats(settings: Settings, plan: Plan) -> tuple[Chat, Chat | None]:
    """Who answers and who judges. Raises ConfigError where a key is missing."""
    answers = Upstreams(settings.upstreams, timeout=ANSWER_SECONDS)
    for model in plan.models:
        answers.open(model.provider)
    return answers, None if plan.instrument is None else open_chat(settings, plan.instrument)
