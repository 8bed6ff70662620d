"""The router: an application's way to decide and to report back, in its own process, without a server.

    with Router.from_toml("banditroute.toml") as router:
        decision = router.route(request_class="code", input_tokens=812)
        router.feedback(decision.id, quality=0.9, latency_ms=2140, output_tokens=377)

`Router` waits in the calling thread and may be shared by threads; `AsyncRouter` has the same verbs
as coroutines. Both return only once what they did is durable. Learning goes on in a thread of its
own; `catch_up` waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from banditroute.config.load import load_settings
from banditroute.config.priorfile import with_prior
from banditroute.config.settings import Settings
from banditroute.errors import BanditrouteError, NotFolded, StoreError
from banditroute.routing.alerts import Alerts
from banditroute.routing.choose import Draft
from banditroute.routing.controls import record_control
from banditroute.routing.engine import Engine
from banditroute.routing.fields import ControlFields, FeedbackFields, RouteFields
from banditroute.routing.follow import Progress
from banditroute.routing.raised import RaisedAlarms
from banditroute.routing.rebuild import Rebuilt, rebuild
from banditroute.routing.refusals import checked_list, convert
from banditroute.routing.turns import Answered, Made, Turns
from banditroute.store import Receipt, Record, Store
from banditroute.types import Decision

if TYPE_CHECKING:
    from banditroute.config.priors import Prior
    from banditroute.core.decide import State


class Router:
    """Decides and learns in this process. Safe to share between threads."""

    def __init__(
        self, settings: Settings, store: Store | None = None, *, progress: Progress | None = None
    ) -> None:
        self._engine = Engine(settings, store, progress=progress)

    @classmethod
    def from_toml(cls, path: str | Path, *, prior: Prior | str | Path | None = None) -> Router:
        """A router as a configuration file describes it; `prior` stands for the one it names."""
        return cls(with_prior(load_settings(Path(path)), prior))

    @property
    def state(self) -> State:
        """What has been learned so far; immutable."""
        return self._engine.state

    def route(self, **fields: object) -> Decision:
        """Chooses a model. Takes the fields of `POST /v1/route`; `dry_run=True` stores nothing."""
        draft = self._engine.prepare(convert(fields, RouteFields))
        (answer,) = self._engine.decide([draft])
        if isinstance(answer, BanditrouteError):
            raise answer
        if not draft.dry_run:
            self._engine.append([(draft, answer)]).result()
        return answer

    def feedback(self, decision_id: str, **facts: object) -> Receipt:
        """Reports what is known about a decision. Takes the fields of `POST /v1/feedback`."""
        return self.feedback_list([{"decision_id": decision_id, **facts}])

    def feedback_list(
        self, items: Sequence[Mapping[str, object]], *, idempotency_key: str | None = None
    ) -> Receipt:
        """Reports several objects at once, as a whole or not at all."""
        return self._engine.report(_feedback(items), key=idempotency_key).result()

    def decision(self, decision_id: str) -> Record:
        """A decision's receipt, with every outcome that was reported."""
        return self._engine.record(decision_id)

    def catch_up(self) -> State:
        """Folds everything that was reported, and gives the state that knows it."""
        return self._engine.follower.catch_up()

    def reset(self, model: str, factor: str | None = None) -> None:
        """Begins to learn a model afresh: decisions made until now do not count for it any more, in one
        factor or in all."""
        fields = convert({"kind": "reset", "subject": model, "factor": factor}, ControlFields)
        record_control(fields, self._engine.settings, self._engine.store.controls)
        self._engine.follower.nudge()

    def rebuild(self) -> Rebuilt:
        """Folds the whole log from zero and compares with snapshot and tail."""
        return rebuild(self._engine.store, self._engine.settings)

    def close(self) -> None:
        """Saves a snapshot and closes the event log."""
        self._engine.close()

    def __enter__(self) -> Router:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRouter:
    """The router for an event loop; to be used from one loop.

    Requests that arrive in the same turn of the loop are decided as one batch by one state.
    """

    def __init__(
        self, settings: Settings, store: Store | None = None, *, progress: Progress | None = None
    ) -> None:
        self._engine = Engine(settings, store, progress=progress)
        self._turns = Turns(self._engine)

    @classmethod
    def from_toml(cls, path: str | Path, *, prior: Prior | str | Path | None = None) -> AsyncRouter:
        """A router as a configuration file describes it; `prior` stands for the one it names."""
        return cls(with_prior(load_settings(Path(path)), prior))

    @property
    def settings(self) -> Settings:
        """The configuration it was made from."""
        return self._engine.settings

    @property
    def state(self) -> State:
        """What has been learned so far; immutable."""
        return self._engine.state

    @property
    def store(self) -> Store:
        """The event log, for those who only read it."""
        return self._engine.store

    @property
    def alerts(self) -> Alerts:
        """Who tells people what changed."""
        return self._engine.alerts

    @property
    def raised(self) -> RaisedAlarms:
        """What people were told, and what they have seen to."""
        return self._engine.raised

    @property
    def refused_texts(self) -> Mapping[str, int]:
        """How many texts this process did not store because they could not be redacted, by reason."""
        return self._engine.keeper.redactor.refused

    def nudge(self) -> None:
        """Says that something was appended to the log by others."""
        self._engine.follower.nudge()

    @property
    def failure(self) -> Exception | None:
        """Why outcomes are not being folded at the moment; None while all is well."""
        return self._engine.follower.failure

    @property
    def unwritten(self) -> StoreError | None:
        """Why the last write failed; None while all is well."""
        return self._engine.follower.unwritten

    async def route(self, **fields: object) -> Decision:
        """Chooses a model. Takes the fields of `POST /v1/route`; `dry_run=True` stores nothing."""
        return await self.decide(self.prepare(convert(fields, RouteFields)))

    def prepare(self, fields: RouteFields, principal: str = "") -> Draft:
        """Reads a request, ready to be decided in the name of a principal."""
        return self._engine.prepare(fields, principal)

    async def decide(self, draft: Draft) -> Decision:
        """The decision for a request that was read, once it is durable."""
        return await self._turns.decide(draft)

    async def apart(self, fields: RouteFields, principal: str = "") -> Made:
        """Reads a request with a long text and decides, in a thread, so that the loop goes on serving."""
        return await self._turns.apart(fields, principal)

    def begin(self, fields: RouteFields, principal: str, answered: Answered, *, apart: bool) -> None:
        """Reads a request and decides, for a caller that has no coroutine to wait with; `answered` is called
        in the loop. With a long text that is done in a thread (`apart`)."""
        self._turns.begin(fields, principal, answered, apart=apart)

    async def feedback(self, decision_id: str, **facts: object) -> Receipt:
        """Reports what is known about a decision. Takes the fields of `POST /v1/feedback`."""
        return await self.feedback_list([{"decision_id": decision_id, **facts}])

    async def feedback_list(
        self, items: Sequence[Mapping[str, object]], *, idempotency_key: str | None = None
    ) -> Receipt:
        """Reports several objects at once, as a whole or not at all."""
        return await self.report(_feedback(items), key=idempotency_key)

    async def report(
        self, items: Sequence[FeedbackFields], *, key: str | None = None, principal: str = ""
    ) -> Receipt:
        """The receipt for feedback that was read, once it is durable."""
        return await self._engine.report(items, key=key, principal=principal)

    def submit_report(
        self,
        items: Sequence[FeedbackFields],
        key: str | None,
        answered: Callable[[Receipt | Exception], None],
        *,
        principal: str = "",
    ) -> None:
        """`report` for a caller that has no coroutine to wait with; `answered` is called in the loop."""
        receipt = self._engine.report(items, key=key, principal=principal)
        receipt.then(asyncio.get_running_loop(), lambda: answered(receipt.answer()))

    async def decision(self, decision_id: str) -> Record:
        """A decision's receipt, with every outcome that was reported."""
        return await asyncio.to_thread(self._engine.record, decision_id)

    async def catch_up(self) -> State:
        """Folds everything that was reported, and gives the state that knows it."""
        return await asyncio.to_thread(self._engine.follower.catch_up)

    async def folded(self, seq: int, timeout: float) -> State:
        """The first state that holds event `seq`; NotFolded when that takes longer than `timeout` seconds."""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._engine.follower.folded(seq)), timeout)
        except TimeoutError:
            raise NotFolded(
                f"Event {seq} was not folded in within {timeout:g} s, the state holds events up to "
                f"{self.state.seq}; ask again, or check that the number is an event_seq that feedback gave."
            ) from None

    async def rebuild(self) -> Rebuilt:
        """Folds the whole log from zero and compares with snapshot and tail."""
        return await asyncio.to_thread(rebuild, self._engine.store, self._engine.settings)

    async def close(self) -> None:
        """Saves a snapshot and closes the event log."""
        await asyncio.to_thread(self._turns.close)
        await asyncio.to_thread(self._engine.close)

    async def __aenter__(self) -> AsyncRouter:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _feedback(items: Sequence[Mapping[str, object]]) -> list[FeedbackFields]:
    return checked_list([convert(item, FeedbackFields) for item in items])
