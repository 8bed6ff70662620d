"""Whatever dies or fails on the way, a job is done once in effect, and every dollar is accounted for."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from banditroute.errors import UpstreamError
from banditroute.judge.instrument import configured_instrument
from banditroute.judge.worker import Worker
from banditroute.store import Store
from banditroute.store.jobs import DONE, PENDING, Job, JobStore
from banditroute.types import Outcome
from banditroute.upstream.chat import Completion
from tests.judge.cases import JUDGE, SETTINGS, answered, fill, settings
from tests.judge.scripted import NAME, NOON, Clock, Scripted, jobs_of, score, verdicts, work


def test_of_two_workers_with_the_same_job_the_first_verdict_stands(store: Store) -> None:
    """The lease of a slow worker ends while it asks; another one does the job meanwhile."""
    fill(store, 1, at=NOON)

    def slow(id: str) -> str:
        later = Clock()
        later.now += JUDGE.lease_seconds + 1
        other = Worker(SETTINGS, store, Scripted(score(0.2)), configured_instrument(SETTINGS), clock=later)
        job = JobStore(store.engine).claim(NAME, later.now, lease_seconds=30.0)[0]
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, other._work(job)).result()
        return score(0.9)(id)

    worker = work(store, Scripted(slow))
    assert [outcome.value for outcome in verdicts(store)] == [0.2]
    ((state, attempts, usd, _, _),) = jobs_of(store)
    assert (state, attempts) == (DONE, 2)
    assert usd == pytest.approx(0.002), "both were paid"
    assert sum(JobStore(store.engine).spent(NOON).values()) == pytest.approx(0.002)
    assert worker.tally.ended[DONE] == 0


class Died(BaseException):
    """kill -9, at a moment of one's choice."""


@pytest.mark.parametrize("moment", ["before _reserve", "before _judged", "before _post", "after _post"])
def test_a_worker_may_die_at_any_moment(store: Store, moment: str) -> None:
    """The job is done once by the next one; what may have been spent is accounted for."""
    fill(store, 1, at=NOON)
    clock, chat = Clock(), Scripted(score(0.8), score(0.3))
    when, step = moment.split()
    worker = Worker(SETTINGS, store, chat, configured_instrument(SETTINGS), hands=1, clock=clock)
    living = getattr(worker, step)

    async def dying(*args: object) -> None:
        if when == "after":
            await living(*args)
        raise Died

    setattr(worker, step, dying)
    with pytest.raises(BaseExceptionGroup):
        asyncio.run(worker.run(asyncio.Event(), once=True))
    work(store, chat, clock=clock)
    assert jobs_of(store)[0][0] == "running", "nobody takes it while the lease lasts"
    paid = len(chat.asked)
    clock.now += JUDGE.lease_seconds + 1
    work(store, chat, clock=clock)
    assert len(verdicts(store)) == 1
    assert len(chat.asked) == max(paid, 1) + (moment == "before _post")
    ((state, attempts, usd, _, _),) = jobs_of(store)
    assert (state, attempts) == (DONE, 2)
    assert usd >= 0.001 * len(chat.asked)
    assert sum(JobStore(store.engine).spent(NOON).values()) == pytest.approx(usd)


def test_one_failure_of_the_upstream_is_the_jobs_many_are_its_own(store: Store) -> None:
    fill(store, 5, at=NOON)
    clock, chat = Clock(), Scripted(UpstreamError("It is down."))
    worker = Worker(SETTINGS, store, chat, configured_instrument(SETTINGS), hands=1, clock=clock)

    async def until_it_rests() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        while not worker.tally.trouble:
            await asyncio.sleep(0.005)
        stop.set()
        await running

    asyncio.run(until_it_rests())
    assert len(chat.asked) == 3, "after the third failure in a row it is left in peace"
    assert worker.tally.trouble == "It is down."
    assert [attempts for _, attempts, *_ in jobs_of(store)] == [1, 1, 0, 0, 0]
    assert {usd for _, _, usd, _, _ in jobs_of(store)} == {0.0}
    clock.now += 60
    work(store, Scripted(score(0.5)), clock=clock)
    assert {state for state, *_ in jobs_of(store)} == {DONE}


def test_a_call_that_may_have_been_charged_counts_as_what_was_reserved(store: Store) -> None:
    fill(store, 1, at=NOON)
    work(store, Scripted(UpstreamError("No answer in time.", billed=True)))
    most = configured_instrument(SETTINGS).most_usd(*answered(0)[1].values())
    assert jobs_of(store)[0][2] == pytest.approx(most)
    assert sum(JobStore(store.engine).spent(NOON).values()) == pytest.approx(most)


def test_a_judge_that_is_told_to_end_gives_its_jobs_back(store: Store) -> None:
    fill(store, 2, at=NOON)

    class Slow(Scripted):
        async def complete(self, *args: object) -> Completion:  # type: ignore[override]
            self.asked.append("")
            await asyncio.sleep(60)
            raise AssertionError

    chat = Slow(score(1.0))
    worker = Worker(SETTINGS, store, chat, configured_instrument(SETTINGS), hands=2, clock=Clock())

    async def cancelled() -> None:
        running = asyncio.create_task(worker.run(asyncio.Event()))
        while len(chat.asked) < 2:
            await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(cancelled())
    assert [(state, attempts) for state, attempts, *_ in jobs_of(store)] == [(PENDING, 0)] * 2


def test_leases_are_prolonged_while_the_judge_thinks(store: Store) -> None:
    """It thinks for three leases of a clock that goes on only when the last lease was prolonged."""
    under = settings(lease_seconds=0.3)
    fill(store, 1, at=NOON)
    clock = Clock()
    stolen: list[Job] = []

    class Slow(Scripted):
        async def complete(self, *args: object) -> Completion:  # type: ignore[override]
            for thirds in range(2, 11, 2):
                clock.now = NOON + 0.1 * thirds
                while jobs_of(store)[0][3] < 0.1 * thirds + 0.29:
                    await asyncio.sleep(0.01)
            stolen.extend(JobStore(store.engine).claim(NAME, clock.now, lease_seconds=30.0))
            return await super().complete(*args)  # type: ignore[arg-type]

    worker = Worker(under, store, Slow(score(0.5)), configured_instrument(under), hands=1, clock=clock)
    asyncio.run(asyncio.wait_for(worker.run(asyncio.Event(), once=True), 20.0))
    assert stolen == []
    assert worker.tally.ended[DONE] == 1


def test_a_verdict_that_stands_is_not_asked_for_again(store: Store) -> None:
    fill(store, 1, at=NOON)
    posted = Outcome("d0", "quality", 0.6, "judge", rater=NAME, principal="judge")
    store.append_outcomes([posted], idempotency_key=f"d0 {NAME}", digest=NAME, principal="judge").result(10)
    chat = Scripted(score(0.1))
    work(store, chat)
    assert chat.asked == []
    assert [outcome.value for outcome in verdicts(store)] == [0.6]
    assert jobs_of(store)[0][0] == DONE
