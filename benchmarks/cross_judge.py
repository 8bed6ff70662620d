"""One judge as "people", another as the judge: what is known of a model's mean with few labels.

    python benchmarks/cross_judge.py DATA [--labels 0.05] [--draws 1000] [--seed 1]

DATA is a folder with `paretobandit_k4/cross_judge.parquet`, or such a file: scores of the same answers by
several judges (`prompt_id, prompt, model, judge, score`). For every ordered pair of judges a share of the
prompts is labelled at random by the first; the truth is its mean over all prompts. Errors are root mean
squares over draws and models, times 1,000: of the judge's mean as it is, of the labels alone, of both
(`core.prediction`), with the ratio to people's and, where the judge's is beyond twice the standard error, to
the judge's; then how wide its intervals are beside people's, and how often they hold the truth. The last two
columns are what a router would believe: the posterior from the labels and the scores of the other answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import click
import duckdb
import numpy as np

from banditroute.core.base import Bools, Floats
from banditroute.core.feedback.instruments import empty_instrument, with_judged, with_pairs
from banditroute.core.feedback.measurement import with_judges
from banditroute.core.feedback.prediction import powered_means
from banditroute.core.posterior import FactorPrior, fit

PRIOR = FactorPrior(center=0.9, noise=0.05, logarithmic=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What one draw of labels gave, `(3, k)` each: errors, standard errors, half widths of the intervals and
    whether they hold the truth, of people alone, of both, and of the posterior."""

    errors: Floats
    ses: Floats
    halves: Floats
    inside: Bools


def load(path: Path) -> tuple[list[str], list[str], Floats]:
    """Names of models and judges, and scores `(prompts, models, judges)` of prompts that all have scored."""
    file = path / "paretobandit_k4" / "cross_judge.parquet" if path.is_dir() else path
    rows = duckdb.execute("select prompt, model, judge, score from read_parquet(?)", [str(file)]).fetchnumpy()
    prompts, i = np.unique(np.asarray(rows["prompt"], str), return_inverse=True)
    models, a = np.unique(np.asarray(rows["model"], str), return_inverse=True)
    judges, b = np.unique(np.asarray(rows["judge"], str), return_inverse=True)
    scores = np.full((len(prompts), len(models), len(judges)), np.nan)
    scores[i, a, b] = np.ma.filled(rows["score"].astype(np.float64), np.nan)
    return models.tolist(), judges.tolist(), scores[np.isfinite(scores).all(axis=(1, 2))]


def draw(people: Floats, judge: Floats, chosen: Bools) -> Found:
    """One draw: scores `(n, k)` of both, and which prompts are labelled."""
    n, k = people.shape
    truth = people.mean(axis=0)
    model = np.tile(np.arange(k), n)
    labels = np.where(chosen[:, None], people, np.nan).ravel()
    both = powered_means(model, judge.ravel(), labels, k)
    alone = powered_means(model, np.zeros(n * k), labels, k)
    mean, sd = believed(people, judge, chosen)
    means, ses = np.stack([alone.mean, both.mean, mean]), np.stack([alone.se, both.se, sd])
    halves = np.stack([alone.high - alone.mean, both.high - both.mean, 1.959964 * sd])
    return Found(means - truth, ses, halves, np.abs(means - truth) <= halves)


def believed(people: Floats, judge: Floats, chosen: Bools) -> tuple[Floats, Floats]:
    """The posterior mean and sd of every model."""
    k, center = people.shape[1], PRIOR.center
    asked, rest = (np.tile(np.arange(k), int(part.sum())) for part in (chosen, ~chosen))
    y, j, scores = people[chosen].ravel(), judge[chosen].ravel(), judge[~chosen].ravel()
    cls, x, one = np.zeros(len(people) * k, np.int64), np.ones((len(people) * k, 2)), np.ones(len(people) * k)
    n, m, empty = len(asked), len(rest), empty_instrument(k, 1, 2)
    direct = with_judged(empty, asked, cls[:n], x[:n], y, one[:n], center).judged
    instrument = with_pairs(empty, asked, cls[:n], j, y, one[:n], center)
    instrument = with_judged(instrument, rest, cls[:m], x[:m], scores, one[:m], center)
    sums = with_judges(direct, {"judge": instrument}, center, PRIOR.noise)
    fitted = fit(sums, PRIOR, np.full(k, np.nan))
    mean = center + fitted.theta.sum(axis=1) + fitted.kappa[0]
    return mean, np.sqrt(fitted.covariance.sum(axis=(1, 2)))


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--labels", default=0.05, show_default=True, help="Share of the prompts that people score.")
@click.option("--draws", default=1000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(data: Path, labels: float, draws: int, seed: int) -> None:
    """Prints one line per ordered pair of judges."""
    models, judges, scores = load(data)
    number = round(labels * len(scores))
    click.echo(f"{len(scores)} prompts, {len(models)} models, {number} prompts labelled, {draws} draws")
    click.echo(
        f"{'people ← judge':<18}{'judge':>8}{'people':>8}{'both':>8}{'× people':>10}{'× judge':>9}"
        f"{'width':>8}{'covers':>8}{'posterior':>11}{'covers':>8}"
    )
    for p, q in permutations(range(len(judges)), 2):
        people, judge = np.ascontiguousarray(scores[:, :, p]), np.ascontiguousarray(scores[:, :, q])
        rng = np.random.default_rng([seed, p, q])
        found = []
        for _ in range(draws):
            chosen = np.zeros(len(scores), np.bool_)
            chosen[rng.choice(len(scores), number, replace=False)] = True
            found.append(draw(people, judge, chosen))
        errors = 1e3 * np.sqrt(np.mean([f.errors**2 for f in found], axis=(0, 2)))
        raw = 1e3 * np.sqrt(np.mean((judge.mean(axis=0) - people.mean(axis=0)) ** 2))
        half = np.mean([f.halves for f in found], axis=(0, 2))
        se = 1e3 * np.sqrt(np.mean([f.ses[1] ** 2 for f in found]))
        inside = np.mean([f.inside for f in found], axis=(0, 2))
        far = f"{errors[1] / raw:.2f}" if raw > 2.0 * se else "–"
        click.echo(
            f"{judges[p] + ' ← ' + judges[q]:<18}{raw:>8.1f}{errors[0]:>8.1f}{errors[1]:>8.1f}"
            f"{errors[1] / errors[0]:>10.2f}{far:>9}{half[1] / half[0]:>8.2f}{inside[1]:>8.3f}"
            f"{errors[2]:>11.1f}{inside[2]:>8.3f}"
        )


if __name__ == "__main__":
    main()
