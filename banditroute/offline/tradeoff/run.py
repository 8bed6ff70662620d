"""Quality against USD over the range of weights: what every exchange rate buys, and which one to configure.

A policy that moves with the weights (a learner, a rule fitted at them) is a curve, one point per USD weight,
from "cost does not matter" to "only cost matters"; a rule that does not is one point. All of them are played
on the same requests, on which no rule was fitted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from banditroute.config.priorfile import with_prior
from banditroute.config.priors import Prior
from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.errors import LogError
from banditroute.offline.logs.files import suggestion
from banditroute.offline.logs.queries import Progress as Reading
from banditroute.offline.logs.reading import Floats, Log
from banditroute.offline.options import check_prior, check_seeds, one_or_several, parse_weights
from banditroute.offline.replay.catalogue import log_settings
from banditroute.offline.replay.run import reads_text
from banditroute.offline.replay.spread import check_cluster, spread
from banditroute.offline.simulation.admission import left_out, priced, scoring_weights
from banditroute.offline.simulation.findings import Trace
from banditroute.offline.simulation.fitted_rules import FITTED, PER_CLASS
from banditroute.offline.simulation.hearsay import judges_word
from banditroute.offline.simulation.lineup import line_up, notes_on, remark
from banditroute.offline.simulation.parts import Parts, Training, log_and_parts
from banditroute.offline.simulation.run import Progress, bench_of, played
from banditroute.offline.tradeoff.findings import Keep, Point
from banditroute.offline.tradeoff.result import FrontierResult
from banditroute.policies.budget import Budget
from banditroute.types import Weights

LEARNER = "thompson"
POINTS = 10
"""USD weights of a curve, where none are given."""

REFINED = 4
"""How often the gap between two weights is halved around an answer."""

NEGLIGIBLE = 0.001
"""Where the dearest model costs no more than this much quality, cost does not matter."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What every run needs but its weight: both parts of the log, the configuration, the other weights."""

    parts: Parts
    base: Settings
    weights: Weights

    def policy(self, name: str, usd_weight: float) -> Policy:
        """A policy at a USD weight."""
        weights = replace(self.weights, usd=usd_weight)
        log = self.parts.evaluation
        return line_up([name], log, self.parts, weights, log_settings(log, self.base, weights))[name]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Who runs what: the number of seeds, the processes or machines, and who is told."""

    seeds: int
    jobs: int | None
    cluster: str | None
    progress: Progress | None


def frontier(
    log: str | Path | Log,
    policies: Sequence[str] | str | None = None,
    *,
    keep: str | None = "99%",
    usd_weights: Iterable[float] | None = None,
    weights: Weights | Mapping[str, float | str] | None = None,
    seeds: int = 10,
    train: Training = 0.3,
    train_seed: int = 0,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | str | None = None,
    features: Sequence[str] = (),
    skip_bad: bool = False,
    settings: Settings | None = None,
    prior: Prior | str | Path | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
    reading: Reading | None = None,
) -> FrontierResult:
    """Plays policies over a range of USD weights on a full-information log.

    By default thompson and the fitted rule per class as curves, and every model alone as a point.
    `keep` asks for the cheapest weights that keep a share of a model's quality, `99%:MODEL`, or `99%` of
    that of the best single model; None asks nothing. `usd_weights` are chosen by the log's prices
    (`usd_grid`) unless they are given. `weights` are those of quality and second, held all along. The rest
    is as in `simulate`. Raises LogError where the log cannot answer.
    """
    check_cluster(cluster, jobs)
    check_prior(prior)
    wished = one_or_several(policies, "The policies")
    base = with_prior(settings or Settings(), prior)
    held = _held_weights(weights, base)
    check_seeds(seeds, train_seed=train_seed)
    log, parts = log_and_parts(
        log, columns, where, features, train, train_seed, skip_bad, reading, [*priced(held), "usd"]
    )
    assert parts is not None
    named = (*(weights if isinstance(weights, Mapping) else ()), "usd")
    held, notes = scoring_weights(log, held, named)
    judged, taken = judges_word(log, base)
    asked = None if keep is None else _asked(keep, log)
    grid = usd_grid(log, held.quality) if usd_weights is None else _given(usd_weights)
    names = wished or [LEARNER, PER_CLASS, *(f"fixed:{model}" for model in log.models)]
    chosen = line_up(names, log, parts, held, log_settings(log, base, held))
    if not any(reads_text(policy) for policy in chosen.values()):
        parts = replace(parts, evaluation=replace(log, prompts=None))
    stage, runs = Stage(parts, base, held), _Runs(seeds, jobs, cluster, progress)
    curves = [name for name, policy in chosen.items() if _moves(policy)]
    points = _points(stage, [(n, w) for n in names for w in (grid if n in curves else grid[:1])], runs)
    for _ in range(REFINED if asked is not None else 0):
        points += _points(stage, [(n, w) for n in curves for w in _between(points, n, asked)], runs)
    points = [point if point.policy in curves else replace(point, usd_weight=None) for point in points]
    return FrontierResult(
        log={
            "requests": len(log),
            "models": len(log.models),
            "classes": len(log.classes),
            "kind": log.kind,
            "order": "shuffled" if log.at is None else "time",
            "trained_on": len(parts.training),
            **judged,
        },
        models=log.models,
        weights=held,
        seeds=seeds,
        points=tuple(sorted(points, key=lambda p: (names.index(p.policy), p.usd_weight or 0.0))),
        keep=asked,
        notes=[*log.notes, *notes, *taken, *left_out(log, base), *notes_on(chosen, log, parts)],
    )


def usd_grid(log: Log, quality: float = 1.0, points: int = POINTS) -> list[float]:
    """USD weights from "cost does not matter" to "only cost matters", by the log's own prices.

    0 first; then evenly in the logarithm, from where the dearest model costs 0.001 of quality more than the
    cheapest one, to where the second cheapest costs a whole point of quality more. `quality` is its weight.
    Rounded to three digits, as one would write them into a configuration.
    """
    prices = np.unique(log.usd.mean(axis=0))
    if len(prices) < 2:
        raise LogError("Every model of the log costs the same, so there is nothing to trade quality for.")
    low = NEGLIGIBLE * quality / (prices[-1] - prices[0])
    high = min(quality / (prices[1] - prices[0]), 1e6 * low)
    return [0.0, *(_rounded(weight) for weight in np.geomspace(low, high, points - 1).tolist())]


def _rounded(weight: float) -> float:
    return float(f"{weight:.3g}")


def _held_weights(given: Weights | Mapping[str, float | str] | None, base: Settings) -> Weights:
    """The weights of quality and second; that of USD is set to 1 while they are checked."""
    if isinstance(given, Mapping) and "usd" in given:
        raise LogError("The frontier varies the weight of usd itself; leave usd out of --weights.")
    weights = parse_weights(given, base.reward.weights)
    if not weights.quality:
        raise LogError("The frontier is about quality; give it a weight above 0, quality=1, say.")
    return replace(weights, usd=1.0)


def _given(usd_weights: Iterable[float]) -> list[float]:
    grid = sorted({parse_weights({"usd": weight}, Weights()).usd for weight in usd_weights})
    if not grid:
        raise LogError("usd_weights is empty; give at least one weight, or leave it out.")
    return grid


def _asked(keep: str, log: Log) -> Keep:
    """`99%:MODEL` or `99%`, with the model's quality and USD on the log."""
    text, _, name = keep.partition(":")
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100.0 if number != text.strip() else 1.0)
    except ValueError:
        share = math.nan
    if not 0.0 < share <= 1.0:
        raise LogError(f"--keep {keep} is not understood; write 99%, or 99%:MODEL.")
    quality, usd = log.quality.mean(axis=0), log.usd.mean(axis=0)
    model = name.strip() or log.models[int(quality.argmax())]
    if model not in log.models:
        raise LogError(
            f"--keep names the model {model}, which the log has not.{suggestion(model, log.models)}"
        )
    a = log.models.index(model)
    if not usd[a] > 0.0:
        raise LogError(f"{model} costs nothing in this log, so nothing can be saved; name a dearer model.")
    return Keep(share, model, float(quality[a]), float(usd[a]))


