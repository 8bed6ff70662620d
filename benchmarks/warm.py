"""Regret after a warm start on real routing outcomes: history that is right, and history that is wrong.

    python benchmarks/warm.py DATA [--seeds 30] [--splits 100] [--jobs N]

DATA is a folder with full-information logs. First `paretobandit_k4`: fitted on `split=val`, played on
`split=test`, with the history of every model, with the models' labels permuted, and cold. Then random
half-splits of every log: regret of the learner that starts from one half, on the other, less that of
the static rule per class fitted on the same half. Regret is against the best model per class in
hindsight, mean ± standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from joblib import Parallel, delayed

from banditroute.config.priorfile import sealed
from banditroute.config.priors import Prior
from banditroute.config.settings import Settings
from banditroute.offline.history.fitting import fit_prior
from banditroute.offline.logs.reading import Floats, Ints, Log, read_log
from banditroute.offline.replay.catalogue import log_settings
from banditroute.offline.replay.learning import replay_learning
from banditroute.offline.replay.oracles import per_class_best, rewards
from banditroute.offline.replay.order import request_order
from banditroute.policies import get_policy
from banditroute.types import Weights

LOGS = {
    "paretobandit_k4": ("cost_usd", (0.0, 3.33, 13.3)),
    "llmrouter_uiuc": ("cost_usd_est", (0.0,)),
    "routellm": ("cost_usd_est", (0.0, 20.0)),
}
"""Folder -> its cost column, and the weights of a USD to try."""

_PARTS = (
    "request_ids", "class_index", "quality", "usd", "seconds", "output_tokens", "input_tokens",
)  # fmt: skip


def load(folder: Path, usd: str, split: str | None = None) -> Log:
    """One of the logs by its own column names, or one split of it."""
    log = read_log(
        folder / "outcomes.parquet",
        columns={"request_id": "prompt_id", "request_class": "category", "usd": usd},
        where={"split": split} if split else None,
    )
    assert isinstance(log, Log)
    return replace(log, prompts=None)


def permuted(prior: Prior, models: Sequence[str], shift: int) -> Prior:
    """The prior with every model's history under the label of another; shift 0 leaves it as it is."""
    others = np.roll(models, shift).tolist()
    return sealed(
        replace(
            prior,
            factors={
                name: replace(
                    factor,
                    models={model: factor.models[b] for model, b in zip(models, others, strict=True)},
                )
                for name, factor in prior.factors.items()
            },
        )
    )


def regret(log: Log, weights: Weights, seed: int, prior: Prior | None) -> float:
    """What Thompson sampling loses on a log under one seed."""
    settings = replace(log_settings(log, Settings(), weights), prior=prior)
    actions, _ = replay_learning(log, get_policy("thompson", settings), settings, weights, seed)
    order, reward = request_order(log, seed), rewards(log, weights)
    best = per_class_best(log, reward)
    return float((reward[order, best[order]] - reward[order, actions]).sum())


def static_regret(training: Log, log: Log, weights: Weights) -> float:
    """What the best model per class of one part loses on another."""
    sums = np.zeros((len(training.classes), len(training.models)))
    np.add.at(sums, training.class_index, rewards(training, weights))
    rows, reward = np.arange(len(log)), rewards(log, weights)
    best, chosen = per_class_best(log, reward), sums.argmax(axis=1)[log.class_index]
    return float((reward[rows, best] - reward[rows, chosen]).sum())


def half(log: Log, rows: Ints) -> Log:
    """Some requests of a log."""
    return replace(log, **{name: getattr(log, name)[rows] for name in _PARTS})


def split_excess(log: Log, weights: Weights, seed: int) -> float:
    """Regret of the learner less that of the rule, both fitted on a random half, on the other half."""
    order = np.random.default_rng(seed).permutation(len(log))
    training, rest = (half(log, np.sort(part)) for part in np.array_split(order, 2))
    return regret(rest, weights, seed, fit_prior(training)) - static_regret(training, rest, weights)


def _shown(values: Floats) -> str:
    return f"{values.mean():>8.2f} ± {values.std(ddof=1) / np.sqrt(len(values)):<5.2f}"


def _repeated(jobs: int | None, times: int, function: Callable[..., float], *args: object) -> Floats:
    """One figure per seed; the seed stands third."""
    run = (delayed(function)(*args[:2], seed, *args[2:]) for seed in range(times))
    return np.array(Parallel(n_jobs=jobs or -1)(run))


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seeds", default=30, show_default=True)
@click.option("--splits", default=100, show_default=True, help="Half-splits of each log.")
@click.option("--jobs", type=int, default=None, help="Processes; all cores by default.")
def main(data: Path, seeds: int, splits: int, jobs: int | None) -> None:
    """Prints the table of the two splits, then that of the half-splits."""
    folder, (usd, worths) = data / "paretobandit_k4", LOGS["paretobandit_k4"]
    training, log = load(folder, usd, "val"), load(folder, usd, "test")
    prior = fit_prior(training)
    kinds = {"history": 0, **{f"permuted by {shift}": shift for shift in range(1, len(log.models))}}
    click.echo(f"{'usd weight':<12}{'cold':>16}{'rule':>8}" + "".join(f"{kind:>18}" for kind in kinds))
    for worth in worths:
        weights = Weights(1.0, worth, 0.0)
        cold = _repeated(jobs, seeds, regret, log, weights, None)
        line = f"{worth:<12g}{_shown(cold):>16}{static_regret(training, log, weights):>8.2f}"
        for shift in kinds.values():
            known = permuted(prior, log.models, shift)
            line += f"{_shown(_repeated(jobs, seeds, regret, log, weights, known)):>18}"
        click.echo(line)
    click.echo(f"\n{'half-splits':<18}{'usd weight':>11}{'excess over the fitted rule':>30}")
    for name, (usd, worths) in LOGS.items():
        log = load(data / name, usd)
        for worth in worths:
            excess = _repeated(jobs, splits, split_excess, log, Weights(1.0, worth, 0.0))
            click.echo(f"{name:<18}{worth:>11g}{_shown(excess):>30}")


if __name__ == "__main__":
    main()
