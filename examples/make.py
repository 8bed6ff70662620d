"""Writes the two logs of this folder from the simulated world: `python examples/make.py`.

`benchmark.csv` is a wide table as RouterBench publishes them: every model answered every request.
`decisions.csv` is what a router leaves behind: one model per request, drawn by a rule that takes
gpt-4o-mini for three requests in ten and any of the six for the others, over two weeks.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from banditroute.upstream.simulated import SimulatedWorld

HERE = Path(__file__).parent
ASKED, DECIDED = 1_000, 4_000
FIRST, DAYS = 1_788_220_800, 14  # 1 September 2026, in seconds since the epoch


def write_benchmark(path: Path, world: SimulatedWorld) -> None:
    """Full information, in the wide format."""
    requests, outcomes = world.requests(ASKED), world.outcomes(ASKED)
    models = [model.id for model in world.models]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sample_id", "eval_name", *models, *(f"{model}|total_cost" for model in models)])
        for i, g in enumerate(requests.request_class):
            quality = [f"{value:.3f}" for value in outcomes.quality[i]]
            usd = [f"{value:.3g}" for value in outcomes.usd[i]]
            rows.writerow([f"{world.classes[g]}.{i}", world.classes[g], *quality, *usd])


def write_decisions(path: Path, world: SimulatedWorld) -> None:
    """Logged decisions, with the probability of each choice."""
    requests, outcomes = world.requests(DECIDED), world.outcomes(DECIDED)
    models = [model.id for model in world.models]
    pmf = np.full(len(models), 0.7 / len(models))
    pmf[models.index("gpt-4o-mini")] += 0.3
    drawn = np.random.default_rng(2).choice(len(models), size=DECIDED, p=pmf)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["request_id", "at", "request_class", "input_tokens", "model", "propensity",
                       "quality", "usd", "seconds", "output_tokens"])  # fmt: skip
        for i, a in enumerate(drawn):
            rows.writerow([
                f"d{i:04}", FIRST + i * DAYS * 86_400 // DECIDED, world.classes[requests.request_class[i]],
                requests.input_tokens[i], models[a], f"{pmf[a]:.5f}", f"{outcomes.quality[i, a]:.3f}",
                f"{outcomes.usd[i, a]:.3g}", f"{outcomes.seconds[i, a]:.2f}", outcomes.output_tokens[i, a],
            ])  # fmt: skip


if __name__ == "__main__":
    write_benchmark(HERE / "benchmark.csv", SimulatedWorld(seed=3))
    write_decisions(HERE / "decisions.csv", SimulatedWorld(seed=4))
