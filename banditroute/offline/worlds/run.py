"""`simulate SCENARIO`: every policy over every seed, seeds spread over the cores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Ints
from banditroute.errors import ConfigError, LogError
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.options import one_or_several, parse_weights
from banditroute.offline.replay.catalogue import contexts, log_settings
from banditroute.offline.replay.spread import check_cluster, spread
from banditroute.offline.simulation.assumptions import require_one_step
from banditroute.offline.worlds.answers import COLUMNS
from banditroute.offline.worlds.base import World
from banditroute.offline.worlds.course import CLOCK, Course, all_heard, lay_out, no_lies_heard
from banditroute.offline.worlds.findings import Played
from banditroute.offline.worlds.live import play_live
from banditroute.offline.worlds.opening import open_world
from banditroute.offline.worlds.play import (
    Path,
    believed_of,
    path_of,
    play_learner,
    play_static,
    rule_slates,
    start_state,
)
from banditroute.offline.worlds.reading import read_scenario, shipped
from banditroute.offline.worlds.result import ScenarioResult
from banditroute.offline.worlds.scenario import Player, Scenario
from banditroute.policies import get_policy
from banditroute.types import Weights

UNPLAYED = {
    "cascade": "asks several models for one request, which a scenario does not play",
    "budget": "goes by what was spent, which a scenario does not tell its rules",
    "rules": "reads prompts, which a scenario does not have",
    "complexity": "reads prompts, which a scenario does not have",
}
"""Policies that need what a scenario lacks, and what that is."""

CONFIGURED = ("alerts", "budget", "trust", "trial", "judge")
"""Sections of its configuration that a learner may bring."""

STATIC = ("random", "cheapest", "best_prior")
Progress = Callable[[int, int, str], None]
"""Told after each seed: how many are done, of how many, and which that was."""

SAMPLE_SEED = 10**9
"""The seed of the requests that the scale of features is taken from: no seed that is played."""


def simulate_scenario(
    scenario: str | FilePath | Scenario,
    policies: Sequence[str] | str | None = None,
    *,
    seeds: int | None = None,
    requests: int | None = None,
    weights: Weights | Mapping[str, float | str] | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> ScenarioResult:
    """Plays a scenario: a path, the name of one that ships, or one that was read.

    Beside its policies (or `policies` in their place) every static rule plays, each model alone, and
    those who know the truth: `per_class_best` at every moment, `per_class_best_at_start`, `best_single`
    over all of it, `per_prompt_best` with the luck known too. `weights` that are not named keep the
    scenario's own. Raises ConfigError or LogError.
    """
    folder = FilePath()
    if not isinstance(scenario, Scenario):
        named = FilePath(scenario)
        folder = (named if named.exists() else shipped().get(str(scenario), named)).parent
        scenario = read_scenario(scenario)
    asked = one_or_several(policies, "The policies")
    if asked:
        named_players = {own.name: own for own in scenario.players}
        players = tuple(named_players.get(spec, Player(spec, spec)) for spec in asked)
        scenario = replace(scenario, players=players)
    scenario = replace(scenario, seeds=seeds or scenario.seeds, requests=requests or scenario.requests)
    scenario = replace(scenario, weights=parse_weights(weights, scenario.weights))
    if not (scenario.weights.quality or scenario.weights.usd or scenario.weights.second):
        raise LogError("All weights are 0, so every model is worth the same; give at least quality=1.")
    if isinstance(scenario.seeds, bool) or not 1 <= scenario.seeds <= 10_000:
        raise LogError(f"The number of seeds is {scenario.seeds}; write a whole number from 1 to 10000.")
    check_cluster(cluster, jobs)
    world = open_world(scenario, folder)
    settings = world_settings(scenario, world)
    _check_policies(scenario, settings)
    lineup = _lineup(scenario, settings)
    for player in lineup.values():
        require_one_step(get_policy(player.policy, settings), "a scenario plays one step of each request")
    paths: dict[str, dict[int, Path]] = {name: {} for name in (*lineup, *KNOWING)}
    for done, (seed, found) in enumerate(_seeds(scenario, world, settings, lineup, jobs, cluster), start=1):
        for name, path in found.items():
            paths[name][seed] = path
        if progress:
            progress(done, scenario.seeds, f"seed {seed}")
    learns = {name: get_policy(own.policy, settings).learns for name, own in lineup.items()}
    played = [
        Played(name, learns.get(name, False), name in lineup, tuple(own[s] for s in range(scenario.seeds)))
        for name, own in paths.items()
    ]
    played.sort(key=lambda own: not own.learns)
    names = tuple(model.id for model in world.models)
    return ScenarioResult(scenario, names, world.classes, tuple(played))


def world_settings(scenario: Scenario, world: World) -> Settings:
    """The configuration that a service in this world would have: its models at list price, its classes."""
    sample = world.draw(2_000, SAMPLE_SEED)
    settings = log_settings(sample, Settings(), scenario.weights)
    priced = {model.id: model for model in settings.models}
    models = tuple(
        model
        if model.usd_per_output_token is not None
        else replace(priced[model.id], prior_quality=model.prior_quality)
        for model in world.models
    )
    return replace(settings, models=models, policy=Settings().policy)


def _check_policies(scenario: Scenario, settings: Settings) -> None:
    """Refuses policies that no world plays as they are, before anything is played."""
    for player in scenario.players:
        name = get_policy(player.policy, settings).name.partition(":")[0]
        if name in UNPLAYED:
            raise ConfigError(f'"{player.policy}" {UNPLAYED[name]}; replay a log for it, or leave it out.')


def _lineup(scenario: Scenario, settings: Settings) -> dict[str, Player]:
    rules = [*STATIC, *(f"fixed:{model.id}" for model in settings.models)]
    return {own.name: own for own in (*scenario.players, *(Player(spec, spec) for spec in rules))}


def _seeds(
    scenario: Scenario,
    world: World,
    settings: Settings,
    lineup: dict[str, Player],
    jobs: int | None,
    cluster: str | None,
) -> Iterator[tuple[int, dict[str, Path]]]:
    tasks = [(scenario, world, settings, lineup, seed) for seed in range(scenario.seeds)]
    yield from spread(_one_seed, tasks, shared=(world,), jobs=jobs, cluster=cluster)


def _one_seed(
    scenario: Scenario, world: World, settings: Settings, lineup: dict[str, Player], seed: int
) -> tuple[int, dict[str, Path]]:
    course = lay_out(scenario, world, seed)
    known = list(contexts(course.log, settings, text=False))
    slates = rule_slates(course, settings, known, seed)
    found = {}
    for name, own in lineup.items():
        knowing = _knowing(scenario, settings, own, world, seed)
        policy = get_policy(own.policy, knowing)
        if policy.learns:
            met = all_heard(course) if own.hears_all else course
            met = no_lies_heard(met) if own.hears_no_lies else met
            start = start_state(met, knowing)
            if own.live:
                actions, state = play_live(met, policy, knowing, known, seed, start, every=own.refit_every)
            else:
                actions, state = play_learner(met, policy, knowing, known, seed, start)
            found[name] = path_of(course, actions, believed_of(state, known, actions))
        else:
            found[name] = path_of(course, play_static(course, own.policy, slates, seed))
    for name, knows in KNOWING.items():
        found[name] = path_of(course, knows(course))
    return seed, found


def _knowing(scenario: Scenario, settings: Settings, player: Player, world: World, seed: int) -> Settings:
    """The settings of one learner: how fast it forgets, how much it explores, whether it sees the clock, what
    it goes by, and what earlier requests taught it of the models that were there."""
    clock = dict.fromkeys(CLOCK, (0.0, 0.5**0.5)) if player.clock else {}
    own = replace(
        settings,
        policy=replace(settings.policy, half_life_days=player.half_life_days, floor=player.floor),
        features=replace(settings.features, numeric={**settings.features.numeric, **clock}),
        guardrails=player.guardrails,
        **{name: given for name in CONFIGURED if (given := getattr(player, name)) is not None},
    )
    if not player.history:
        return own
    history = world.draw(player.history, SAMPLE_SEED + 1 + seed)
    late = np.isin([model.id for model in world.models], [new.id for new in scenario.models if new.arrives])
    seen = np.where(late, math.nan, 1.0)
    history = replace(history, **{name: seen * getattr(history, name) for name in COLUMNS})
    if player.wrong_history:
        history = replace(history, **{name: np.roll(getattr(history, name), 1, axis=1) for name in COLUMNS})
    return replace(own, prior=fit_prior(history, settings=own))


def _best_single(course: Course) -> Ints:
    """The model that the truth values most over all requests; the next one while it is away."""
    lowest = course.expected[np.isfinite(course.expected)].min()
    value = np.where(np.isfinite(course.expected), course.expected, lowest).mean(axis=0)
    best: Ints = np.where(course.timeline.available, value, -np.inf).argmax(axis=1)
    return best


def _per_prompt_best(course: Course) -> Ints:
    best: Ints = np.where(course.timeline.available, course.reward, -np.inf).argmax(axis=1)
    return best


KNOWING = {
    "per_class_best": lambda course: course.best,
    "per_class_best_at_start": lambda course: course.written,
    "best_single": _best_single,
    "per_prompt_best": _per_prompt_best,
}
"""Those who know the truth: not attainable in advance."""
