"""`simulate`: what a log says every policy would have earned, over several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from banditroute.config.priorfile import with_prior
from banditroute.config.priors import Prior
from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.offline.logs.queries import Progress as Reading
from banditroute.offline.logs.reading import Floats, Ints, Log
from banditroute.offline.options import WEIGHTS, check_prior, check_seeds, one_or_several, parse_weights
from banditroute.offline.replay.catalogue import contexts, log_settings
from banditroute.offline.replay.chain import steps_cost
from banditroute.offline.replay.feedback import Feedback, parse_feedback
from banditroute.offline.replay.oracles import ORACLES, rewards
from banditroute.offline.replay.order import request_order
from banditroute.offline.replay.run import Run, reads_text, replay
from banditroute.offline.replay.spans import parse_half_lives
from banditroute.offline.replay.spread import check_cluster, spread
from banditroute.offline.simulation.admission import left_out, priced, remembered, scoring_weights
from banditroute.offline.simulation.findings import REGRET_AGAINST, PolicyResult, Trace
from banditroute.offline.simulation.hearsay import judges_word
from banditroute.offline.simulation.lineup import default_policies, line_up, notes_on, remark
from banditroute.offline.simulation.parts import Training, log_and_parts
from banditroute.offline.simulation.result import SimulationResult
from banditroute.types import Context, Weights

CHECKPOINTS = 200
"""Points at which the path of a run is kept, for plots."""

Progress = Callable[[int, int, str], None]
"""Told after each run: how many are done, of how many, and which policy that was."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run needs: the log, its rewards, the yardstick, the configuration."""

    log: Log
    weights: Weights
    reward: Floats
    best: Ints
    settings: Settings
    feedback: Feedback = Feedback()
    half_lives: Mapping[str, float] | None = None

    @property
    def checkpoints(self) -> Ints:
        points = min(len(self.log), CHECKPOINTS)
        return np.linspace(len(self.log) / points, len(self.log), points).round().astype(np.int64)


def simulate(
    log: str | Path | Log,
    policies: Sequence[str] | str | None = None,
    *,
    weights: Weights | Mapping[str, float | str] | None = None,
    seeds: int = 10,
    first_seed: int = 0,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | str | None = None,
    features: Sequence[str] = (),
    settings: Settings | None = None,
    prior: Prior | str | Path | None = None,
    train: Training | None = None,
    train_seed: int = 0,
    feedback_rate: float = 1.0,
    feedback_delay: float | str = 0,
    feedback_batch: float | str = 0,
    feedback_odds: float = 1.0,
    half_lives: Mapping[str, float | str] | None = None,
    skip_bad: bool = False,
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
    reading: Reading | None = None,
) -> SimulationResult:
    """Replays a full-information log under every policy, the same requests in the same order for each.

    Without `policies`: the learners, every static rule the log allows, and each model alone. The
    hindsight oracles are always there. `weights` that are not named keep the configured value, or are
    0 where the log lacks the factor; the notes of the result say so.
    Each seed, from `first_seed` on, shuffles the requests, unless the log has times. With `train`
    (`split=val`, or a share as 0.3: the first requests by time, else random ones by `train_seed`) rules are
    fitted on that part, and every policy is played on the rest.

    Learners are told the quality of a share `feedback_rate` of the answers, `feedback_delay` requests
    later (or `"90s"`, `"2h"`, `"1d"`, where the log has times), at the next multiple of `feedback_batch`.
    With `feedback_odds` who is scored depends on the score: that many times the odds for quality 1 as
    for quality 0. Who is scored is the same for every policy, and the reward is always the truth.
    `half_lives` by factor, in requests, or as times where the log has them, say how fast learners forget.

    Broken rows are refused, and gaps in what has a weight; `skip_bad` leaves their requests out, and the
    notes say how many.
    Learners start from the `prior`, of `fit` or a file, or else from that of the settings.
    The figures do not depend on `jobs`, the number of
    processes (all cores by default), nor on the `cluster`, the address of a dask scheduler whose
    workers play the learners instead. `progress` is told of runs, `reading` how far the log is read.
    Raises LogError where the log cannot answer.
    """
    check_cluster(cluster, jobs)
    check_prior(prior)
    asked = one_or_several(policies, "The policies")
    base = with_prior(settings or Settings(), prior)
    wished = parse_weights(weights, base.reward.weights)
    check_seeds(seeds, first_seed=first_seed, train_seed=train_seed)
    log, parts = log_and_parts(
        log, columns, where, features, train, train_seed, skip_bad, reading, priced(wished)
    )
    named = () if weights is None else weights if isinstance(weights, Mapping) else WEIGHTS
    scored, unscored = scoring_weights(log, wished, named)
    feedback = parse_feedback(log, feedback_rate, feedback_delay, feedback_batch, feedback_odds)
    bench = replace(
        bench_of(log, base, scored), feedback=feedback, half_lives=parse_half_lives(half_lives, log)
    )
    judged, taken = judges_word(log, base)
    names, unplayed = (
        (asked, []) if asked else default_policies(log, bench.settings, fitted=parts is not None)
    )
    chosen = line_up(names, log, parts, scored, bench.settings)
    played_seeds = range(first_seed, first_seed + seeds)
    results = _run(bench, chosen, played_seeds, jobs, cluster, progress)
    results.sort(key=lambda result: not result.learns)
    return SimulationResult(
        log={
            "requests": len(log),
            "models": len(log.models),
            "classes": len(log.classes),
            "kind": log.kind,
            "order": "shuffled" if log.at is None else "time",
            **({} if parts is None else {"trained_on": len(parts.training)}),
            **judged,
        },
        models=log.models,
        weights=scored,
        seeds=seeds,
        policies=(*results, *(_oracle(name, bench, played_seeds) for name in ORACLES)),
        checkpoints=bench.checkpoints.astype(np.float64),
        feedback=feedback.to_dict(),
        notes=[
            *log.notes,
            *unscored,
            *taken,
            *left_out(log, base),
            *remembered(log, base, feedback, bench.half_lives),
            *unplayed,
            *notes_on(chosen, log, parts),
        ],
    )


