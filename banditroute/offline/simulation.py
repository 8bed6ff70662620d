"""`simulate`: what a log says every policy would have earned, over several seeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from banditroute.config.settings import Settings
from banditroute.core.base import Policy
from banditroute.errors import LogError
from banditroute.offline.admission import left_out, require_full_information, scoring_weights
from banditroute.offline.catalogue import contexts, log_settings
from banditroute.offline.findings import REGRET_AGAINST, PolicyResult, Trace
from banditroute.offline.logs import Floats, Ints, Log, read_log
from banditroute.offline.options import WEIGHTS, parse_pairs, parse_weights
from banditroute.offline.oracles import ORACLES, rewards
from banditroute.offline.order import request_order
from banditroute.offline.replay import Run, reads_text, replay
from banditroute.offline.result import SimulationResult
from banditroute.policies import get_policy
from banditroute.types import Context, Weights

LEARNERS = ("thompson", "greedy")
STATIC = ("random", "round_robin", "cheapest", "best_prior", "complexity")
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

    @property
    def checkpoints(self) -> Ints:
        points = min(len(self.log), CHECKPOINTS)
        return np.linspace(len(self.log) / points, len(self.log), points).round().astype(np.int64)


def simulate(
    log: str | Path | Log,
    policies: Sequence[str] | None = None,
    *,
    weights: Weights | Mapping[str, float | str] | None = None,
    seeds: int = 10,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | str | None = None,
    features: Sequence[str] = (),
    settings: Settings | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> SimulationResult:
    """Replays a full-information log under every policy, the same requests in the same order for each.

    Without `policies`: the learners, every static rule the log allows, and each model alone. The
    hindsight oracles are always there. `weights` that are not named keep the configured value, or are
    0 where the log lacks the factor; the notes of the result say so.
    Each seed shuffles the requests, unless the log has times. The figures do not depend on `jobs`,
    the number of processes (all cores by default). Raises LogError where the log cannot answer.
    """
    base = settings or Settings()
    wished = parse_weights(weights, base.reward.weights)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= 10_000:
        raise LogError(f"The number of seeds is {seeds}; write a whole number from 1 to 10000.")
    if not isinstance(log, Log):
        wanted = parse_pairs(where, "--where") if isinstance(where, str) else where
        log = read_log(log, columns=columns, where=wanted, features=features)
    require_full_information(log)
    named = () if weights is None else weights if isinstance(weights, Mapping) else WEIGHTS
    scored, unscored = scoring_weights(log, wished, named)
    bench = _bench(log, base, scored)
    names, unplayed = (list(dict.fromkeys(policies)), []) if policies else _default_policies(log)
    chosen = {name: get_policy(name, bench.settings) for name in names}
    results = _run(bench, chosen, seeds, jobs, progress)
    results.sort(key=lambda result: not result.learns)
    return SimulationResult(
        log={
            "requests": len(log),
            "models": len(log.models),
            "classes": len(log.classes),
            "kind": log.kind,
            "order": "shuffled" if log.at is None else "time",
        },
        models=log.models,
        weights=scored,
        seeds=seeds,
        policies=(*results, *(_oracle(name, bench, seeds) for name in ORACLES)),
        checkpoints=bench.checkpoints.astype(np.float64),
        notes=[*unscored, *left_out(log, base), *unplayed],
    )


def _bench(log: Log, base: Settings, weights: Weights) -> Bench:
    reward = rewards(log, weights)
    return Bench(
        log=log,
        weights=weights,
        reward=reward,
        best=ORACLES[REGRET_AGAINST](log, reward),
        settings=log_settings(log, base, weights),
    )


def _default_policies(log: Log) -> tuple[list[str], list[str]]:
    """Every policy that the log allows, and a note for each one that it does not."""
    left_out = {}
    if np.isnan(log.usd).any():
        left_out["cheapest"] = "the log does not give the USD of every row"
    if log.prompts is None:
        left_out["complexity"] = "the log has no prompts to score"
    elif np.isnan(log.usd).any():
        left_out["complexity"] = "its tiers go by price, and the log does not give the USD of every row"
    names = [*LEARNERS, *STATIC, *(f"fixed:{model}" for model in log.models)]
    notes = [f"{name} is left out: {why}." for name, why in left_out.items()]
    return [name for name in names if name not in left_out], notes


def _run(
    bench: Bench, policies: Mapping[str, Policy], seeds: int, jobs: int | None, progress: Progress | None
) -> list[PolicyResult]:
    """Every policy under every seed. Learners go to worker processes, static rules are quick."""
    traces: dict[str, dict[int, Trace]] = {name: {} for name in policies}
    for done, (name, seed, trace) in enumerate(_traces(bench, policies, seeds, jobs), start=1):
        traces[name][seed] = trace
        if progress:
            progress(done, len(policies) * seeds, name)
    return [
        PolicyResult(name, policy.learns, True, tuple(traces[name][seed] for seed in range(seeds)))
        for name, policy in policies.items()
    ]


def _traces(
    bench: Bench, policies: Mapping[str, Policy], seeds: int, jobs: int | None
) -> Iterator[tuple[str, int, Trace]]:
    """Static rules here, where their contexts are made once; learners in worker processes."""
    known: dict[bool, list[Context]] = {}
    for policy in policies.values():
        if not policy.learns:
            text = reads_text(policy)
            if text not in known:
                known[text] = contexts(bench.log, bench.settings, text=text)
            for seed in range(seeds):
                yield _trace(bench, policy, seed, known[text])
    tasks = [(policy, seed) for policy in policies.values() if policy.learns for seed in range(seeds)]
    workers = min(jobs or os.cpu_count() or 1, len(tasks))
    if workers <= 1:
        for policy, seed in tasks:
            yield _trace(bench, policy, seed)
        return
    from joblib import Parallel, delayed

    lean = replace(bench, log=replace(bench.log, prompts=None))
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    yield from parallel(
        delayed(_trace)(bench if reads_text(policy) else lean, policy, seed) for policy, seed in tasks
    )


def _trace(
    bench: Bench, policy: Policy, seed: int, known: list[Context] | None = None
) -> tuple[str, int, Trace]:
    run = replay(bench.log, policy, bench.settings, bench.weights, seed, known)
    return policy.name, seed, _summary(bench, run)


def _oracle(name: str, bench: Bench, seeds: int) -> PolicyResult:
    actions = ORACLES[name](bench.log, bench.reward)
    orders = (request_order(bench.log, seed) for seed in range(seeds))
    traces = tuple(_summary(bench, Run(actions[order], order)) for order in orders)
    return PolicyResult(name, learns=False, attainable=False, traces=traces)


def _summary(bench: Bench, run: Run) -> Trace:
    """What a run earned, and its path."""
    log, order, actions = bench.log, run.order, run.actions
    taken = bench.reward[order, actions]
    regret = np.cumsum(bench.reward[order, bench.best[order]] - taken)
    ends = bench.checkpoints
    chosen = np.zeros((len(ends), len(log.models)))
    np.add.at(chosen, (np.searchsorted(ends, np.arange(len(order)), side="right"), actions), 1.0)
    return Trace(
        reward=float(taken.mean()),
        quality=float(log.quality[order, actions].mean()),
        usd=float(log.usd[order, actions].mean()),
        seconds=float(log.seconds[order, actions].mean()),
        share=chosen.sum(axis=0) / len(order),
        regret=regret[ends - 1],
        chosen=chosen,
    )
