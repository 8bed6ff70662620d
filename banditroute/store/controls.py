"""What operators do, and what they are told: events beside those of decisions, appended and never changed.

A `reset` says that a model is not what it was: outcomes of decisions made before it do not count for that
model. An `alarm` is raised once and kept until its `delivered` says that the webhook took it; `acknowledge`
says that somebody has seen it. A `probe` says how a model did on a golden set; `retention` for how long texts
are kept from then on; `experiment` that one is started or stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, Protocol

ControlKind = Literal["reset", "acknowledge", "alarm", "delivered", "probe", "retention", "experiment"]


@dataclass(frozen=True, slots=True)
class Control:
    """One event. `subject` is what it is about: a model, an alarm's id, a guardrail's class, an experiment.
    `body` is JSON that its kind gives a meaning."""

    seq: int
    at: float
    kind: ControlKind
    subject: str
    principal: str = ""
    body: Mapping[str, object] = field(default_factory=dict)


class Controls(Protocol):
    """The log of control events, numbered from 1. Safe to use from several threads."""

    def append(
        self,
        kind: ControlKind,
        subject: str,
        *,
        principal: str = "",
        body: Mapping[str, object] | None = None,
    ) -> Control:
        """Stores an event, durable when this returns; its time is the clock's."""
        ...

    def append_unless(
        self,
        known: Callable[[tuple[Control, ...]], bool],
        kind: ControlKind,
        subject: str,
        *,
        body: Mapping[str, object] | None = None,
    ) -> Control | None:
        """The same, unless `known` says of all events of that kind that it is there already, whoever stored
        it: decided and stored at once, so that of several processes one stores it."""
        ...

    def after(self, seq: int, *kinds: ControlKind) -> tuple[Control, ...]:
        """The events after number `seq` in order, of some kinds or of all."""
        ...


class MemoryControls:
    """Control events in a list, gone with the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: list[Control] = []

    def append(
        self,
        kind: ControlKind,
        subject: str,
        *,
        principal: str = "",
        body: Mapping[str, object] | None = None,
    ) -> Control:
        with self._lock:
            return self._put(kind, subject, principal, body)

    def append_unless(
        self,
        known: Callable[[tuple[Control, ...]], bool],
        kind: ControlKind,
        subject: str,
        *,
        body: Mapping[str, object] | None = None,
    ) -> Control | None:
        with self._lock:
            told = tuple(event for event in self._events if event.kind == kind)
            return None if known(told) else self._put(kind, subject, "", body)

    def after(self, seq: int, *kinds: ControlKind) -> tuple[Control, ...]:
        with self._lock:
            return tuple(event for event in self._events[seq:] if not kinds or event.kind in kinds)

    def _put(
        self, kind: ControlKind, subject: str, principal: str, body: Mapping[str, object] | None
    ) -> Control:
        event = Control(len(self._events) + 1, time.time(), kind, subject, principal, dict(body or {}))
        self._events.append(event)
        return event