def bench_of(log: Log, base: Settings, weights: Weights) -> Bench:
    """The bench of a log at some weights; `base` is the configuration without the log's own part."""
    reward = rewards(log, weights)
    return Bench(
        log=log,
        weights=weights,
        reward=reward,
        best=ORACLES[REGRET_AGAINST](log, reward),
        settings=log_settings(log, base, weights),
    )


def _run(
    bench: Bench,
    policies: Mapping[str, Policy],
    seeds: range,
    jobs: int | None,
    cluster: str | None,
    progress: Progress | None,
) -> list[PolicyResult]:
    """Every policy under every seed. Learners go to worker processes, static rules are quick."""
    traces: dict[str, dict[int, Trace]] = {name: {} for name in policies}
    for done, (name, seed, trace) in enumerate(_traces(bench, policies, seeds, jobs, cluster), start=1):
        traces[name][seed] = trace
        if progress:
            progress(done, len(policies) * len(seeds), name)
    return [
        PolicyResult(name, policy.learns, True, tuple(traces[name][seed] for seed in seeds), remark(policy))
        for name, policy in policies.items()
    ]


def _traces(
    bench: Bench, policies: Mapping[str, Policy], seeds: range, jobs: int | None, cluster: str | None
) -> Iterator[tuple[str, int, Trace]]:
    """Static rules here, where their contexts are made once; learners in worker processes."""
    known: dict[bool, Sequence[Context]] = {}
    for policy in policies.values():
        if not policy.learns:
            text = reads_text(policy)
            if text not in known:
                known[text] = contexts(bench.log, bench.settings, text=text)
            for seed in seeds:
                yield played(bench, policy, seed, known[text])
    lean = replace(bench, log=replace(bench.log, prompts=None))
    tasks = [
        (bench if reads_text(policy) else lean, policy, seed)
        for policy in policies.values()
        if policy.learns
        for seed in seeds
    ]
    yield from spread(played, tasks, shared=(bench, lean), jobs=jobs, cluster=cluster)


def played(
    bench: Bench, policy: Policy, seed: int, known: Sequence[Context] | None = None
) -> tuple[str, int, Trace]:
    """One policy under one seed: its name, the seed, and what came of it."""
    run = replay(
        bench.log, policy, bench.settings, bench.weights, seed, known,
        feedback=bench.feedback, half_lives=bench.half_lives,
    )  # fmt: skip
    return policy.name, seed, _summary(bench, run)


def _oracle(name: str, bench: Bench, seeds: range) -> PolicyResult:
    actions = ORACLES[name](bench.log, bench.reward)
    orders = (request_order(bench.log, seed) for seed in seeds)
    traces = tuple(_summary(bench, Run(actions[order], order)) for order in orders)
    return PolicyResult(name, learns=False, attainable=False, traces=traces)


def _summary(bench: Bench, run: Run) -> Trace:
    """What a run earned, and its path."""
    log, order, actions = bench.log, run.order, run.actions
    taken, usd, seconds = bench.reward[order, actions], log.usd[order, actions], log.seconds[order, actions]
    if run.chain is not None:  # a cascade pays for every step
        taken = taken - steps_cost(run.chain, bench.weights)
        usd, seconds = usd + run.chain.extra_usd, seconds + run.chain.extra_seconds
    regret = np.cumsum(bench.reward[order, bench.best[order]] - taken)
    ends = bench.checkpoints
    chosen = np.zeros((len(ends), len(log.models)))
    np.add.at(chosen, (np.searchsorted(ends, np.arange(len(order)), side="right"), actions), 1.0)
    return Trace(
        reward=float(taken.mean()),
        quality=float(log.quality[order, actions].mean()),
        usd=float(usd.mean()),
        seconds=float(seconds.mean()),
        share=chosen.sum(axis=0) / len(order),
        regret=regret[ends - 1],
        chosen=chosen,
        attempts=1.0 if run.chain is None else float(run.chain.attempts.mean()),
    )
