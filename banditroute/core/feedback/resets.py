"""Since when the outcomes of a model count: an operator's word that it is not what it was.

A reset is an event like any other. Outcomes of decisions made before it do not count for that model, however
late they come, and neither does its history; so live and rebuilt states agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from banditroute.core.decide import learn
from banditroute.core.state import QUALITY, State
from banditroute.types import FACTORS, Observation

_GOES_WITH = {"usd": ("usd", "output_tokens"), "output_tokens": ("usd", "output_tokens")}
"""Where a model has token prices, its cost is learned as tokens: both or none."""


@dataclass(frozen=True, slots=True)
class Resets:
    """By model and factor, the time from which on decisions count."""

    since: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def counts(self, observation: Observation) -> bool:
        """Whether an outcome is learned from."""
        since = self.since.get((observation.model, observation.factor))
        return since is None or observation.decided_at >= since

    @property
    def digest(self) -> str:
        """What tells them from others; empty where there are none."""
        if not self.since:
            return ""
        return hashlib.blake2b(repr(sorted(self.since.items())).encode(), digest_size=8).hexdigest()


NO_RESETS = Resets()


class Reset(Protocol):
    """An event: a model (`subject`), in the `factor` that its body names or else in all, at a time."""

    @property
    def at(self) -> float: ...
    @property
    def subject(self) -> str: ...
    @property
    def body(self) -> Mapping[str, object]: ...


def resets_of(state: State, events: Iterable[Reset]) -> Resets:
    """What events come to. Deployments of one group share their quality, so it is reset for all of them;
    models that are no longer configured have none."""
    since: dict[tuple[str, str], float] = {}
    group = state.frame.group
    for event in events:
        row, factor, at = state.frame.model_index(event.subject), str(event.body.get("factor", "")), event.at
        if row is None:
            continue
        for name in _GOES_WITH.get(factor, (factor,)) if factor else FACTORS:
            same = np.flatnonzero(group == group[row]) if name == FACTORS[QUALITY] else [row]
            for each in same:
                key = state.models[int(each)].id, name
                since[key] = max(since.get(key, at), at)
    return Resets(since)


def without_history(state: State, resets: Resets) -> State:
    """The state with nothing left of the history of what was reset."""
    frame = state.frame
    past = list(frame.past)
    for model, factor in resets.since:
        f, row = FACTORS.index(factor), frame.model_index(model)
        sums = past[f]
        if sums is None or row is None:
            continue
        past[f] = sums = sums.copy()
        place = int(frame.group[row]) if f == QUALITY else row
        for part in (sums.xx, sums.xy, sums.cells):
            part[place] = 0.0
    if all(own is before for own, before in zip(past, frame.past, strict=True)):
        return state
    state = replace(state, frame=replace(frame, past=tuple(past)), stale=frozenset(range(len(FACTORS))))
    return learn(state, [], seq=state.seq, at=state.at)
