"""When requests come, and what each event does to each model at each of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from banditroute.core.base import Bools, Floats, Ints
from banditroute.offline.worlds.scenario import DAY, Event, Scenario

HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Per request and model `(n, k)`: multipliers of quality, USD and seconds, the share of calls that
    fail, and who may be chosen; per request: its time `at` `(n,)` and the shares of classes `mix` `(n, c)`.
    """

    at: Floats
    mix: Floats
    quality: Floats
    usd: Floats
    seconds: Floats
    failure: Floats
    available: Bools

    @property
    def epochs(self) -> list[tuple[int, int]]:
        """Stretches over which prices and the models that may be chosen stand still."""
        moves = np.any(np.diff(self.usd, axis=0), axis=1) | np.any(np.diff(self.available, axis=0), axis=1)
        edges = [0, *(np.flatnonzero(moves) + 1).tolist(), len(self.at)]
        return list(itertools.pairwise(edges))


def timeline(
    scenario: Scenario, models: tuple[str, ...], classes: tuple[str, ...], shares: Floats
) -> Timeline:
    """The scenario laid out over its requests; later events are applied to what earlier ones left."""
    n, k = scenario.requests, len(models)
    at = arrivals(n, scenario.per_day, scenario.swing)
    quality, usd, seconds = np.ones((n, k)), np.ones((n, k)), np.ones((n, k))
    survive, available = np.ones((n, k)), np.ones((n, k), np.bool_)
    mix = np.tile(_mixed(scenario.mix, classes) if scenario.mix else shares, (n, 1))
    for new in scenario.models:
        a = models.index(new.id)
        quality[:, a], usd[:, a], seconds[:, a] = new.quality, new.usd, new.seconds
        available[: new.arrives, a] = False
    for event in scenario.events:
        when = active(event, at)
        cells = np.ix_(when, about(event, models))
        quality[cells] *= event.quality
        usd[cells] *= event.usd
        seconds[cells] *= event.seconds
        survive[cells] *= 1.0 - event.failure
        available[cells] &= event.available
        if event.mix:
            mix[when] = _mixed(event.mix, classes)
    return Timeline(at, mix, quality, usd, seconds, 1.0 - survive, available)


def arrivals(n: int, per_day: float, swing: float) -> Floats:
    """Times in seconds of n requests, spread evenly by a rate of `per_day (1 + swing sin)`, period a day."""
    load = (np.arange(n) + 0.5) / per_day  # days' worth of traffic gone by
    if swing:
        days = np.linspace(0.0, load[-1] + 1.0, 1_000 * (int(load[-1]) + 2))
        gone = days + swing * (1.0 - np.cos(2 * np.pi * days)) / (2 * np.pi)
        load = np.interp(load, gone, days)
    return np.asarray(load * DAY, np.float64)


def active(event: Event, at: Floats) -> Ints:
    """The requests that meet an event."""
    i = np.arange(len(at))
    met = (i >= event.at) & (i < (len(at) if event.until is None else event.until))
    if event.every_hours is not None and event.for_hours is not None:
        hours = (at - at[min(event.at, len(at) - 1)]) / HOUR
        met &= np.mod(hours, event.every_hours) < event.for_hours
    return np.flatnonzero(met)


def about(event: Event, models: tuple[str, ...]) -> Ints:
    """The columns that an event is about."""
    return np.arange(len(models)) if event.model is None else np.array([models.index(event.model)])


def _mixed(mix: Mapping[str, float], classes: tuple[str, ...]) -> Floats:
    """Shares by class as an array; classes that are not named get none."""
    given = np.array([mix.get(name, 0.0) for name in classes])
    shares: Floats = given / given.sum()
    return shares
