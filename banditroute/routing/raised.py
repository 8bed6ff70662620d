"""Which alarms are open and which somebody has seen to, kept up to date: no look reads all of them again."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from threading import Lock

from banditroute.config.feedback import EVERY
from banditroute.core.feedback.account import AlarmAccount
from banditroute.routing.acknowledging import about, is_acknowledged
from banditroute.store.controls import Control, Controls

MOST_OPEN, MOST_SEEN = 40, 10
"""How many alarms are shown that nobody has seen to, and of the others."""


class RaisedAlarms:
    """A fold of the alarms of a log and of their acknowledgements, whoever stored them; a look reads what
    came since the last one. All that are open are kept, and the last `MOST_SEEN` of the others. Safe to share
    between threads."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._lock = Lock()
        self._heard = 0
        self._open: dict[int, Control] = {}
        self._about: dict[tuple[bool, str], set[int]] = {}
        self._closed: list[tuple[int, Control]] = []
        self._times: dict[str, float] = {}
        self._kinds: Counter[str] = Counter()

    def open(self) -> list[Control]:
        """The alarms that nobody has seen to, the newest first."""
        with self._lock:
            self._hear()
            return list(reversed(self._open.values()))

    def kinds(self) -> Mapping[str, int]:
        """How many were ever raised, by kind."""
        with self._lock:
            self._hear()
            return dict(self._kinds)

    def accounts(self) -> list[AlarmAccount]:
        """The last `MOST_OPEN` alarms that nobody has seen to and the last `MOST_SEEN` others, the newest
        first."""
        with self._lock:
            self._hear()
            newest = islice(reversed(self._open.values()), MOST_OPEN)
            shown = [(event, False) for event in newest] + [(event, True) for _, event in self._closed]
        return [_account(*one) for one in sorted(shown, key=lambda one: -one[0].seq)]

    def _hear(self) -> None:
        for event in self._controls.after(self._heard, "alarm", "acknowledge"):
            if event.kind == "alarm":
                self._raise(event)
            else:
                self._see_to(event.subject, event.at)
            self._heard = event.seq

    def _raise(self, event: Control) -> None:
        self._kinds[str(event.body.get("kind", ""))] += 1
        if is_acknowledged(event, self._times):  # by the clock of another machine
            self._close(event)
        else:
            self._open[event.seq] = event
            self._about.setdefault(about(event), set()).add(event.seq)

    def _see_to(self, subject: str, at: float) -> None:
        self._times[subject] = max(at, self._times.get(subject, at))
        every = [key for key in self._about if key[0]] if subject == EVERY else []
        for key in ((False, subject), (True, subject), *every):
            own = self._about.get(key, set())
            for seq in [seq for seq in own if self._open[seq].at <= at]:
                own.discard(seq)
                self._close(self._open.pop(seq))
            if not own:
                self._about.pop(key, None)

    def _close(self, event: Control) -> None:
        heapq.heappush(self._closed, (event.seq, event))
        if len(self._closed) > MOST_SEEN:
            heapq.heappop(self._closed)


def _account(event: Control, seen: bool) -> AlarmAccount:
    # What an alarm does not say is blank: whoever asks for the state must not be refused for it.
    said = (str(event.body.get(name, "")) for name in ("id", "kind", "subject", "message"))
    id, kind, subject, message = said
    return AlarmAccount(id, kind, subject, message, event.at, seen)
