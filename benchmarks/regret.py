"""Regret of the learners on real routing outcomes, cold start, one default configuration.

    python benchmarks/regret.py DATA [--seeds 30] [--jobs N] [--policy thompson --policy greedy]

DATA is a folder with full-information logs: `paretobandit_k4/outcomes.parquet` and
`llmrouter_uiuc/outcomes.parquet`. Regret is against the best model per class in hindsight, mean ±
standard error over seeds; beside it, what the best single model in hindsight would have cost.
"""

from __future__ import annotations

import time
from pathlib import Path

import click

from banditroute.offline.logs.reading import Log, read_log
from banditroute.offline.simulation.run import simulate

LOGS = {
    "paretobandit_k4": ("cost_usd", (0.0, 3.33, 13.3)),
    "llmrouter_uiuc": ("cost_usd_est", (0.0,)),
}
"""Folder -> its cost column, and the weights of a USD to try."""


def load(path: Path, usd: str) -> Log:
    """One of the logs, by its own column names."""
    return read_log(path, columns={"request_id": "prompt_id", "request_class": "category", "usd": usd})


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seeds", default=30, show_default=True)
@click.option("--jobs", type=int, default=None, help="Processes; all cores by default.")
@click.option("--policy", "policies", multiple=True, default=("thompson", "greedy"), show_default=True)
def main(data: Path, seeds: int, jobs: int | None, policies: tuple[str, ...]) -> None:
    """Prints one line per log and USD weight."""
    head = "".join(f"{name:>20}" for name in policies)
    click.echo(f"{'log':<18}{'usd weight':>11}{head}{'best single':>14}{'seconds':>10}")
    for name, (usd, weights) in LOGS.items():
        log = load(data / name / "outcomes.parquet", usd)
        for weight in weights:
            start = time.perf_counter()
            result = simulate(log, policies, weights={"usd": weight}, seeds=seeds, jobs=jobs).to_dict()
            took = time.perf_counter() - start
            rows = {row["policy"]: row["regret"] for row in result["policies"]}
            cells = "".join(
                f"{rows[p]['mean']:>12.1f} ± {rows[p]['se'] or float('nan'):>5.2f}" for p in policies
            )
            click.echo(f"{name:<18}{weight:>11g}{cells}{rows['best_single']['mean']:>14.1f}{took:>10.1f}")


if __name__ == "__main__":
    main()
