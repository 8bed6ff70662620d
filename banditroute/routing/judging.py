"""Which answers a judge is asked about, from the draw to the job.

A decision that is sampled asks for its answer (`wants_response`); its prompt is kept, redacted, and its
answer when it comes, and both are deleted after `[judge] retention_days` (`retention`). The store notes in
the transaction that keeps the answer that it is there, and whoever judges takes that over as a job
(`enqueue`): no answer is lost in a crash, and the route and feedback calls wait for none of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from banditroute.config.settings import Settings
from banditroute.core.feedback.account import JudgingAccount
from banditroute.core.steering.sampling import Sampling, rates
from banditroute.errors import StoreError
from banditroute.store.base import Store
from banditroute.types import OTHER, Context, Decision, Model

if TYPE_CHECKING:
    from banditroute.store.jobs import JobStore

REFRESH_SECONDS = 10.0
"""How often the rates follow what judging costs."""

MEMORY = 1_000
"""Decisions over which the mean gain is taken."""

LOOKAHEAD = 0.05
"""The share of the horizon that is planned for where the policy plans nothing, as under Thompson sampling."""

_PAGE = 1_000

_log = logging.getLogger(__name__)


class Judging:
    """Samples decisions for the judge of a configuration, at rates that follow its budget."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        own = frozenset[str]() if settings.judge.own else own_models(settings)
        self._unjudged = frozenset(i for i, model in enumerate(settings.models) if model.id in own)
        self._declared = frozenset(declared.name for declared in settings.classes)
        self._looks = LOOKAHEAD * settings.policy.horizon / (len(settings.classes) + 1)
        self._decided = 0
        self._mean_gain = 0.0
        self._rates = (settings.judge.base_rate, settings.judge.value_rate)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="banditroute-judging", daemon=True)
        self._thread.start()

    @property
    def rates(self) -> tuple[float, float]:
        """The base and the value rate at present."""
        return self._rates

    def sampling(self, context: Context) -> Sampling | None:
        """How the answer to a request is sampled; None where its class is not judged."""
        allowed = self._settings.judge.classes
        if allowed:
            name = context.request_class
            if (name if name in self._declared else OTHER) not in allowed:
                return None
        base, value = self._rates
        mean_gain = self._mean_gain if self._decided else None
        return Sampling(base, value, mean_gain, looks=self._looks, unjudged=self._unjudged)

    def decided(self, decisions: Sequence[Decision]) -> None:
        """Hears of decisions, for the mean of what verdicts on them would have been worth."""
        for decision in decisions:
            self._decided += 1
            gain = decision.parameters.get("judge_gain", 0.0)
            self._mean_gain += (gain - self._mean_gain) / min(self._decided, MEMORY)

    def refresh(self, at: float) -> None:
        """Sets the rates to what the budget allows at a time."""
        from banditroute.store.demand import tally  # deferred: it needs the database's tools

        self._rates = rates(self._settings.judge, tally(self._store.engine, at), at)

    def close(self) -> None:
        """Ends the thread; the store may be closed then."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        failing = False
        while not self._closing.is_set():
            try:
                self.refresh(time.time())
                failing = False
            except StoreError as error:
                if not failing:
                    _log.warning("The sampling for judges goes on at its last rates: %s", error)
                failing = True
            self._closing.wait(REFRESH_SECONDS)


def judging_now(settings: Settings, store: Store, at: float) -> JudgingAccount | None:
    """What judging takes at a time, by the jobs in the event log; None without a judge."""
    if not settings.judge.model:
        return None
    from banditroute.store.demand import tally

    taken = tally(store.engine, at)
    base, value = rates(settings.judge, taken, at)
    return JudgingAccount(
        base_rate=base,
        value_rate=value,
        base_waiting=taken.base_waiting,
        value_waiting=taken.value_waiting,
        base_spent_usd=taken.base_spent,
        value_spent_usd=taken.value_spent,
        usd_per_day=settings.judge.usd_per_day,
        usd_per_verdict=taken.usd,
        judgeable_per_second=taken.demand,
    )


def own_models(settings: Settings) -> frozenset[str]:
    """The ids of the models whose answers would be the judge's own: the judge, its other deployments, and
    whatever has its name at another provider."""
    name, elsewhere = settings.judge.model, Model(settings.judge.model)
    judge = next((model for model in settings.models if model.id == name), elsewhere)
    if settings.judge.upstream:
        judge = elsewhere
    return frozenset(
        model.id
        for model in settings.models
        if model.id == name
        or _name(model) == _name(judge)
        or (model.group is not None and model.group == judge.group)
    )


def enqueue(store: Store, jobs: JobStore, instrument: str) -> int:
    """Makes jobs for an instrument (`MODEL/RUBRIC`) of all sampled decisions whose answer has come, and says
    how many are new. May be done at any time and by several at once: a decision gets one job."""
    from banditroute.store.jobs import NewJob

    new = 0
    while answered := store.answered(_PAGE):
        new += jobs.enqueue_all(
            [NewJob(one.decision_id, instrument, one.sampled, one.reason, one.at) for one in answered]
        )
        store.taken_over([one.decision_id for one in answered])
    return new


def _name(model: Model) -> str:
    return model.upstream_name or model.id
