"""Which questions a log can answer: what is refused, and what is answered without some of it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.errors import LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.logs.files import counted
from banditroute.offline.logs.reading import Log
from banditroute.offline.options import WEIGHTS
from banditroute.offline.replay.feedback import Feedback
from banditroute.offline.replay.spans import Span
from banditroute.types import Weights

COLUMN = {"quality": "quality", "usd": "usd", "second": "seconds"}
"""The column of the log that each weight is about."""


def require_full_information(log: Log | DecisionLog) -> Log:
    """The log, refused where it cannot say what another model would have given."""
    if isinstance(log, Log):
        if log.kind == "partial":
            raise LogError(
                "Some requests of this log lack some of the models, so it does not say what another model "
                "would have given; read it with complete=True."
            )
        return log
    if len(log.models) == 1:
        raise LogError(
            f"The log has one model only, {log.models[0]}; a comparison needs outcomes of at least 2."
        )
    if log.kind == "logged":
        raise LogError(
            "This log has one row per request, with its propensity: logged decisions. Off-policy evaluation "
            "answers what another policy would have earned there: use banditroute evaluate, or give simulate "
            "a log with a row for every model of every request."
        )
    raise LogError(
        "This log has one row per request and no propensity, so it does not tell what another model "
        "would have given: what was chosen and how well it went may share a cause. Give simulate a log "
        "with a row for every model of every request."
    )


def scoring_weights(
    log: Log | DecisionLog, weights: Weights, named: Container[str]
) -> tuple[Weights, list[str]]:
    """The weights that the log can be scored with, and a note for each that became 0.

    A cost or a wait that the log does not know at all is left out, unless its weight was `named`.
    """
    notes = []
    for name in WEIGHTS:
        column, weight = COLUMN[name], getattr(weights, name)
        absent = np.isnan(getattr(log, column))
        if not weight or not absent.any():
            continue
        if name in named or name == "quality" or not absent.all():
            raise LogError(_unscored(name, column, int(absent.sum()), absent.size))
        weights = replace(weights, **{name: 0.0})
        notes.append(f"{column} has no part in the reward: the log does not give it.")
    if not any(getattr(weights, name) for name in WEIGHTS):
        raise LogError("All weights are 0, so every model is worth the same; give at least quality=1.")
    return weights, notes


def priced(weights: Weights) -> list[str]:
    """The columns that every answer needs for its reward."""
    return [COLUMN[name] for name in WEIGHTS if getattr(weights, name)]


def left_out(log: Log, base: Settings) -> list[str]:
    """A note on what the configuration says and a replay passes over."""
    models = [model for model in base.models if model.id in log.models]
    present = {
        "hard rules": bool(base.rules),
        "context windows": any(model.context_window is not None for model in models),
        "token prices": any(model.usd_per_output_token is not None for model in models),
    }
    named = [name for name, there in present.items() if there]
    if not named:
        return []
    listed = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return [
        f"{listed[0].upper()}{listed[1:]} of the configuration are not applied in a replay: every model may "
        "serve every request, and costs what the log says."
    ]


def remembered(
    log: Log, base: Settings, feedback: Feedback, half_lives: Mapping[str, float] | None
) -> list[str]:
    """Notes on what learners know beforehand, what they are told, and how fast they forget."""
    notes = [] if feedback.plain else [feedback.sentence()]
    if base.prior is not None:
        notes.append(
            f"Learners start from a prior: {counted(base.prior.requests, 'request')} of {base.prior.source}."
        )
    if half_lives:
        timed = log.at is not None
        said = (f"{name} {Span(life, timed)}" for name, life in half_lives.items())
        notes.append(f"Learners forget, with half-lives: {', '.join(said)}.")
    elif base.policy.half_life_days and half_lives is None and log.at is None:
        notes.append(
            "Half-lives of the configuration are in days, and the log has no times: nothing is forgotten. "
            "Give them in requests, as --half-life quality=500."
        )
    return notes


def _unscored(name: str, column: str, absent: int, cells: int) -> str:
    if absent < cells:
        return (
            f"The weights price {column}, but {counted(absent, 'row has none', 'rows have none')}: fill it "
            f"in, leave them out with --skip-bad, or set --weights {name}=0."
        )
    why, its = "no row of the log has any", "its column"
    if name == "quality":  # without that column the log was not read
        why, its = "its column is empty", "another"
    return (
        f"The weights price {column}, but {why}: name {its} with --columns {column}=COLUMN, or set "
        f"--weights {name}=0."
    )
