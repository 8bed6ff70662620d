"""What a state has found out that people should know, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from banditroute.core.feedback.changes import Change
from banditroute.core.feedback.speakers import quarantined
from banditroute.core.state import State
from banditroute.core.steering import guardrails
from banditroute.store.controls import Control


class Alarm(Struct, frozen=True):
    """Something that people should know. `subject` is a model, a class, an instrument or a principal, empty
    where it is about all; `since` is when it began, `since_low` the earliest that may be; `size`, `low` and
    `high` are by how much, as in `core.changes.Change`."""

    kind: str
    subject: str
    factor: str
    message: str
    since: float
    since_low: float
    size: float | None = None
    low: float | None = None
    high: float | None = None


def alarms_of(state: State) -> list[Alarm]:
    """What the state has found out, in words."""
    guards = state.watch.guards
    broken = [] if guards is None else [_broken(alarm) for alarm in guards.alarms()]
    changed = [
        Alarm(
            kind=change.kind,
            subject=(subject := _subject(state, change)),
            factor=change.factor,
            message=_sentence(change, subject),
            since=change.since,
            since_low=change.since_low,
            size=change.size,
            low=change.low,
            high=change.high,
        )
        for change in state.testimony.changes
    ]
    return broken + changed + _drifted(state) + _silenced(state)


def is_told(alarm: Alarm, told: Sequence[Control]) -> bool:
    """Whether an alarm of this kind was raised since the matter began: it may look a little different as
    more outcomes come in, and need not be told again. `told` are the alarms in the store."""
    return any(event.subject == place(alarm) and event.at >= alarm.since_low for event in told)


def place(alarm: Alarm) -> str:
    """What an alarm is about: two of the same place are one, unless one began after the other."""
    return f"{alarm.kind}/{alarm.subject}/{alarm.factor}"


def _broken(alarm: guardrails.Alarm) -> Alarm:
    """A guardrail that was broken: each time is an alarm of its own."""
    return Alarm(
        "guardrail",
        alarm.request_class,
        "quality",
        f"{alarm.says[0].upper()}{alarm.says[1:]}.",
        alarm.at,
        alarm.at,
    )


def _subject(state: State, change: Change) -> str:
    if change.kind == "model":
        return state.models[change.row].id
    return state.classes[change.row] if change.kind == "traffic" else ""


def _sentence(change: Change, subject: str) -> str:
    """An alarm in one plain sentence."""
    since = _date(change.since)
    if change.kind == "traffic":
        return (
            f"The traffic has changed since {since}: the share of class {subject} moved by "
            f"{change.size:+.0%} ({change.low:+.0%} to {change.high:+.0%})."
        )
    what = {
        "quality": "quality",
        "judged": "judged quality",
        "seconds": "latency",
        "ttft_seconds": "time to the first token",
    }
    moved = (
        f"{change.size:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
        if change.factor in ("quality", "judged")
        else f"{change.size:+.0%} ({change.low:+.0%} to {change.high:+.0%})"
    )
    name = what.get(change.factor, "cost")
    if change.kind == "model":
        return f"The {name} of {subject} has changed since {since}: {moved}; it is learned anew."
    return (
        f"The {name} of all models has changed alike since {since}: {moved}; look at the judge, the raters "
        "or the requests rather than at a model."
    )


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _drifted(state: State) -> list[Alarm]:
    """Judges that judge otherwise than before; people's standards may have changed as well."""
    found = []
    for name, drift in state.testimony.drifts.items():
        starts = state.testimony.pairs[name].starts
        since, before = starts[drift.since], starts[max(drift.since - 1, 0)]
        message = (
            f"The judge {name} scores {drift.size:+.3f} ({drift.low:+.3f} to {drift.high:+.3f}) beside "
            f"people since {_date(since)}; look at its model, its rubric, or who the people are."
        )
        found.append(
            Alarm("judge", name, "quality", message, since, before, drift.size, drift.low, drift.high)
        )
    return found


def _silenced(state: State) -> list[Alarm]:
    """Principals who count for nothing. Each is told once: when it began is not known."""
    speakers, weighed = state.testimony.speakers, state.weighed
    if weighed is None:
        return []
    found = [
        Alarm(
            "quarantine", name, factor,
            f"The {factor} that {name} reports stands off wildly from what all others do and counts for "
            "nothing; look at what sends it.",
            state.at, 0.0,
        )
        for factor, names in weighed.disbelieved.items()
        for name in names
    ]  # fmt: skip
    if speakers is None or weighed.speakers is None:
        return found
    return found + [
        Alarm(
            "quarantine", name, "quality",
            f"The feedback of {name} disagrees wildly with all others' and counts for nothing; "
            "look at what sends it.",
            state.at, 0.0,
        )
        for name in quarantined(speakers, weighed.speakers)
    ]  # fmt: skip
