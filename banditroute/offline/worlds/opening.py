"""The world that a scenario names, and the check that it has what the scenario speaks of."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from banditroute.config.checks import nearest
from banditroute.errors import ConfigError
from banditroute.offline.logs.reading import read_log
from banditroute.offline.worlds.base import World
from banditroute.offline.worlds.course import inhabited
from banditroute.offline.worlds.fitted import fit_world
from banditroute.offline.worlds.scenario import Scenario
from banditroute.offline.worlds.simulated import DemoWorld

SIMULATED = "simulated"


def open_world(scenario: Scenario, folder: Path) -> World:
    """The world with the scenario's new models. A log's path is relative to the scenario's `folder`."""
    base: World = DemoWorld()
    if scenario.world != SIMULATED:
        log = read_log(folder / scenario.world, columns=scenario.columns, where=scenario.where)
        base = fit_world(log)
    ids = [model.id for model in base.models]
    for new in scenario.models:
        if new.id in ids:
            raise _refused(scenario, f'the world has a model "{new.id}" already; choose another id.')
        _known(scenario, "model", new.like, ids)
    world = inhabited(scenario, base)
    ids += [new.id for new in scenario.models]
    named = (
        *(event.model for event in scenario.events),
        *scenario.feedback.bias,
        *scenario.judging.bias,
        *(own.baseline for player in scenario.players for own in player.guardrails),
        scenario.principals.boosted,
        scenario.watch,
    )
    for model in named:
        _known(scenario, "model", model, ids)
    for mix in (scenario.mix, *(event.mix for event in scenario.events)):
        for name in mix:
            _known(scenario, "class", name, world.classes)
    return world


def _known(scenario: Scenario, kind: str, name: str | None, known: Collection[str]) -> None:
    if name is not None and name not in known:
        raise _refused(scenario, f'the world has no {kind} "{name}"; {nearest(name, list(known))}')


def _refused(scenario: Scenario, sentence: str) -> ConfigError:
    return ConfigError(f"{scenario.name}.toml: {sentence}")
