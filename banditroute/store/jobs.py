"""What waits for a judge: jobs in the event log's database, claimed under a lease, each done once.

A worker that is killed loses nothing: its lease runs out and the job goes to the next one. Money is
reserved before it is spent, in the transaction that looks at the day's cap, so that any number of workers
together stay below it; what a killed worker had reserved counts as spent, for nobody knows better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.sqlite import insert

from banditroute.store import tables
from banditroute.store.engine import WRITES, failures

PENDING, RUNNING, DONE, SKIPPED, FAILED = STATES = ("pending", "running", "done", "skipped", "failed")
"""`pending` from `due_at` on; `running` until `due_at`, when its lease ends; the others are over."""

BASE, VALUE = "base", "value"
"""Why a decision was sampled: for the uniform audit, or because a verdict may change a choice."""

SECONDS_PER_DAY = 86_400.0

_j, _s = tables.judge_jobs.c, tables.judge_spend.c


@dataclass(frozen=True, slots=True)
class NewJob:
    """A decision to be judged by an instrument (`MODEL/RUBRIC`), and how it came to be sampled: with
    which probability in (0, 1], for which reason, and when."""

    decision_id: str
    instrument: str
    sampled: float
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its worker holds it. `attempts` counts this one; the `lease` is the right to end it."""

    seq: int
    lease: str
    decision_id: str
    instrument: str
    sampled: float
    reason: str
    attempts: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Reserved:
    """USD set aside for the calls of a job, on the account of a UTC day."""

    usd: float = 0.0
    day: int = 0


NOTHING = Reserved()


class NoRoom(Enum):
    """Why nothing was reserved: the day's cap is reached; or it would be, if all that is reserved at the
    moment were spent; or the job is another worker's by now."""

    SPENT = "spent"
    RESERVED = "reserved"
    LOST = "lost"


