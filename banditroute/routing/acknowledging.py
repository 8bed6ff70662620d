"""Acknowledgements: what people may say they have seen to, and how the state knows of it.

It reaches the state by the times at which they did, whenever it is heard of, so a rebuild knows the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from msgspec import structs

from banditroute.config.feedback import EVERY
from banditroute.config.settings import Settings
from banditroute.core.state import State
from banditroute.core.steering.guardrails import new_guards
from banditroute.errors import RequestError
from banditroute.routing.wording import quoted
from banditroute.store.base import Store
from banditroute.store.controls import Control, Controls

MOST_NAMES = 10
"""How many classes a refusal names."""


def seen_to(state: State, store: Store) -> State:
    """The state under every acknowledgement in the store, from which on a broken class is routed again."""
    guards = state.watch.guards
    if guards is None:
        return state
    events = store.controls.after(0, "acknowledge")
    now = guards.seen_to((event.subject, event.at) for event in events)
    return state if now is guards else replace(state, watch=structs.replace(state.watch, guards=now))


def about(alarm: Control) -> tuple[bool, str]:
    """What an acknowledgement of the alarm names: for a guardrail (True) its class, else what it is about."""
    guarded = alarm.body.get("kind") == "guardrail"
    return guarded, str(alarm.body.get("subject", "")) if guarded else alarm.subject


def is_acknowledged(alarm: Control, seen: Mapping[str, float]) -> bool:
    """Whether somebody has seen an alarm, or what it is about, since it was raised. `seen` are the times of
    the last acknowledgements by their subjects: for a guardrail its class or `*`, else what it is about."""
    guarded, subject = about(alarm)
    names = (subject, EVERY) if guarded else (subject,)
    return any(seen.get(name, -math.inf) >= alarm.at for name in names)


def raised(controls: Controls) -> list[tuple[Control, bool]]:
    """Every alarm, the newest first, and whether somebody has seen to it. Reads all of them: for a report;
    who asks often asks `routing.raised`."""
    events = controls.after(0, "alarm", "acknowledge")
    seen: dict[str, float] = {}
    for event in events:
        if event.kind == "acknowledge":
            seen[event.subject] = max(event.at, seen.get(event.subject, event.at))
    alarms = (event for event in reversed(events) if event.kind == "alarm")
    return [(event, is_acknowledged(event, seen)) for event in alarms]


def acknowledged(subject: str, settings: Settings, controls: Controls) -> tuple[str, dict[str, object]]:
    """What an acknowledgement of `subject` is stored as, its subject and its body: a class with a guardrail
    or `*` as it is, an alarm (by its id, or by `kind/subject/factor` the last one) by what it is about, which
    for that of a guardrail is the class. Refuses everything else."""
    guards = new_guards(settings)
    classes = () if guards is None else tuple(guard.request_class for guard in guards.guards)
    if subject in classes or (classes and subject == EVERY):
        return subject, {}
    for alarm in reversed(controls.after(0, "alarm")):
        if subject in (alarm.subject, alarm.body["id"]):
            return about(alarm)[1], {"alarm": alarm.body["id"]}
    guarded = ", ".join(f"`{name}`" for name in classes[:MOST_NAMES])
    more = " and others" if len(classes) > MOST_NAMES else ""
    ways = f"a class with a guardrail ({guarded}{more}; `{EVERY}` for all), or " if classes else ""
    raise RequestError(
        f"There is nothing {quoted(subject)} to acknowledge; name {ways}the id of an alarm as "
        "`GET /v1/controls` lists them.",
        param="subject",
    )
