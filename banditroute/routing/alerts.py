"""Telling people: what the state has found out is raised as an alarm once, kept, logged, and sent.

An alarm is an event in the store before anybody is told, and stays due until the webhook took it: it is
told at least once, and its id tells a repetition from news. All of that happens in a thread of its own:
folding and serving never wait for a receiver.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence

import msgspec

from banditroute.config.feedback import AlertSettings
from banditroute.errors import BanditrouteError, ConfigError
from banditroute.routing.alarms import Alarm, is_told, place
from banditroute.store.controls import Controls
from banditroute.upstream.webhook import post

LOOK_SECONDS = 1.0
"""How often the state is looked at."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between attempts to tell the webhook, doubled after each failure."""

OUTDATED = 7 * 86_400.0
"""Seconds after which an alarm that could not be told is no longer sent; it stays in the store."""

_log = logging.getLogger(__name__)


class Alerts:
    """Raises what `look` finds, and tells the webhook."""

    def __init__(
        self,
        controls: Controls,
        settings: AlertSettings,
        look: Callable[[], Sequence[Alarm]],
        *,
        environ: Mapping[str, str] = os.environ,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._controls = controls
        self._url = settings.webhook
        self._secret = _secret(settings, environ)
        self._look = look
        self._first_pause = self._pause = first_pause
        self._resume = 0.0
        self._seen: frozenset[tuple[str, str, str, float]] = frozenset()
        self._closing = threading.Event()
        self.raised = 0
        self.failures = 0
        self.failure: BanditrouteError | None = None
        self._thread = threading.Thread(target=self._run, name="banditroute-alerts", daemon=True)

    def start(self) -> None:
        """Begins to look, and to tell what was left untold."""
        self._thread.start()

    def close(self) -> None:
        """Looks once more, and ends."""
        self._closing.set()
        self._thread.join()

    def look(self) -> None:
        """Raises what is new."""
        alarms = self._look()
        seen = frozenset((a.kind, a.subject, a.factor, a.since_low) for a in alarms)
        if seen != self._seen:  # else all of it was looked at before
            for alarm in alarms:
                self._raise(alarm)
            self._seen = seen

    def _raise(self, alarm: Alarm) -> None:
        body = msgspec.to_builtins(alarm)
        known = lambda told: is_told(alarm, told)  # noqa: E731
        event = self._controls.append_unless(
            known, "alarm", place(alarm), body={**body, "id": uuid.uuid4().hex}
        )
        if event is not None:
            self.raised += 1
            _log.warning("%s", alarm.message)

    def tell(self) -> None:
        """Sends what is due to the webhook, in order, until one is not taken; then a while nothing."""
        if not self._url or time.monotonic() < self._resume:
            return
        told = {event.subject for event in self._controls.after(0, "delivered")}
        for event in self._controls.after(0, "alarm"):
            event_id = str(event.body["id"])
            if event_id in told or time.time() - event.at > OUTDATED:
                continue
            body = msgspec.json.encode({**event.body, "at": event.at})
            try:
                post(self._url, body, event=event_id, secret=self._secret, at=int(time.time()))
            except BanditrouteError as error:
                self._failed(error)
                return
            self._controls.append("delivered", event_id)
        self._pause, self.failure = self._first_pause, None

    def _failed(self, error: BanditrouteError) -> None:
        if self.failure is None:
            _log.warning("Alarms wait to be told, trying again: %s.", error)
        self.failure = error
        self.failures += 1
        self._resume = time.monotonic() + self._pause
        self._pause = min(2.0 * self._pause, LONGEST_PAUSE)

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._closing.wait(min(LOOK_SECONDS, self._first_pause))
            try:
                self.look()
                if not ending:  # nobody waits for a receiver at the end; the next start tells what is due
                    self.tell()
            except Exception:  # noqa: BLE001 (the store may be away; the next look raises what this one did not)
                _log.exception("Alarms could not be raised; trying again.")


def _secret(settings: AlertSettings, environ: Mapping[str, str]) -> bytes | None:
    if not settings.secret_env:
        return None
    secret = environ.get(settings.secret_env)
    if not secret:
        raise ConfigError(
            f"[alerts] secret_env names the environment variable {settings.secret_env}, which is not set; "
            "set it to the secret that the receiver knows, or leave secret_env out."
        )
    return secret.encode()
