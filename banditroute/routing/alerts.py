"""Telling people: what the state has found out is raised as an alarm once, kept, logged, and sent.

An alarm is an event in the store before anybody is told, and stays due until the webhook took it: it is
told at least once, and its id tells a repetition from news. One that the receiver refuses keeps no other from
being told, and is sent again by the next start. All of that happens in a thread of its own: folding and
serving never wait for a receiver, and the end only for a few seconds.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from banditroute.config.feedback import AlertSettings
from banditroute.errors import BanditrouteError, ConfigError, StoreError, Unreachable
from banditroute.routing.alarms import Alarm, is_told, place
from banditroute.routing.bounded import Bounded
from banditroute.store.controls import Control, Controls
from banditroute.upstream.webhook import TIMEOUT, Refused, post

LOOK_SECONDS = 1.0
"""How often the state is looked at."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between attempts to tell the webhook, doubled after each failure."""

MOST_TOLD = 5
"""How many of the alarms that were left untold the log names at the end."""

GRACE_SECONDS = 3.0
"""What telling may take at the end."""

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
        self._secret = webhook_secret(settings, environ)
        self._look = look
        self._first_pause = self._pause = first_pause
        self._resume = 0.0
        self._seen: frozenset[tuple[str, str, str, float]] = frozenset()
        self._closing = threading.Event()
        self._deadline = math.inf
        self._refused: set[str] = set()
        self._hearing = threading.Lock()
        self._saying = threading.Lock()
        self._due: dict[str, Control] = {}
        self._heard = 0
        self._bounded = Bounded("banditroute-webhook")
        self.raised = 0
        self.failures = 0
        self.failure: BanditrouteError | None = None
        self._thread = threading.Thread(target=self._run, name="banditroute-alerts", daemon=True)

    def start(self) -> None:
        """Begins to look, and to tell what was left untold."""
        self._thread.start()

    def close(self) -> None:
        """Looks once more, tells what can be told within `GRACE_SECONDS`, and ends."""
        self._deadline = time.monotonic() + GRACE_SECONDS
        self._closing.set()
        self._thread.join(GRACE_SECONDS + LOOK_SECONDS)
        if self._thread.is_alive():  # a call that was under way goes on; what it brings is noted all the same
            try:
                self._say_untold()
            except StoreError as error:
                _log.warning("It cannot be said which alarms were not told: %s", error)

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
            _log.warning("%s", alarm.message, extra={"kind": alarm.kind, "subject": alarm.subject})

    def untold(self) -> list[Control]:
        """The alarms that the webhook has not taken yet, in order; none without a webhook."""
        if not self._url:
            return []
        with self._hearing:
            for event in self._controls.after(self._heard, "alarm", "delivered"):
                if event.kind == "alarm":
                    self._due[_id(event)] = event
                else:
                    self._due.pop(event.subject, None)
                self._heard = event.seq
            oldest = time.time() - OUTDATED
            self._due = {id_: event for id_, event in self._due.items() if event.at >= oldest}
            return list(self._due.values())

    def tell(self) -> None:
        """Sends what is due to the webhook, in order. What it does not take keeps nothing else waiting; where
        it cannot be reached, the rest waits for a while."""
        if not self._url or time.monotonic() < self._resume:
            return
        failed: BanditrouteError | None = None
        for event in self.untold():
            if _id(event) in self._refused:
                continue
            try:
                self._post(event)
            except Refused as error:
                self.failures += 1
                if error.final:
                    self._refuse(event, error)
                else:
                    failed = error
            except Unreachable as error:
                self.failures += 1
                failed = error
                break
            else:
                self._controls.append("delivered", _id(event))
        if failed is None:
            self._pause, self.failure = self._first_pause, None
        else:
            self._wait(failed)

    def _post(self, event: Control) -> None:
        body = msgspec.json.encode({**event.body, "at": event.at})
        seconds = min(TIMEOUT, self._deadline - time.monotonic())
        send = partial(post, self._url, body, event=_id(event), secret=self._secret, at=int(time.time()))
        try:
            self._bounded(seconds, send)
        except TimeoutError as error:
            raise Unreachable(f"the webhook takes too long ({error})") from None

    def _refuse(self, event: Control, error: Refused) -> None:
        self._refused.add(_id(event))
        said = event.body.get("message")
        _log.warning("%s and is not told this before the next start: %s", _sentence(error), said)

    def _wait(self, error: BanditrouteError) -> None:
        if self.failure is None:
            _log.warning("Alarms wait to be told, trying again: %s.", error)
        self.failure = error
        self._resume = time.monotonic() + self._pause
        self._pause = min(2.0 * self._pause, LONGEST_PAUSE)

    def _say_untold(self) -> None:
        """Says once, at the end, what is left: `close` does, or the call it did not wait for."""
        if not self._saying.acquire(blocking=False):
            return
        if left := self.untold():
            _log.warning(
                "%d alarms were not told to the webhook; the next start on this event log tells them (one in "
                "memory is gone by then): %s",
                len(left),
                " ".join(str(event.body.get("message")) for event in left[:MOST_TOLD]),
            )

    def _run(self) -> None:
        ending = False
        while not ending:
            ending = self._closing.wait(min(LOOK_SECONDS, self._first_pause))
            try:
                self.look()
                self.tell()
                if ending:
                    self._say_untold()
            except Exception:  # noqa: BLE001 (the store may be away; the next look raises what this one did not)
                _log.exception("Alarms could not be raised; trying again.")


def _sentence(error: Exception) -> str:
    said = str(error)
    return said[:1].upper() + said[1:]


def _id(event: Control) -> str:
    return str(event.body["id"])


def webhook_secret(settings: AlertSettings, environ: Mapping[str, str] = os.environ) -> bytes | None:
    """What signs calls of the webhook; None where nothing does. Raises ConfigError where it is not set."""
    if not settings.secret_env:
        return None
    secret = environ.get(settings.secret_env)
    if not secret:
        raise ConfigError(
            f"[alerts] secret_env names the environment variable {settings.secret_env}, which is not set; "
            "set it to the secret that the receiver knows, or leave secret_env out."
        )
    return secret.encode()