def _moves(policy: Policy) -> bool:
    """Whether a policy goes by the weights. A budget learns, and does not."""
    return policy.name in FITTED or (policy.learns and not isinstance(policy, Budget))


def _between(points: Sequence[Point], policy: str, asked: Keep | None) -> list[float]:
    """The weight between the one that keeps what was asked for the least USD and the next higher one."""
    curve = sorted((p for p in points if p.policy == policy), key=lambda p: p.usd_weight or 0.0)
    good = [i for i, p in enumerate(curve) if asked is not None and p.reaches(asked.target)]
    if not good:
        return []
    best = min(good, key=lambda i: float(curve[i].usd.mean()))
    if best + 1 == len(curve):
        return []
    low, high = curve[best].usd_weight or 0.0, curve[best + 1].usd_weight or 0.0
    weight = _rounded(math.sqrt(low * high) if low > 0.0 else high / 3.0)
    return [weight] if low < weight < high else []


def _points(stage: Stage, wanted: Sequence[tuple[str, float]], runs: _Runs) -> list[Point]:
    """Every policy at its weight, under every seed."""
    tasks = [(stage, name, weight, seed) for name, weight in wanted for seed in _seeds(name, runs.seeds)]
    traces: dict[tuple[str, float, int], Trace] = {}
    found = spread(_play, tasks, shared=(stage,), jobs=runs.jobs, cluster=runs.cluster)
    for done, (name, weight, seed, trace) in enumerate(found, start=1):
        traces[name, weight, seed] = trace
        if runs.progress:
            runs.progress(done, len(tasks), name)
    return [
        _point(
            name,
            weight,
            [
                traces[name, weight, min(seed, len(_seeds(name, runs.seeds)) - 1)]
                for seed in range(runs.seeds)
            ],
            remark(stage.policy(name, weight)),
        )
        for name, weight in wanted
    ]


def _seeds(name: str, seeds: int) -> range:
    """The seeds that make a difference: one stands for all where nothing is left to chance."""
    return range(1) if name in FITTED or name.startswith("fixed:") else range(seeds)


def _play(stage: Stage, name: str, usd_weight: float, seed: int) -> tuple[str, float, int, Trace]:
    """One run; a pure function of its arguments."""
    bench = bench_of(stage.parts.evaluation, stage.base, replace(stage.weights, usd=usd_weight))
    _, _, trace = played(bench, stage.policy(name, usd_weight), seed)
    return name, usd_weight, seed, trace


def _point(name: str, weight: float, traces: Sequence[Trace], said: str | None) -> Point:
    def over_seeds(factor: str) -> Floats:
        return np.array([getattr(trace, factor) for trace in traces])

    share = np.mean([trace.share for trace in traces], axis=0)
    return Point(name, weight, over_seeds("quality"), over_seeds("usd"), over_seeds("seconds"), share, said)
