"""What the intervals of experiments are worth: false alarms under peeking, power, and lost units noticed.

    python benchmarks/ab.py [--runs 1000] [--jobs 2]

Simulated experiments (`simulated_exposures`), each looked at after every 100 requests. An A/A test has no
effect, so every rejection is false: nominal 5% for all looks together. "Naive" is the t-interval of requests
that holds for one look, read at every look from 200 requests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import click
import numpy as np
from joblib import Parallel, delayed

from banditroute.core.base import Floats, Ints
from banditroute.reports.ab.early import early_limits
from banditroute.reports.ab.exposures import Exposures
from banditroute.reports.ab.metrics import METRICS, capped, reach_of
from banditroute.reports.ab.mismatch import mismatch
from banditroute.reports.ab.powered import powered_terms
from banditroute.reports.ab.scores import past_of, terms_of
from banditroute.reports.ab.sequence import first_look, look_at, ratio_sequence, sequence
from banditroute.reports.ab.simulated import Effect, simulated_exposures

EVERY = 100
CAPS = {"usd": 0.05, "seconds": 15.0}
"""Declared, as for an experiment of one's own."""

CONTRAST = np.array([-1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Study:
    """One kind of experiment. `cap` None takes the declared one, 0 that by the first units."""

    metric: str
    requests: int = 6_000
    per_unit: float = 1.0
    adaptive: bool = False
    effect: Effect = Effect()
    cap: float | None = None
    shares: tuple[float, float] = (0.5, 0.5)

    def exposures(self, seed: int) -> Exposures:
        return simulated_exposures(
            self.requests,
            effects=[self.effect],
            requests_per_unit=self.per_unit,
            shares=self.shares,
            adaptive=self.metric if self.adaptive else None,
            seed=seed,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One experiment: whether it ever rejected, whether a naive interval did, whether sequences ever missed
    the true difference and ratio, and where it ended."""

    rejected: bool
    naive: bool
    missed: bool
    missed_ratio: bool
    value: float
    half: float


def values_of(study: Study, exposures: Exposures) -> tuple[Floats, float]:
    """The metric's values within their cap, and how far apart they can be."""
    metric = METRICS[study.metric]
    declared = CAPS.get(study.metric) if study.cap is None else study.cap or None
    values, cap = capped(metric, exposures.metrics[study.metric], exposures.unit, declared)
    return values, reach_of(cap)


def run(study: Study, seed: int, truth: tuple[float, float] = (0.0, 1.0)) -> Run:
    """Plays one experiment; `truth` is the difference and the ratio of the means."""
    exposures = study.exposures(seed)
    (values, reach), metric = values_of(study, exposures), METRICS[study.metric]
    rows = np.arange(EVERY, len(exposures) + 1, EVERY)
    course = look_at(terms_of(exposures, values, past_of(exposures), reach), rows)
    first = first_look(course, metric.first_look)
    found = sequence(course, CONTRAST, first)
    low, high = found.low.copy(), found.high.copy()
    if metric.bounded and first:
        low[:first], high[:first] = early_limits(exposures, values, (0, 1), rows[:first], 0.0125)
    ratio = ratio_sequence(course, 1, 0, first)
    return Run(
        rejected=bool(((low > 0.0) | (high < 0.0)).any()),
        naive=naive_rejects(exposures.variant, values, rows),
        missed=bool(((low > truth[0]) | (high < truth[0])).any()),
        missed_ratio=bool(((ratio.low > truth[1]) | (ratio.high < truth[1])).any()),
        value=float(found.value[-1]),
        half=float(found.high[-1] - found.value[-1]),
    )


def naive_rejects(variant: Ints, values: Floats, rows: Ints) -> bool:
    """Whether the t-interval of requests excludes 0 at any look."""
    known = ~np.isnan(values)
    y, parts = np.where(known, values, 0.0), []
    for place in range(2):
        own = (variant == place) & known
        n, total, squares = (np.cumsum(own * part)[rows - 1] for part in (np.ones_like(y), y, y * y))
        mean = total / np.maximum(n, 1.0)
        parts.append((mean, (squares / np.maximum(n, 1.0) - mean**2) / np.maximum(n - 1.0, 1.0)))
    (mean_0, of_0), (mean_1, of_1) = parts
    beyond = np.abs(mean_1 - mean_0) > 1.96 * np.sqrt(of_0 + of_1)
    return bool(beyond[rows >= 200].any())


def repeated(study: Study, runs: int, jobs: int, truth: tuple[float, float] = (0.0, 1.0)) -> list[Run]:
    """Many experiments, the seeds 0, 1, …"""
    found: list[Run] = Parallel(n_jobs=jobs)(delayed(run)(study, seed, truth) for seed in range(runs))
    return found


def truth_of(study: Study) -> tuple[float, float]:
    """The true difference and ratio, by a million requests of each variant with the same luck."""
    large = replace(study, requests=1_000_000, adaptive=False, per_unit=1.0)
    own = simulated_exposures(large.requests, effects=[Effect()], shares=(0.5, 0.5), seed=10**6)
    other = simulated_exposures(large.requests, effects=[study.effect], shares=(1e-9, 1.0), seed=10**6)
    base, treated = (float(np.nanmean(values_of(large, part)[0])) for part in (own, other))
    return treated - base, treated / base


AA = [
    Study(metric, requests, per_unit, adaptive)
    for requests, per_unit in ((6_000, 1.0), (16_000, 4.0))
    for adaptive in (False, True)
    for metric in ("quality", "usd", "seconds")
]
"""Without any effect: single and repeated users, fixed and adaptive assignment."""

HARD = [
    Study("usd", 8_000, cap=0.0),
    Study("usd", 8_000, adaptive=True, cap=0.0),
    Study("error"),
    Study("error", adaptive=True),
    Study("error", 10_000, shares=(0.9, 0.1)),
    Study("usd", 10_000, shares=(0.9, 0.1)),
    Study("quality", 16_000, 16.0),
]
"""Nor here: no cap declared, rare events, a tenth of the users in one variant, few users who come often."""

EFFECTS = [
    Study("quality", 10_000, effect=Effect(quality=0.01)),
    Study("quality", 10_000, effect=Effect(quality=0.02)),
    Study("quality", 16_000, 4.0, effect=Effect(quality=0.02)),
    Study("quality", 10_000, adaptive=True, effect=Effect(quality=0.02)),
    Study("usd", 10_000, effect=Effect(usd=0.9)),
    Study("usd", 10_000, effect=Effect(usd=0.8)),
    Study("seconds", 10_000, effect=Effect(seconds=0.95)),
    Study("error", 10_000, effect=Effect(error=0.01)),
]
"""With one."""


def alarms(units: int, share: float, runs: int, seed: int = 0) -> float:
    """How often the sample-ratio test speaks up where `share` of the units come to the second of two variants
    that were meant to be even."""
    rng = np.random.default_rng(seed)
    even = np.array([0.5, 0.5])
    drawn = ((rng.random(units) < share).astype(np.int64) for _ in range(runs))
    return float(np.mean([mismatch(variant, even[variant], even).broken for variant in drawn]))


def adaptive_alarms(runs: int, lost: float = 0.0) -> float:
    """The same where assignment follows outcomes, and `lost` of the second variant's units are."""
    spoke = []
    for seed in range(runs):
        own = simulated_exposures(10_000, adaptive="quality", seed=seed)
        kept = (own.variant == 0) | (np.random.default_rng(seed).random(10_000) >= lost)
        spoke.append(mismatch(own.variant[kept], own.share[kept], own.shares).broken)
    return float(np.mean(spoke))


def powered_widths(runs: int, scored: float) -> tuple[float, float]:
    """Mean width of the interval with a judge, in parts of that of people alone, and how often it missed."""
    parts, missed = [], []
    for seed in range(runs):
        own = simulated_exposures(20_000, scored=scored, judged=True, seed=seed)
        assert own.judged is not None
        rows, past = np.arange(EVERY, len(own) + 1, EVERY), past_of(own)
        people, widths = own.metrics["quality"], []
        both = powered_terms(own, own.judged, people, past)
        for terms in (both, terms_of(own, people, past, 1.0)):
            course = look_at(terms, rows)
            found = sequence(course, CONTRAST, first_look(course, 500))
            widths.append(float(found.high[-1] - found.value[-1]))
            missed.append(bool(((found.low > 0.0) | (found.high < 0.0)).any()))
        parts.append(widths[0] / widths[1])
    return float(np.mean(parts)), float(np.mean(missed[::2]))


def _rate(found: Sequence[bool]) -> str:
    return f"{np.mean(found):8.1%}"


@click.command()
@click.option("--runs", default=1_000, show_default=True)
@click.option("--jobs", default=2, show_default=True)
def main(runs: int, jobs: int) -> None:
    """Prints the tables of docs/experiments-statistics.md."""
    click.echo(f"A/A, {runs:,} runs: ever rejected                          sequence    naive")
    for study in AA + HARD:
        found = repeated(study, runs, jobs)
        kind = f"{'adaptive' if study.adaptive else 'fixed'}, {study.per_unit:g} requests per user"
        kind += f", {study.shares[1]:.0%}{', no cap' if study.cap == 0.0 else ''}"
        rates = _rate([one.rejected for one in found]) + _rate([one.naive for one in found])
        click.echo(f"{study.metric:<10}{kind:<45}{study.requests:>7,} requests {rates}")
    few = max(10, runs // 4)
    click.echo(
        f"\nEffects, {few:,} runs: 0 excluded, truth ever missed, true ratio ever missed, ± at the end"
    )
    for study in EFFECTS:
        found = repeated(study, few, jobs, truth_of(study))
        kind = f"{study.effect}, {study.per_unit:g} per user{', adaptive' if study.adaptive else ''}"
        seen, missed = [one.rejected for one in found], [one.missed for one in found]
        half = np.nanmean([one.half for one in found])
        click.echo(f"{study.metric}, {study.requests:,} requests, {kind}")
        rates = _rate(seen) + _rate(missed) + _rate([one.missed_ratio for one in found])
        click.echo(f"{'':<40}{rates}   {half:.2g}")
    click.echo(f"\nSample ratio, {runs:,} runs of 10,000 units")
    for share in (0.5, 0.51, 0.52, 0.53, 0.55):
        click.echo(f"{share:.0%} in place of 50%: noticed {alarms(10_000, share, runs):.1%}")
    for lost in (0.0, 0.1):
        click.echo(f"adaptive, {lost:.0%} lost: noticed {adaptive_alarms(few, lost):.1%}")
    width, missed = powered_widths(max(10, runs // 10), 0.1)
    click.echo(
        f"\nJudge on all, people on a tenth: {width:.2f} of the width of people alone, missed {missed:.1%}"
    )


if __name__ == "__main__":
    main()
