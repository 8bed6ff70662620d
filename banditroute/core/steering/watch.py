"""What follows the log event by event: shadow prices, and whatever else only makes sense in order.

Each part is a pure fold over what is first heard (`heard`), kept in snapshots as JSON, where every double is
written so that it reads back the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self, TypeVar

from msgspec import Struct

from banditroute.config.settings import Settings
from banditroute.core.base import Floats
from banditroute.core.feedback.heard import Heard
from banditroute.core.steering.guardrails import Guards, new_guards
from banditroute.core.steering.hearing import Hearing
from banditroute.core.steering.pacing import Pace, token_prices
from banditroute.core.steering.trials import Purse, new_purse


class Watch(Struct, frozen=True):
    """The state of everything that listens; a part is None where nobody asked for it."""

    pace: Pace | None = None
    guards: Guards | None = None
    purse: Purse | None = None
    hearing: Hearing | None = None

    @property
    def listens(self) -> bool:
        """Whether anything does."""
        return any(part is not None for part in (self.pace, self.guards, self.purse))

    def distance(self, other: Watch) -> float:
        """The largest relative difference of what the parts follow."""
        return max(
            _apart(self.pace, other.pace),
            _apart(self.guards, other.guards),
            _apart(self.purse, other.purse),
            _apart(self.hearing, other.hearing),
        )


class _Part(Protocol):
    """Something that listens."""

    def distance(self, other: Self) -> float: ...


P = TypeVar("P", bound=_Part)


def _apart(one: P | None, other: P | None) -> float:
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return one.distance(other)


def new_watch(settings: Settings) -> Watch:
    """What a configuration asks for, before any event."""
    budget = settings.budget
    paced = (budget.usd_per_day, budget.usd_per_request, budget.seconds_per_request) != (None, None, None)
    guards = new_guards(settings)
    hearing = None if guards is None else Hearing()
    return Watch(Pace() if paced else None, guards, new_purse(settings), hearing)


def listen(watch: Watch, news: Iterable[Heard], settings: Settings, prices: Floats) -> Watch:
    """After some facts, in their order. `prices` `(k, 2)` are those of the configured models."""
    pace, guards, purse, hearing = watch.pace, watch.guards, watch.purse, watch.hearing
    known = token_prices([model.id for model in settings.models], prices)
    for heard in news:
        if pace is not None:
            pace = pace.fold(heard, settings.budget, known)
        if guards is not None and hearing is not None and heard.topic == "quality":
            share = hearing.share(settings)
            hearing, counts = hearing.hear(heard, settings)
            if counts:
                guards = guards.fold(heard, share)
        if purse is not None:
            purse = purse.fold(heard, known)
    return Watch(pace, guards, purse, hearing)
