"""Writes the three logs of this folder from the simulated world: `python examples/make.py`.

`benchmark.csv` is a wide table as RouterBench publishes them: every model answered every request.
`decisions.csv` is what a router leaves behind: one model per request, drawn by a rule that takes
gpt-4o-mini for three requests in ten and any of the six for the others, over two weeks.
`experiment.csv.gz` is an experiment over two weeks: half of 3,000 users get everything from gpt-4o, the other
half a model by class.
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np

from banditroute.upstream.simulated import SimulatedWorld

HERE = Path(__file__).parent
ASKED, DECIDED, TRIED = 1_000, 4_000, 10_000
USERS = 3_000
PREMIUM = "gpt-4o"
BY_CLASS = {"code": "deepseek-v3", "extraction": "gpt-4o-mini", "reasoning": "claude-sonnet"}
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


def write_experiment(path: Path, world: SimulatedWorld) -> None:
    """Two variants, each user in one of them with probability one half."""
    rng = np.random.default_rng(6)
    requests, outcomes = world.requests(TRIED), world.outcomes(TRIED)
    models = [model.id for model in world.models]
    activity = rng.gamma(2.0, size=USERS)
    users = rng.choice(USERS, size=TRIED, p=activity / activity.sum())
    routed = rng.random(USERS) < 0.5
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["request_id", "at", "unit", "request_class", "experiment", "variant", "variant_share",
                   "model", "quality", "usd", "seconds", "output_tokens", "error"])  # fmt: skip
    for i, user in enumerate(users.tolist()):
        name = world.classes[requests.request_class[i]]
        model = BY_CLASS.get(name, PREMIUM) if routed[user] else PREMIUM
        a = models.index(model)
        rows.writerow([
            f"e{i:05}", FIRST + i * DAYS * 86_400 // TRIED, f"user-{user}", name, "routed-vs-premium",
            "routed" if routed[user] else "premium", 0.5, model, f"{outcomes.quality[i, a]:.3f}",
            f"{outcomes.usd[i, a]:.3g}", f"{outcomes.seconds[i, a]:.2f}", outcomes.output_tokens[i, a],
            int(outcomes.error[i, a]),
        ])  # fmt: skip
    # Neither the time nor the name of the file goes in: the same log is the same bytes.
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(text.getvalue().encode())


if __name__ == "__main__":
    write_benchmark(HERE / "benchmark.csv", SimulatedWorld(seed=3))
    write_decisions(HERE / "decisions.csv", SimulatedWorld(seed=4))
    write_experiment(HERE / "experiment.csv.gz", SimulatedWorld(seed=5))
