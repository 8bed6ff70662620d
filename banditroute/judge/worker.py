"""The worker: takes jobs, asks the judge, and posts verdicts as outcomes, each once in effect.

The order makes it safe to be killed at any moment. The money is reserved, then the judge asked, then the
verdict posted under an idempotency key that is the job's, then the job ended. Killed before the post, the
job is done anew; killed after it, the next worker finds the verdict and only ends the job. Two workers that
hold the same job, because one was slow, post under the same key: the first verdict stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from banditroute.config.feedback import JudgeSettings
from banditroute.config.settings import Settings
from banditroute.errors import RequestError, StoreError, UpstreamError
from banditroute.judge.fitness import over, unfit
from banditroute.judge.instrument import Bill, Instrument
from banditroute.judge.verdicts import MalformedVerdict, Verdict
from banditroute.judge.watched import Watch, nobody, watched
from banditroute.routing.judging import enqueue
from banditroute.store import Store
from banditroute.store.jobs import DONE, FAILED, SECONDS_PER_DAY, SKIPPED, Job, JobStore, NoRoom, Reserved
from banditroute.types import JUDGE, Outcome
from banditroute.upstream.chat import Chat

POLL_SECONDS = 1.0
"""How often the worker looks for jobs when there were none."""

FIRST_RETRY, LONGEST_RETRY = 15.0, 3_600.0
"""Seconds before a job is tried again; four times as many after each attempt."""

FIRST_REST, LONGEST_REST = 1.0, 300.0
"""Seconds before a judge that fails is asked again; twice as many after each failure in a row."""

IN_A_ROW = 3
"""That many failures of the upstream in a row are its own, and no job is to blame for them."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What a worker did: how its jobs ended, and what it spent. `trouble` is what keeps it from working."""

    ended: Counter[str] = field(default_factory=Counter)
    usd: float = 0.0
    trouble: str = ""


