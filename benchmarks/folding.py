"""What a fold costs, with and without what stands beside the sums.

    python benchmarks/folding.py [--folds 30]

Folds of 300 decisions with quality, cost and wait each, 8 models in 7 classes and `other`: plain, watched for
changes, by 200 named speakers, with a judge on a third of the answers, and all of it. Median milliseconds.
"""

from __future__ import annotations

import time
from dataclasses import replace

import click
import numpy as np

from banditroute.config.feedback import AlertSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.decide import initial_state, learn
from banditroute.types import Context, Model, Observation

SETTINGS = Settings(
    models=tuple(Model(f"m{i}") for i in range(8)), classes=tuple(RequestClass(f"c{i}") for i in range(7))
)
DECISIONS = 300


def page(rng: np.random.Generator, start: float, *, named: bool, judged: bool) -> list[Observation]:
    """What is told about some decisions, one a second."""
    news = []
    for i in range(DECISIONS):
        context, model = Context(f"c{rng.integers(7)}", input_tokens=500), f"m{rng.integers(8)}"
        at, speaker = start + i, f"user-{rng.integers(200)}" if named else ""
        score, wait, usd, opinion = rng.random(4)
        news.append(Observation(context, model, "quality", score, at, speaker=speaker))
        news.append(Observation(context, model, "seconds", 0.1 + wait, at))
        news.append(Observation(context, model, "usd", 0.0001 + 0.01 * usd, at))
        if judged and rng.random() < 1 / 3:
            news.append(Observation(context, model, "quality", opinion, at, instrument="judge/1"))
    return news


def milliseconds(folds: int, *, named: bool = False, judged: bool = False, watched: bool = False) -> float:
    """Median time of a fold, once the state has seen a third of them."""
    rng = np.random.default_rng(0)
    state = initial_state(replace(SETTINGS, alerts=AlertSettings(changes=watched)))
    took = []
    for fold in range(folds):
        news = page(rng, float(fold * DECISIONS), named=named, judged=judged)
        started = time.perf_counter()
        state = learn(state, news, seq=fold + 1, at=float((fold + 1) * DECISIONS))
        took.append(time.perf_counter() - started)
    return 1e3 * float(np.median(took[folds // 3 :]))


@click.command()
@click.option("--folds", default=30, show_default=True)
def main(folds: int) -> None:
    """Prints the table."""
    click.echo(f"{'plain':<24}{milliseconds(folds):>8.1f} ms")
    click.echo(f"{'watched for changes':<24}{milliseconds(folds, watched=True):>8.1f} ms")
    click.echo(f"{'named speakers':<24}{milliseconds(folds, named=True):>8.1f} ms")
    click.echo(f"{'a judge':<24}{milliseconds(folds, judged=True):>8.1f} ms")
    click.echo(f"{'all of it':<24}{milliseconds(folds, named=True, judged=True, watched=True):>8.1f} ms")


if __name__ == "__main__":
    main()
