"""Policies on requests drawn from a fitted world: each seed draws its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.spread import check_cluster, spread
from banditroute.offline.simulation.result import SimulationResult
from banditroute.offline.simulation.run import Progress, simulate
from banditroute.offline.worlds.fitted import FittedWorld


def simulate_drawn(
    world: FittedWorld,
    requests: int,
    policies: Sequence[str] | None = None,
    *,
    seeds: int = 10,
    notes: Sequence[str] = (),
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> SimulationResult:
    """`simulate` on so many `requests` of a world, drawn anew for every seed: what varies between seeds is
    then the traffic and its luck, and not the order alone.

    `notes` are the log's; the `options` are those of `simulate` on a log in memory. Seeds are played by
    `jobs` processes or the `cluster`, alike to the last bit.
    """
    check_cluster(cluster, jobs)
    tasks = [(world, requests, policies, options, seed) for seed in range(seeds)]
    found: dict[int, SimulationResult] = {}
    for seed, result in spread(one_draw, tasks, shared=(world,), jobs=jobs, cluster=cluster):
        found[seed] = result
        if progress:
            progress(len(found), seeds, f"seed {seed}")
    runs = [found[seed] for seed in range(seeds)]
    first = runs[0]
    return replace(
        first,
        log={**first.log, "drawn_from_world_of": len(world.seen)},
        seeds=seeds,
        policies=tuple(
            replace(own, traces=tuple(run.policies[i].traces[0] for run in runs))
            for i, own in enumerate(first.policies)
        ),
        notes=[_said(world, "anew for every seed" if seeds > 1 else "once"), *notes, *first.notes],
    )


def drawn_once(world: FittedWorld, requests: int, notes: Sequence[str] = ()) -> Log:
    """A log of so many requests of a world, which says so."""
    return replace(world.draw(requests, seed=0), notes=(_said(world, "once for all seeds"), *notes))


def _said(world: FittedWorld, how: str) -> str:
    size = counted(len(world.seen), "request")
    return f"Requests are drawn, {how}, from a world fitted to {size} of the log; none is the log's own."


def one_draw(
    world: FittedWorld,
    requests: int,
    policies: Sequence[str] | None,
    options: Mapping[str, Any],
    seed: int,
) -> tuple[int, SimulationResult]:
    """The requests of one seed, played by every policy in this process."""
    log = world.draw(requests, seed=seed)
    return seed, simulate(log, policies, seeds=1, first_seed=seed, jobs=1, **options)
