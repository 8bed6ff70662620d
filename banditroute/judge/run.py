"""Running the judge: a worker as the configuration describes it, here or in a thread beside the service."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from banditroute.config.settings import Settings
from banditroute.errors import StoreError
from banditroute.judge.instrument import Instrument, configured_instrument
from banditroute.judge.watched import Watch, nobody
from banditroute.judge.worker import Tally, Worker
from banditroute.store import Store
from banditroute.upstream.chat import Chat, Upstreams

HANDS = 4
"""Answers judged at a time."""

GRACE_SECONDS = 5.0
"""How long calls under way may take after the order to end; then their jobs go back."""

_log = logging.getLogger(__name__)


def open_chat(settings: Settings, instrument: Instrument) -> Chat:
    """Whoever answers for the judge. Raises ConfigError where a key is missing."""
    upstreams = Upstreams(settings.upstreams, timeout=settings.judge.timeout_seconds)
    for model in (instrument.model, instrument.reference):
        if model is not None:
            upstreams.open(model.provider)
    dialects = {upstream.name: upstream.dialect for upstream in settings.upstreams}
    if dialects.get(instrument.model.provider) != "simulated":
        return upstreams
    from banditroute.judge.simulated import SimulatedJudge

    return SimulatedJudge(upstreams)


async def work(
    settings: Settings,
    store: Store,
    stop: asyncio.Event,
    *,
    hands: int = HANDS,
    once: bool = False,
    started: Callable[[Tally], None] = lambda _: None,
    watch: Watch = nobody,
) -> Tally:
    """Judges until told to stop, or with `once` until no job is due; `started` hears the running tally,
    `watch` every attempt."""
    instrument = configured_instrument(settings)
    chat = open_chat(settings, instrument)
    worker = Worker(settings, store, chat, instrument, hands=hands, watch=watch)
    started(worker.tally)
    try:
        working = asyncio.create_task(worker.run(stop, once=once))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        done, _ = await asyncio.wait((working,), timeout=GRACE_SECONDS)
        if not done:
            working.cancel()
            await asyncio.wait((working,))
        if not working.cancelled() and (error := working.exception()) is not None:
            raise _plain(error)
    finally:
        await chat.close()
    return worker.tally


class JudgeThread:
    """The judge in a thread and an event loop of its own, so that serving never waits for it.

    Raises ConfigError when it is made, not when it starts.
    """

    def __init__(self, settings: Settings, store: Store, watch: Watch = nobody) -> None:
        open_chat(settings, configured_instrument(settings))
        self._settings = settings
        self._store = store
        self._watch = watch
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="banditroute-judge", daemon=True)

    def start(self) -> None:
        """Begins to judge."""
        self._thread.start()

    def close(self) -> None:
        """Ends in order, within some seconds."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(work(self._settings, self._store, self._stop, watch=self._watch))
        except Exception:  # noqa: BLE001 (a defect of the judge is no reason to stop serving)
            _log.exception("The judge ended; serving goes on, and the next start takes its jobs up again.")


def judge_thread(settings: Settings, store: Store, watch: Watch = nobody) -> JudgeThread | None:
    """The judge that the service runs; None where none is configured, or it has a process of its own."""
    return JudgeThread(settings, store, watch) if settings.judge.model and settings.judge.worker else None


def _plain(error: BaseException) -> BaseException:
    """What stands behind the failures of several tasks, where it is for people."""
    if isinstance(error, BaseExceptionGroup):
        known, _ = error.split(StoreError)
        return error if known is None else _plain(known.exceptions[0])
    return error
