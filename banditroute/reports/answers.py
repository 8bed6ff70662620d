"""Savings from a log that holds every model's answer to every request: each bill is read off, not predicted.

Nobody was charged for such a log, so the policy one thinks of using is replayed in place of what was
done, learning included, and its bill set against the rules' on the same requests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditroute.config.settings import Settings
from banditroute.errors import ConfigError, LogError
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.catalogue import contexts, log_settings
from banditroute.offline.replay.run import reads_text, replay
from banditroute.offline.simulation.assumptions import require_playable
from banditroute.offline.simulation.hearsay import judges_word
from banditroute.policies import get_policy
from banditroute.reports.books import Exact
from banditroute.reports.cells import Cells, Floats, cells_of, days_of, fields_of, groups_of
from banditroute.reports.decisions import as_rule
from banditroute.reports.findings import Refusal, SavingsReport
from banditroute.reports.savings import ANYTHING, Asked, Question, savings_report

SEEDS = 5
"""Replays of a policy that draws, each with its own luck (and order, where the log has no times)."""


def savings_of_answers(
    log: Log,
    settings: Settings,
    *,
    policy: str = "thompson",
    asked: Asked = ANYTHING,
    seeds: int = SEEDS,
) -> SavingsReport:
    """The report on a full-information log: `policy`, replayed, against the rules."""
    gaps = np.isnan(log.usd)
    if gaps.any():
        skip = "" if gaps.any(axis=1).all() else ", or leave these requests out with --skip-bad"
        raise LogError(
            f"{counted(int(gaps.sum()), 'answer has', 'answers have')} no usd, and a bill needs the cost of "
            f"every one; name the column with --columns usd=COLUMN, or fill it in{skip}."
        )
    own = log_settings(log, settings, settings.reward.weights)
    named = [as_rule(rule, log.models) for rule in asked.named]
    served: dict[str, Cells] = {policy: _served(log, policy, own, seeds)}
    refused: list[Refusal] = []
    for rule in dict.fromkeys([*named, *_default_rules(log)]):
        try:
            served.setdefault(rule, _served(log, rule, own, seeds))
        except (ConfigError, LogError) as error:
            if rule in named:
                raise LogError(f"The rule cannot be billed: {error}") from None
            refused.append(Refusal(rule, str(error)))
    best = int(np.nanmean(log.quality, axis=0).argmax())
    question = Question(
        baseline=as_rule(asked.baseline, log.models) if asked.baseline else f"fixed:{log.models[best]}",
        bases={policy: "simulated", **{rule: "exact" for rule in served if rule != policy}},
        unseen={},
        refused=refused,
        assumptions=[*_assumptions(policy, seeds), *log.notes, *judges_word(log, settings)[1]],
        requests_per_month=asked.requests_per_month,
        simulated=policy,
        span=None if log.at is None else (float(log.at.min()), float(log.at.max())),
    )
    return savings_report(Exact(served), question)


def _default_rules(log: Log) -> list[str]:
    return [*(f"fixed:{model}" for model in log.models), "cheapest", "best_prior", "random"]


def _served(log: Log, spec: str, settings: Settings, seeds: int) -> Cells:
    """The cells of what a policy chose; of one that draws, the mean over seeds."""
    policy = get_policy(spec, settings)
    require_playable(policy, log, settings.models)
    known = contexts(log, settings, text=reads_text(policy))
    runs = seeds if policy.learns or spec.partition(":")[0] in _DRAW else 1
    parts = []
    for seed in range(runs):
        run = replay(log, policy, settings, settings.reward.weights, seed, known)
        usd = log.usd[run.order, run.actions]
        if run.chain is not None:  # a cascade pays for every step
            usd = usd + run.chain.extra_usd
        parts.append(_cells(log, run.order, run.actions, usd))
    return parts[0] if runs == 1 else _mean(parts)


_DRAW = ("random", "round_robin", "split", "cascade")


def _cells(log: Log, order: np.ndarray, actions: np.ndarray, usd: Floats) -> Cells:
    unit = None if log.unit is None else [log.unit[i] for i in order.tolist()]
    at = None if log.at is None else log.at[order]
    return cells_of(
        log.models,
        log.classes,
        day=days_of(at, len(order)),
        group=groups_of(log.request_ids[order].tolist(), unit),
        cls=log.class_index[order],
        model=actions,
        fields=fields_of(
            usd, log.input_tokens[order], log.output_tokens[order, actions], log.quality[order, actions]
        ),
        timed=at is not None,
    )


def _mean(parts: Sequence[Cells]) -> Cells:
    """Several runs as one, each request counted once."""
    first = parts[0]
    keys = {
        key: np.concatenate([getattr(part, key) for part in parts])
        for key in ("day", "group", "cls", "model")
    }
    sums = np.concatenate([part.sums for part in parts]) / len(parts)
    return cells_of(first.models, first.classes, **keys, fields=sums, timed=first.timed)


def _assumptions(policy: str, seeds: int) -> list[str]:
    return [
        f"Nothing was paid: {policy} is replayed on the log, learning included, as a mean of {seeds} runs. "
        "Every model's answer to every request is in the log, so the bills are exact for these requests.",
        "Limits, context windows and hard rules are not applied.",
    ]
