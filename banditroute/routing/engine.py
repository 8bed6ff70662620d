"""What both routers share: reading, deciding, appending, following the log; no waiting of its own."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from banditroute import intake
from banditroute.config.settings import Settings
from banditroute.core.decide import Request, State
from banditroute.errors import NoEligibleModel, RequestError, UnknownDecision
from banditroute.routing.alarms import alarms_of
from banditroute.routing.alerts import Alerts
from banditroute.routing.choose import Chooser, Draft
from banditroute.routing.exploring import exploring
from banditroute.routing.fields import FeedbackFields, RouteFields
from banditroute.routing.follow import Follower, Progress
from banditroute.routing.identity import Identities
from banditroute.routing.judging import Judging
from banditroute.routing.keeping import Keeper
from banditroute.routing.raised import RaisedAlarms
from banditroute.routing.redaction import Redactor
from banditroute.routing.retention import Retention
from banditroute.routing.wording import quoted
from banditroute.store import Entry, Receipt, Record, Store, open_store
from banditroute.store.acknowledgement import Acknowledgement
from banditroute.types import Decision

SECONDS_PER_DAY = 86_400.0


class Engine:
    """Reads requests, decides by the current state, and appends what happened."""

    def __init__(
        self, settings: Settings, store: Store | None = None, *, progress: Progress | None = None
    ) -> None:
        self.settings = settings
        self._identities = Identities()
        self._reader = intake.RequestReader(settings)
        self._chooser = Chooser(settings)
        self._keeps_texts = settings.store.prompts
        redactor = Redactor(settings.judge)
        self.store = opened_store(settings) if store is None else store
        running = self._chooser.experiments
        self.follower = Follower(
            self.store, settings, progress=progress, listen=None if running is None else running.hear
        )
        self._judging = Judging(settings, self.store) if settings.judge.model else None
        self._exploring = exploring(settings, self.store)
        self.keeper = Keeper(redactor, self.store)
        self._retention = Retention(settings, self.store)
        self._retention.start()
        self.alerts = Alerts(
            self.store.controls,
            settings.alerts,
            lambda: alarms_of(self.follower.state) + redactor.alarms(),
        )
        self.alerts.start()
        self.raised = RaisedAlarms(self.store.controls)

    @property
    def state(self) -> State:
        """What has been learned so far."""
        return self.follower.state

    def prepare(self, fields: RouteFields, principal: str = "") -> Draft:
        """Reads a request; refuses what the configuration does not allow."""
        read = self._reader.read(fields)
        self._chooser.check(read.policy)
        at = time.time()
        decision_id, seed = self._identities.new(at)
        root_id, attempt = intake.lineage(fields)
        request = Request(
            decision_id,
            at,
            seed,
            read.context,
            read.preferences,
            root_id,
            attempt,
            mode=self._chooser.mode.name,
            params=self._chooser.params(read.context),
            sampling=None if self._judging is None or read.dry_run else self._judging.sampling(read.context),
            principal=principal,
        )
        texts = intake.texts(fields) if self._keeps_texts else {}
        return Draft(request, read.policy, read.dry_run, read.ignored_features, texts)

    def decide(self, drafts: Sequence[Draft]) -> list[Decision | NoEligibleModel]:
        """Decides for all of them by one state."""
        state = self.follower.state
        return self._chooser.decide(
            state if self._exploring is None else self._exploring.known_to(state), drafts
        )

    def append(self, made: Sequence[tuple[Draft, Decision]]) -> Acknowledgement[None]:
        """Makes decisions durable."""
        decisions = [decision for _, decision in made]
        if self._judging is not None:
            self._judging.decided(decisions)
        if self._exploring is not None:
            self._exploring.decided(decisions)
        texts = {decision.id: kept for draft, decision in made if (kept := _texts(draft, decision))}
        redacted = bool(texts) and self.keeper.redactor.active
        durable = self.store.append_decisions(decisions, texts=None if redacted else texts or None)
        if redacted:
            self.keeper.prompts(texts, durable)
        durable.add_done_callback(self.follower.written)
        return durable

    def report(
        self, items: Sequence[FeedbackFields], *, key: str | None = None, principal: str = ""
    ) -> Acknowledgement[Receipt]:
        """Makes a list of feedback durable, as a whole or not at all."""
        at = time.time()
        _check_keys(items, key)
        entries = [self._entry(item, at, principal) for item in items]
        append = partial(
            self.store.append_list,
            idempotency_key=key,
            digest=None if key is None else _digest(items),
            principal=principal,
        )
        written = any(entry.texts or entry.answers for entry in entries)
        redacted = written and self.keeper.redactor.active
        receipt = self.keeper.report(entries, append) if redacted else append(entries)
        receipt.add_done_callback(self._reported)
        return receipt

    def record(self, decision_id: str) -> Record:
        """A decision and everything that was said about it."""
        record = self.store.record(decision_id)
        if record is None:
            raise UnknownDecision(
                f"There is no decision {quoted(decision_id)}; "
                "send the decision_id that the routing reply gave.",
                param="decision_id",
            )
        return record

    def close(self) -> None:
        """Folds what is left, saves a snapshot and closes the log."""
        try:
            if self._judging is not None:
                self._judging.close()
            if self._exploring is not None:
                self._exploring.close()
            self._retention.close()
            self.keeper.close()
            self.follower.close()
            self.alerts.close()
        finally:
            self.store.close()

    def _entry(self, item: FeedbackFields, at: float, principal: str) -> Entry:
        key = item.idempotency_key
        decision_id = intake.decision_id(item)
        texts: Mapping[str, Mapping[str, str]] = {}
        answers: Mapping[str, Mapping[str, str]] = {}
        if self._keeps_texts and (prose := intake.texts(item)):
            texts = {decision_id: prose}
        elif not self._keeps_texts and self._judging is not None and (item.response or item.messages):
            answers = {decision_id: intake.answer(item)}
        return Entry(
            intake.outcomes(item, at=at, principal=principal),
            texts,
            key,
            None if key is None else _digest([item]),
            answers,
            at - self.settings.judge.retention_days * SECONDS_PER_DAY if answers else 0.0,
        )

    def _reported(self, done: Acknowledgement[Receipt]) -> None:
        self.follower.written(done)
        self.follower.nudge()


def _texts(draft: Draft, decision: Decision) -> Mapping[str, str]:
    """What is kept of a request's prose: all of it where the store keeps prompts, else that of the decisions
    that a judge was given."""
    if decision.wants_response and draft.request.context.text:
        return {**draft.texts, "prompt": draft.request.context.text}
    return draft.texts


def opened_store(settings: Settings) -> Store:
    """The event log that the configuration names."""
    return open_store(settings.store.url, base=settings.path.parent if settings.path else None)


def _check_keys(items: Sequence[FeedbackFields], header: str | None) -> None:
    """Refuses two keys for one object; in a list, the header's is the list's, and each object has its own."""
    if header is not None and len(items) == 1 and items[0].idempotency_key not in (None, header):
        raise RequestError(
            "The Idempotency-Key header and idempotency_key differ; send one of them.",
            param="idempotency_key",
        )


def _digest(items: Sequence[FeedbackFields]) -> str:
    """What tells one body from another under the same idempotency key."""
    bare = [msgspec.structs.replace(item, idempotency_key=None) for item in items]
    return hashlib.blake2b(msgspec.json.encode(bare), digest_size=16).hexdigest()
