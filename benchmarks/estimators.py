"""How long off-policy estimates take on a million logged decisions, in one thread.

    python benchmarks/estimators.py [--rows 1000000] [--models 8] [--features 32] [--repeat 7]

Six estimators with standard errors, effective sample size and intervals, q̂ given, beside the same sums in
numpy; then with a q̂ that is fitted, cross-fitted and past-only; then the other intervals. The inputs are
checked in the same pass. Milliseconds of the clock, median and least of the repetitions after one that
compiles, and of the processor, which is what counts where others use the machine, too.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import time
from collections.abc import Callable

import click
import numpy as np
from numpy.typing import NDArray

from banditroute.offline import estimate

SIX = ["ips", "snips", "dm", "dr", "sndr", "switch_dr"]


def in_numpy(
    reward: NDArray[np.float64],
    action: NDArray[np.int64],
    propensity: NDArray[np.float64],
    target_pmf: NDArray[np.float64],
    q_hat: NDArray[np.float64],
) -> list[tuple[float, float]]:
    """Value and standard error of the six, as one would write them down; the threshold of the last is 10."""
    rows = np.arange(len(reward))
    w = target_pmf[rows, action] / propensity
    v = np.einsum("nk,nk->n", target_pmf, q_hat)
    g = reward - q_hat[rows, action]
    snips = (w * reward).sum() / w.sum()
    pulled = (w * g).sum() / w.sum()
    terms = {
        "ips": w * reward,
        "snips": snips + w * (reward - snips),
        "dm": v,
        "dr": v + w * g,
        "sndr": v + pulled + w * (g - pulled),
        "switch_dr": v + np.where(w <= 10.0, w, 0.0) * g,
    }
    return [(float(t.mean()), float(t.std(ddof=1)) / len(t) ** 0.5) for t in terms.values()]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--models", default=8, show_default=True)
@click.option("--features", default=32, show_default=True)
@click.option("--repeat", default=7, show_default=True)
def main(rows: int, models: int, features: int, repeat: int) -> None:
    """Prints one line per task."""
    rng = np.random.default_rng(0)
    target, logged = (rng.dirichlet(np.full(models, spread), rows) for spread in (1.0, 3.0))
    action = np.minimum((logged.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1), models - 1)
    q_hat, every = rng.random((rows, models)), np.arange(rows)
    arrays = {
        "reward": (rng.random(rows) < q_hat[every, action]).astype(np.float64),
        "action": action,
        "propensity": logged[every, action],
        "target_pmf": target,
    }
    x = rng.normal(size=(rows, features))
    tasks: dict[str, Callable[[], object]] = {
        "six estimators, q̂ given": lambda: estimate(SIX, **arrays, q_hat=q_hat),
        "the same sums in numpy": lambda: in_numpy(**arrays, q_hat=q_hat),
        "dr alone, q̂ given": lambda: estimate("dr", **arrays, q_hat=q_hat),
        "dr, q̂ cross-fitted": lambda: estimate("dr", **arrays, x=x),
        "six estimators, q̂ cross-fitted": lambda: estimate(SIX, **arrays, x=x),
        "dr, q̂ past-only, sequence": lambda: estimate(
            "dr", **arrays, x=x, order="time", interval="sequence", logging_pmf=logged
        ),
        "dr, q̂ given, bootstrap": lambda: estimate("dr", **arrays, q_hat=q_hat, interval="bootstrap"),
    }
    click.echo(f"{rows:,} rows × {models} models, {features} features; milliseconds")
    click.echo(f"{'':<34}{'median':>9}{'least':>9}{'processor':>11}")
    for name, task in tasks.items():
        task()
        took = np.empty((repeat, 2))
        for row in took:
            start = time.perf_counter(), time.process_time()
            task()
            row[:] = 1e3 * (time.perf_counter() - start[0]), 1e3 * (time.process_time() - start[1])
        clock, processor = np.median(took, axis=0)
        click.echo(f"{name:<34}{clock:>9.1f}{took[:, 0].min():>9.1f}{processor:>11.1f}")


if __name__ == "__main__":
    main()
