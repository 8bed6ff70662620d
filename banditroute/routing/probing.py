"""What the golden set said of the models, as the event log keeps it, and who gets no traffic for it.

A probe is a control event about a model: tasks passed and taken by area, and the names of those it failed.
The last one counts, as long as the model is still served under the name it was probed by. Whether that is
enough is judged when it is asked, so a raised `[trial] probe_share` holds at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from banditroute.config.settings import Settings
from banditroute.core.state import State
from banditroute.store.base import Store
from banditroute.store.controls import Control, Controls
from banditroute.types import Model

NOT_PROBED, FAILED = "not_probed", "probe_failed"
"""Reasons of exclusions."""

PROBED = ("tools", "json")
"""Capabilities that have tasks of their own."""

_MEND = "run `banditroute probe {model}`"


@dataclass(frozen=True, slots=True)
class Probe:
    """How a model did: by area of the set the tasks it passed and took (none, where it declares nothing of
    the kind), the names of those it `failed`, what it cost.

    `golden` is the label of the set, `served` the model's name at its provider and the provider's.
    """

    model: str
    golden: str
    served: str
    areas: Mapping[str, tuple[int, int]]
    failed: tuple[str, ...] = ()
    usd: float = 0.0
    at: float = 0.0

    def body(self) -> dict[str, Any]:
        """As a control event says it."""
        return {
            "golden": self.golden,
            "served": self.served,
            "areas": {area: list(counts) for area, counts in self.areas.items()},
            "failed": list(self.failed),
            "usd": self.usd,
        }

    @classmethod
    def of(cls, event: Control) -> Probe:
        """The probe that a control event tells of."""
        body: Mapping[str, Any] = event.body
        areas = {area: (int(passed), int(taken)) for area, (passed, taken) in body["areas"].items()}
        return cls(
            event.subject, body["golden"], body["served"], areas, tuple(body["failed"]), body["usd"], event.at
        )


def served_as(model: Model) -> str:
    """What a probe of a model is about: the model that its provider serves."""
    return f"{model.provider}/{model.upstream_name or model.id}"


def probes_in(events: Iterable[Control]) -> dict[str, Probe]:
    """The last probe of each model."""
    return {event.subject: Probe.of(event) for event in events if event.kind == "probe"}


def record_probe(probe: Probe, controls: Controls, *, principal: str = "") -> Control:
    """Stores what a model did."""
    return controls.append("probe", probe.model, principal=principal, body=probe.body())


def finding(model: Model, probe: Probe | None, share: float) -> tuple[str, str] | None:
    """What speaks against giving a model traffic, a reason and a sentence; None where nothing does. `share`
    of the tasks of each declared capability, and of all others together, must be passed."""
    mend = _MEND.format(model=model.id)
    if probe is None or probe.served != served_as(model):
        return NOT_PROBED, f"has not taken the golden set yet; {mend}"
    counts = dict(probe.areas)
    others = [counts[area] for area in counts if area not in PROBED]
    groups = {area: counts[area] for area in PROBED if area in counts and area in model.capabilities}
    if others:
        groups["the others"] = (sum(p for p, _ in others), sum(n for _, n in others))
    for area, (passed, taken) in groups.items():
        if not taken:
            return NOT_PROBED, f"declares {area} and has not taken its tasks yet; {mend}"
        if passed < share * taken:
            return FAILED, f"passed {passed} of {taken} tasks of {area}, needs {share:.0%}"
    return None


def barred_by(settings: Settings, events: Iterable[Control]) -> dict[str, tuple[str, str]]:
    """The models that get nothing, with reason and sentence; nobody where no probe is asked for."""
    if not settings.trial.require_probe:
        return {}
    probes = probes_in(events)
    found = {
        model.id: finding(model, probes.get(model.id), settings.trial.probe_share)
        for model in settings.models
    }
    return {name: against for name, against in found.items() if against is not None}


def with_probes(state: State, store: Store, settings: Settings) -> State:
    """The state under what was probed until now."""
    if not settings.trial.require_probe:
        return state
    barred = barred_by(settings, store.controls.after(0, "probe"))
    if barred == state.frame.barred:
        return state
    return replace(state, frame=replace(state.frame, barred=barred))


def probe_warnings(settings: Settings, events: Iterable[Control]) -> list[str]:
    """What people should know at start: models that failed what they declare, and with `require_probe` those
    that were never probed."""
    probes, warnings = probes_in(events), []
    for model in settings.models:
        against = finding(model, probes.get(model.id), settings.trial.probe_share)
        if against is None:
            continue
        reason, sentence = against
        if settings.trial.require_probe:
            warnings.append(f"model {model.id} gets no traffic: {sentence}.")
        elif reason == FAILED:
            warnings.append(
                f"model {model.id} {sentence} ({', '.join(probes[model.id].failed)}); "
                "take back a capability that it does not have, or probe it again."
            )
    return warnings
