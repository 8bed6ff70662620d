"""What people should know now: alarms that nobody acknowledged yet."""

from __future__ import annotations

from dataclasses import dataclass

from banditroute.service.pages.desk import Desk
from banditroute.store.controls import Control

SHOWN = 8

WORDS = {
    "guardrail": "Guardrail broken",
    "model": "A model changed",
    "traffic": "The traffic changed",
    "judge": "A judge drifts",
    "judge-or-difficulty": "All models changed alike",
    "quarantine": "A principal counts for nothing",
}
"""Kinds of alarms, for people."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An alarm as a page shows it; its `id` is what acknowledging it names."""

    id: str
    kind: str
    title: str
    message: str
    at: float


def open_alarms(desk: Desk) -> list[Shown]:
    """The alarms that nobody has seen to, the newest first."""
    return [_shown(event) for event in desk.router.raised.open()]


def _shown(event: Control) -> Shown:
    body, kind = event.body, str(event.body.get("kind", ""))
    told = WORDS.get(kind, "Alarm")
    return Shown(str(body.get("id", event.subject)), kind, told, str(body.get("message", "")), event.at)
