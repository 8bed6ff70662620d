"""What others may know of one question to a judge, and asking it while they watch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from banditroute.judge.instrument import Bill, Instrument
from banditroute.judge.verdicts import Verdict
from banditroute.store.jobs import Job
from banditroute.upstream.chat import Chat


@dataclass(frozen=True, slots=True)
class Judged:
    """One attempt at a verdict: whom it was asked of, how long it took and what it cost.

    `begun` and `ended` are in nanoseconds since the epoch. `verdict` is None where `error` says, by the name
    of an exception, why there is none. The tokens are those of all calls, of a reference model too.
    """

    decision_id: str
    instrument: str
    model: str
    provider: str
    begun: int
    ended: int
    usd: float
    input_tokens: int
    output_tokens: int
    verdict: Verdict | None = None
    error: str = ""


Watch = Callable[[Judged], None]
"""Told of every attempt, in the thread that judges; must neither fail nor take long."""


def nobody(_: Judged) -> None:
    """Watches nothing."""


async def watched(
    watch: Watch, job: Job, instrument: Instrument, chat: Chat, prompt: str, answer: str, bill: Bill
) -> Verdict:
    """The verdict; whoever watches hears how it came about, or what went wrong."""
    begun, error = time.time_ns(), ""
    verdict: Verdict | None = None
    try:
        verdict = await instrument.judge(chat, prompt, answer, bill)
    except BaseException as found:
        error = type(found).__name__
        raise
    finally:
        watch(
            Judged(
                job.decision_id,
                job.instrument,
                instrument.model.id,
                instrument.model.provider,
                begun,
                time.time_ns(),
                bill.usd,
                bill.input_tokens,
                bill.output_tokens,
                verdict,
                error,
            )
        )
    return verdict