class JobStore:
    """The jobs in the database behind an event log (`Store.engine`). Threads and processes may share it.

    Every call is one transaction. Times are seconds since the epoch, amounts USD. Raises StoreError where
    the database cannot be read or written.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = Lock()

    def enqueue(self, decision_id: str, instrument: str, sampled: float, reason: str, at: float) -> bool:
        """Adds a job, due at once, unless the decision has one with this instrument; whether it is new."""
        return self.enqueue_all([NewJob(decision_id, instrument, sampled, reason, at)]) == 1

    def enqueue_all(self, jobs: Sequence[NewJob]) -> int:
        """Adds those jobs that are new, and says how many."""
        rows = [
            {
                "decision_id": job.decision_id,
                "instrument": job.instrument,
                "sampled": job.sampled,
                "reason": job.reason,
                "state": PENDING,
                "created_at": job.at,
                "due_at": job.at,
                "attempts": 0,
                "usd": 0.0,
                "reserved": 0.0,
            }
            for job in jobs
        ]
        add = insert(tables.judge_jobs).on_conflict_do_nothing()
        with self._writing() as connection:
            return sum(connection.execute(add, row).rowcount for row in rows)

    def claim(self, instrument: str, at: float, *, lease_seconds: float, limit: int = 1) -> list[Job]:
        """The next jobs that are due, or whose lease has run out; they are the caller's for
        `lease_seconds`, and longer if it extends the lease."""
        due = (
            select(_j.seq)
            .where(_j.state.in_((PENDING, RUNNING)), _j.due_at <= at, _j.instrument == instrument)
            .order_by(_j.due_at, _j.seq)
            .limit(limit)
        )
        with self._reading() as connection:  # who looks in vain shall not keep others from writing
            if connection.scalar(due) is None:
                return []
        with self._writing() as connection:
            due_now = connection.scalars(due).all()
            return [_claimed(connection, seq, at + lease_seconds) for seq in due_now]

    def extend(self, jobs: Sequence[Job], until: float) -> None:
        """Prolongs the leases of those jobs that are still the caller's."""
        mine = _j.lease.in_([job.lease for job in jobs])
        with self._writing() as connection:
            connection.execute(
                update(tables.judge_jobs).where(mine, _j.state == RUNNING).values(due_at=until)
            )

    def reserve(
        self, job: Job, usd: float, at: float, *, usd_per_day: float, kept_for_base: float
    ) -> Reserved | NoRoom:
        """Sets aside the most that the calls for a job can cost, where the day's cap leaves room for it.

        A job for its value leaves the share `kept_for_base` of the cap to the uniform audit.
        """
        day = int(at // SECONDS_PER_DAY)
        with self._writing() as connection:
            if not _held(connection, job):
                return NoRoom.LOST
            spent = _spent(connection, day)
            room = usd_per_day - sum(spent.values())
            if job.reason != BASE:
                others = sum(amount for reason, amount in spent.items() if reason != BASE)
                room = min(room, (1.0 - kept_for_base) * usd_per_day - others)
            if usd > room:
                alive = select(func.sum(_j.reserved)).where(_j.state == RUNNING, _j.due_at > at)
                return NoRoom.RESERVED if connection.scalar(alive) else NoRoom.SPENT
            _book(connection, day, job.reason, usd)
            connection.execute(
                update(tables.judge_jobs).where(_j.seq == job.seq).values(reserved=_j.reserved + usd)
            )
        return Reserved(usd, day)

    def finish(
        self,
        job: Job,
        state: str,
        at: float,
        *,
        usd: float = 0.0,
        reserved: Reserved = NOTHING,
        error: str | None = None,
    ) -> bool:
        """Ends a job as done, skipped or failed; `usd` is what was spent of what was `reserved`.

        False where the job was another worker's by now: then only the money is put right.
        """
        return self._settle(job, usd, reserved, {"state": state, "done_at": at, "error": error, "due_at": at})

    def retry(
        self,
        job: Job,
        due_at: float,
        error: str,
        *,
        usd: float = 0.0,
        reserved: Reserved = NOTHING,
        counts: bool = True,
    ) -> bool:
        """Gives a job back, due again at `due_at`; it `counts` as an attempt unless the job is not to
        blame. Answers as `finish` does."""
        row = {"state": PENDING, "due_at": due_at, "error": error}
        return self._settle(job, usd, reserved, row if counts else row | {"attempts": job.attempts - 1})

    def hasten(self, instrument: str, at: float) -> None:
        """Makes those jobs due that wait without having been attempted: what they wait for, money or the
        judge's provider, may be there since, as at a start."""
        waiting = update(tables.judge_jobs).where(
            _j.state == PENDING, _j.instrument == instrument, _j.attempts == 0, _j.due_at > at
        )
        with self._writing() as connection:
            connection.execute(waiting.values(due_at=at))

    def counts(self, instrument: str | None = None) -> dict[str, int]:
        """How many jobs there are in each state, of one instrument or of all."""
        grouped = select(_j.state, func.count()).group_by(_j.state)
        if instrument is not None:
            grouped = grouped.where(_j.instrument == instrument)
        with self._reading() as connection:
            found: dict[str, int] = dict(connection.execute(grouped).all())
        return {state: found.get(state, 0) for state in STATES}

    def spent(self, at: float) -> dict[str, float]:
        """What the UTC day of `at` cost so far, by reason; what is reserved counts as spent."""
        with self._reading() as connection:
            return _spent(connection, int(at // SECONDS_PER_DAY))

    def spent_in_all(self) -> dict[str, float]:
        """What all days cost so far, by reason; what is reserved counts as spent."""
        with self._reading() as connection:
            return dict(connection.execute(select(_s.reason, func.sum(_s.usd)).group_by(_s.reason)).all())

    def _settle(self, job: Job, usd: float, reserved: Reserved, row: dict[str, object]) -> bool:
        with self._writing() as connection:
            held = _held(connection, job)
            if held:  # else whoever has the job now took what was reserved for spent
                row |= {"lease": None, "usd": _j.usd + usd, "reserved": 0.0}
            else:
                row = {"usd": _j.usd + usd - reserved.usd}
            connection.execute(update(tables.judge_jobs).where(_j.seq == job.seq).values(row))
            if usd != reserved.usd:
                _book(connection, reserved.day, job.reason, usd - reserved.usd)
        return held

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        # SQLite lets a writer that must wait poll for its turn: threads of one process wait here instead.
        with (
            self._turn,
            failures("the judge's jobs cannot be written"),
            self._engine.connect().execution_options(**{WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with failures("the judge's jobs cannot be read"), self._engine.connect() as connection:
            yield connection


def _claimed(connection: Connection, seq: int, until: float) -> Job:
    """Gives a job a new lease; what its last worker had reserved and never settled is gone."""
    change = (
        update(tables.judge_jobs)
        .where(_j.seq == seq)
        .values(
            state=RUNNING,
            lease=uuid4().hex,
            due_at=until,
            attempts=_j.attempts + 1,
            usd=_j.usd + _j.reserved,
            reserved=0.0,
        )
        .returning(
            _j.seq,
            _j.lease,
            _j.decision_id,
            _j.instrument,
            _j.sampled,
            _j.reason,
            _j.attempts,
            _j.created_at,
        )
    )
    return Job(*connection.execute(change).one())


def _held(connection: Connection, job: Job) -> bool:
    """Whether the job is still the caller's."""
    mine = select(_j.seq).where(_j.seq == job.seq, _j.state == RUNNING, _j.lease == job.lease)
    return connection.scalar(mine) is not None


def _spent(connection: Connection, day: int) -> dict[str, float]:
    return dict(connection.execute(select(_s.reason, _s.usd).where(_s.day == day)).all())


def _book(connection: Connection, day: int, reason: str, usd: float) -> None:
    """Adds to what a day cost, or takes back what was reserved and not needed."""
    entry = insert(tables.judge_spend).values(day=day, reason=reason, usd=usd)
    connection.execute(
        entry.on_conflict_do_update(
            index_elements=[_s.day, _s.reason], set_={"usd": _s.usd + entry.excluded.usd}
        )
    )