class Worker:
    """Judges in one event loop, `hands` jobs at a time."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        chat: Chat,
        instrument: Instrument,
        *,
        hands: int = 4,
        clock: Callable[[], float] = time.time,
        watch: Watch = nobody,
    ) -> None:
        self._settings = settings
        self._judge: JudgeSettings = settings.judge
        self._store = store
        self._jobs = JobStore(store.engine)
        self._chat = chat
        self._instrument = instrument
        self._name = instrument.name
        self._hands = hands
        self._clock = clock
        self._watch = watch
        self._held: dict[str, Job] = {}
        self._failures = 0
        self._rest_until = 0.0
        self.tally = Tally()

    async def run(self, stop: asyncio.Event, *, once: bool = False) -> None:
        """Works until told to stop, or with `once` until no job is due. Jobs under way are ended first;
        those that are cancelled go back."""
        await asyncio.to_thread(self._jobs.hasten, self._name, self._clock())
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._keep_leases())
            hands = [group.create_task(self._hand(stop, once)) for _ in range(self._hands)]
            try:
                await asyncio.gather(*hands)
            finally:
                beat.cancel()

    async def _hand(self, stop: asyncio.Event, once: bool) -> None:
        while not stop.is_set():
            if (rest := self._rest_until - self._clock()) > 0.0:
                await _wait(stop, min(rest, POLL_SECONDS))
                continue
            try:
                job = await self._next()
                if job is not None:
                    await self._work(job)
                elif once:
                    return
            except StoreError as error:  # the lease brings back what was under way
                if once:
                    raise
                self._troubled(str(error), FIRST_REST)
                job = None
            if job is None:
                await _wait(stop, POLL_SECONDS)

    async def _next(self) -> Job | None:
        """The next job; where none is due, one of the answers that came since."""
        job = await self._claimed()
        if job is None:
            came = await asyncio.to_thread(enqueue, self._store, self._jobs, self._name)
            job = await self._claimed() if came else None
        return job

    async def _claimed(self) -> Job | None:
        lease = self._judge.lease_seconds
        jobs = await asyncio.to_thread(self._jobs.claim, self._name, self._clock(), lease_seconds=lease)
        return jobs[0] if jobs else None

    async def _keep_leases(self) -> None:
        """Prolongs the leases of what is under way."""
        while True:
            await asyncio.sleep(self._judge.lease_seconds / 3.0)
            if held := list(self._held.values()):
                until = self._clock() + self._judge.lease_seconds
                try:
                    await asyncio.to_thread(self._jobs.extend, held, until)
                except StoreError as error:
                    _log.warning("The leases of the judge's jobs were not prolonged: %s", error)

    async def _work(self, job: Job) -> None:
        self._held[job.lease] = job
        try:
            await self._attempt(job)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 (a defect that one job brings out shall not stop the others)
            _log.exception("A job of the judge failed; it is tried again when its lease ends.")
        finally:
            del self._held[job.lease]

    async def _attempt(self, job: Job) -> None:
        """Brings one job to its end, or gives it back."""
        record = await asyncio.to_thread(self._store.record, job.decision_id)
        texts = await asyncio.to_thread(self._store.texts, job.decision_id)
        prompt = texts.get("prompt") or texts.get("messages", "")
        answer = texts.get("response", "")
        most = self._instrument.most_usd(prompt, answer)
        ended = over(job, record, self._judge.attempts)
        if ended is None and (why := unfit(self._instrument, self._settings, record, prompt, answer, most)):
            ended = SKIPPED, why
        if ended is not None:
            await self._end(job, ended[0], error=ended[1])
        elif (reserved := await self._reserve(job, most)) is not None:
            await self._judged(job, prompt, answer, reserved)

    async def _reserve(self, job: Job, usd: float) -> Reserved | None:
        """The money for a job; None where there is none now, and the job waits."""
        now = self._clock()
        cap, kept = self._judge.usd_per_day, self._judge.reserve
        answer = await asyncio.to_thread(
            self._jobs.reserve, job, usd, now, usd_per_day=cap, kept_for_base=kept
        )
        if isinstance(answer, Reserved):
            return answer
        if answer is NoRoom.SPENT:
            due = (now // SECONDS_PER_DAY + 1.0) * SECONDS_PER_DAY
            why = "What [judge] usd_per_day allows is spent; the job waits for the next day (UTC)."
            await asyncio.to_thread(self._jobs.retry, job, due, why, counts=False)
            self.tally.ended["waiting"] += 1
        elif answer is NoRoom.RESERVED:
            why = "What [judge] usd_per_day allows is reserved for other jobs under way."
            await asyncio.to_thread(self._jobs.retry, job, now, why, counts=False)
            await asyncio.sleep(POLL_SECONDS)
        return None

    async def _judged(self, job: Job, prompt: str, answer: str, reserved: Reserved) -> None:
        """Asks the judge, posts the verdict and ends the job; or says when to try again."""
        bill = Bill()
        try:
            verdict = await watched(self._watch, job, self._instrument, self._chat, prompt, answer, bill)
        except MalformedVerdict as error:
            self._failures = 0
            await self._again(job, str(error), bill.usd, reserved)
        except UpstreamError as error:
            usd = reserved.usd if error.billed else bill.usd
            await self._failed_upstream(job, error, usd, reserved)
        except asyncio.CancelledError:  # nobody knows what the call under way will cost
            why = "The worker was told to end."
            self._jobs.retry(job, self._clock(), why, usd=reserved.usd, reserved=reserved, counts=False)
            raise
        except Exception as error:  # a defect: what the call under way cost is not known either
            await self._again(job, f"The judging failed: {error!r}", reserved.usd, reserved)
            raise
        else:
            self._failures, self.tally.trouble = 0, ""
            await self._posted(job, verdict, bill.usd, reserved)

    async def _posted(self, job: Job, verdict: Verdict, usd: float, reserved: Reserved) -> None:
        """Posts the verdict and ends the job; where the log refuses it, the money is settled all the same."""
        try:
            await self._post(job, verdict)
        except RequestError as error:
            await self._again(job, f"The verdict was refused: {error}", usd, reserved)
            raise
        await self._end(job, DONE, usd=usd, reserved=reserved)

    async def _failed_upstream(self, job: Job, error: UpstreamError, usd: float, reserved: Reserved) -> None:
        """The job is to blame for a failure only while others succeed; else the judge is left in peace."""
        self._failures += 1
        await self._again(job, str(error), usd, reserved, counts=self._failures < IN_A_ROW)
        if self._failures >= IN_A_ROW:
            rest = min(FIRST_REST * 2.0 ** (self._failures - IN_A_ROW), LONGEST_REST)
            self._troubled(str(error), max(rest, error.retry_after or 0.0))

    async def _again(
        self, job: Job, error: str, usd: float, reserved: Reserved, *, counts: bool = True
    ) -> None:
        if counts and job.attempts >= self._judge.attempts:
            await self._end(job, FAILED, usd=usd, reserved=reserved, error=error)
            return
        due = self._clock() + min(FIRST_RETRY * 4.0 ** (job.attempts - 1), LONGEST_RETRY)
        await asyncio.to_thread(self._jobs.retry, job, due, error, usd=usd, reserved=reserved, counts=counts)
        self.tally.usd += usd
        self.tally.ended["again"] += 1

    async def _post(self, job: Job, verdict: Verdict) -> None:
        """Makes the verdict an outcome; under the job's own key, so that the first one stands."""
        outcome = Outcome(
            job.decision_id,
            "quality",
            verdict.value,
            source="judge",
            at=self._clock(),
            rater=job.instrument,
            principal=JUDGE,
            weight=1.0 / job.sampled,
        )
        await self._store.append_outcomes(
            [outcome],
            idempotency_key=f"{job.decision_id} {job.instrument}",
            digest=job.instrument,
            principal=JUDGE,
            texts={job.decision_id: {f"verdict {job.instrument}": verdict.reasons}},
        )

    async def _end(
        self,
        job: Job,
        state: str,
        *,
        usd: float = 0.0,
        reserved: Reserved | None = None,
        error: str | None = None,
    ) -> None:
        money = reserved or Reserved()
        mine = await asyncio.to_thread(
            self._jobs.finish, job, state, self._clock(), usd=usd, reserved=money, error=error
        )
        self.tally.usd += usd
        if mine:
            self.tally.ended[state] += 1

    def _troubled(self, trouble: str, rest: float) -> None:
        if trouble != self.tally.trouble:
            _log.warning("The judge rests: %s", trouble)
        self.tally.trouble = trouble
        self._rest_until = self._clock() + rest


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Waits, or until told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
