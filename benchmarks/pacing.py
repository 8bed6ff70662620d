"""What a budget costs: spend against its target, and reward against the most attainable at that spend.

    python benchmarks/pacing.py [--seeds 6] [--requests 8000] [--jobs N]

The simulated world, with prices that stay, and with prices that rise twice as in simulations/pacing.toml. For
each budget: the realised spend over its target, mean and furthest of all seeds; reward and quality per
request; and what choices by class, with the truth known and the same mean spend, would earn at most.
"""

from __future__ import annotations

from dataclasses import replace

import click
import numpy as np
from joblib import Parallel, delayed

from banditroute.config.feedback import BudgetSettings
from banditroute.offline.replay.catalogue import contexts
from banditroute.offline.worlds.affordable import affordable
from banditroute.offline.worlds.course import lay_out
from banditroute.offline.worlds.live import play_live
from banditroute.offline.worlds.play import path_of, start_state
from banditroute.offline.worlds.reading import read_scenario
from banditroute.offline.worlds.run import world_settings
from banditroute.offline.worlds.scenario import Scenario
from banditroute.offline.worlds.simulated import DemoWorld
from banditroute.policies import get_policy

EVERY = 20
BUDGETS = (None, 0.0018, 0.0012, 0.0008, 0.0005)
"""USD per request; None for no budget."""


def played(scenario: Scenario, budget: float | None, seed: int) -> tuple[float, float, float, float]:
    """Mean USD, reward and quality of one seed, and the most attainable at the budget (or what was spent)."""
    world = DemoWorld()
    settings = replace(world_settings(scenario, world), budget=BudgetSettings(usd_per_request=budget))
    course = lay_out(scenario, world, seed)
    known, policy = list(contexts(course.log, settings, text=False)), get_policy("thompson", settings)
    start = start_state(course, settings)
    path = path_of(course, play_live(course, policy, settings, known, seed, start, every=EVERY)[0])
    usd = float(path.usd.mean())
    most = affordable(course, world.truth(), usd if budget is None else budget)
    return usd, float(path.reward.mean()), float(path.quality.mean()), most


@click.command()
@click.option("--seeds", default=6, show_default=True)
@click.option(
    "--requests", default=8_000, show_default=True, help="At least 7,001, or the last rise never comes."
)
@click.option("--jobs", default=2, show_default=True)
def main(seeds: int, requests: int, jobs: int) -> None:
    """Prints one line per budget, with and without rising prices."""
    drifting = replace(read_scenario("pacing"), requests=requests)
    for name, scenario in (("prices stay", replace(drifting, events=())), ("prices rise", drifting)):
        click.echo(f"\n{name}: {requests:,} requests, {seeds} seeds")
        heading = "".join(
            f"{word:>10}" for word in ("spent", "off by", "furthest", "reward", "quality", "at most")
        )
        click.echo(f"{'USD / 1,000':>12}{heading}")
        for budget in BUDGETS:
            runs = Parallel(n_jobs=jobs)(delayed(played)(scenario, budget, seed) for seed in range(seeds))
            found = np.array(runs)
            usd, reward, quality, most = found.mean(axis=0)
            off = f"{'–':>10}{'–':>10}"
            if budget is not None:
                apart = found[:, 0] / budget - 1.0
                off = f"{apart.mean():>+10.2%}{np.abs(apart).max():>10.2%}"
            target = "none" if budget is None else f"{1_000 * budget:.2f}"
            click.echo(f"{target:>12}{1_000 * usd:>10.3f}{off}{reward:>10.4f}{quality:>10.4f}{most:>10.4f}")


if __name__ == "__main__":
    main()
