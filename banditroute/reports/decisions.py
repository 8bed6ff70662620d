"""Savings from requests that one model answered each: a log of decisions, or the live event log.

What was paid is known. What a rule would have cost is predicted from token prices and from the answers
that its models gave to other requests of the class (`books.Predicted`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from banditroute.config.settings import Settings
from banditroute.errors import ConfigError, LogError
from banditroute.offline.logs.decisionlog import DecisionLog
from banditroute.offline.simulation.hearsay import judges_word
from banditroute.reports.books import ACTUAL, Predicted, answer_usd, unanswered
from banditroute.reports.cells import (
    METERED,
    REQUESTS,
    SCORED,
    SIZED,
    WRITTEN,
    Cells,
    Floats,
    cells_of,
    days_of,
    fields_of,
    groups_of,
)
from banditroute.reports.findings import Refusal, SavingsReport
from banditroute.reports.rules import chosen, default_rules, usd_per_request
from banditroute.reports.savings import ANYTHING, Asked, Question, savings_report
from banditroute.types import OTHER, Model


def savings_of_log(log: DecisionLog, settings: Settings, asked: Asked = ANYTHING) -> SavingsReport:
    """The report on a log with one answer per request. Prices and priors are those of `settings`."""
    span = None if log.at is None else (float(log.at.min()), float(log.at.max()))
    return savings_of_cells(
        decision_cells(log, settings),
        settings,
        asked,
        span=span,
        notes=[*log.notes, *judges_word(log, settings)[1]],
    )


def savings_of_cells(
    cells: Cells,
    settings: Settings,
    asked: Asked = ANYTHING,
    *,
    span: tuple[float, float] | None = None,
    notes: Sequence[str] = (),
    breathe: Callable[[], None] = lambda: None,
) -> SavingsReport:
    """The report on sums of requests."""
    table = cells.table()
    prices = list_prices(cells.models, settings)
    answers = answer_usd(table, table, prices)
    usd = usd_per_request(answers, cells)
    settings = _with_models(cells, settings, usd)
    named = [as_rule(rule, cells.models) for rule in asked.named]
    pmfs: dict[str, Floats] = {}
    refused: list[Refusal] = []
    for spec in dict.fromkeys([*named, *default_rules(cells.models, settings)]):
        try:
            pmfs[spec] = chosen(spec, cells, usd, settings)
        except ConfigError as error:
            if spec in named:
                raise LogError(f"The rule cannot be billed: {error}") from None
            refused.append(Refusal(spec, str(error)))
    silent = [cells.models[a] for a in unanswered(table)]
    question = Question(
        baseline=as_rule(asked.baseline, cells.models) if asked.baseline else _standard(cells, usd),
        bases={ACTUAL: "paid", **dict.fromkeys(pmfs, "predicted")},
        unseen={name: _used(pmf, cells.models, silent) for name, pmf in pmfs.items()},
        refused=refused,
        assumptions=[*_assumptions(table, prices, silent), *notes],
        requests_per_month=asked.requests_per_month,
        span=span,
        breathe=breathe,
    )
    return savings_report(Predicted(cells, prices, pmfs), question)


def decision_cells(log: DecisionLog, settings: Settings) -> Cells:
    """The sums of a log: its models behind those of the configuration, its classes where those are
    declared, else `other`. A cost that the log does not give is made of tokens and prices."""
    ids = [model.id for model in settings.models]
    models = (*ids, *(model for model in log.models if model not in ids))
    classes, place = class_places(log.classes, settings)
    model = np.array([models.index(name) for name in log.models], np.int64)[log.action]
    prices = list_prices(models, settings)
    return cells_of(
        models,
        classes,
        day=days_of(log.at, len(log)),
        group=groups_of(log.request_ids.tolist(), log.unit),
        cls=place[log.class_index],
        model=model,
        fields=fields_of(
            paid_usd(log.usd, log.input_tokens, log.output_tokens, prices[model]),
            log.input_tokens,
            log.output_tokens,
            log.quality,
        ),
        timed=log.at is not None,
    )


def paid_usd(usd: Floats, input_tokens: Floats, output_tokens: Floats, prices: Floats) -> Floats:
    """What requests cost `(n,)`: as reported, else tokens at `prices` `(n, 2)`, else nan."""
    listed = input_tokens * prices[:, 0] + output_tokens * prices[:, 1]
    return np.where(np.isnan(usd), listed, usd)


def list_prices(models: Sequence[str], settings: Settings) -> Floats:
    """USD per input and output token `(k, 2)`, nan where the configuration has none."""
    known = {model.id: model for model in settings.models}
    prices = np.full((len(models), 2), math.nan)
    for a, name in enumerate(models):
        model = known.get(name)
        if model and model.usd_per_input_token is not None and model.usd_per_output_token is not None:
            prices[a] = model.usd_per_input_token, model.usd_per_output_token
    return prices


def class_places(names: Sequence[str], settings: Settings) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes of a report, and the place among them of each of `names`: as the router takes them,
    what is not declared is `other`. Without declared classes the names themselves."""
    declared = [known.name for known in settings.classes]
    classes = tuple(dict.fromkeys([*declared, OTHER])) if declared else tuple(names)
    place = [classes.index(name if name in classes else OTHER) for name in names]
    return classes, np.array(place, np.int64)


def as_rule(name: str, models: Sequence[str]) -> str:
    """A model's name alone stands for everything to it."""
    return f"fixed:{name}" if name in models else name


def _with_models(cells: Cells, settings: Settings, usd: Floats) -> Settings:
    """The settings with the cells' models in their order; those it does not declare cost what they did."""
    known = {model.id: model for model in settings.models}
    typical = usd.mean(axis=0).tolist()
    models = tuple(
        known.get(name) or Model(name, usd_per_request=None if math.isnan(cost) else cost)
        for name, cost in zip(cells.models, typical, strict=True)
    )
    return replace(settings, models=models)


def _standard(cells: Cells, usd: Floats) -> str:
    """Whom one would send everything to: the model with the best mean score, else the dearest.

    Only models that answered a twentieth of the requests are known well enough for the first.
    """
    table = cells.table().sum(axis=0)
    enough = table[:, SCORED] >= 0.05 * table[:, SCORED].sum()
    if table[:, SCORED].any():
        mean = np.where(enough, table[:, 8] / np.maximum(table[:, SCORED], 1.0), -1.0)
        return f"fixed:{cells.models[int(mean.argmax())]}"
    return f"fixed:{cells.models[int(np.nan_to_num(usd.mean(axis=0), nan=-1.0).argmax())]}"


def _used(pmf: Floats, models: Sequence[str], silent: Sequence[str]) -> list[str]:
    return [name for a, name in enumerate(models) if name in silent and pmf[:, a].any()]


def _assumptions(table: Floats, prices: Floats, silent: Sequence[str]) -> list[str]:
    """What the bills take for granted, in sentences."""
    requests, metered = table[..., REQUESTS].sum(), table[..., METERED].sum()
    by_tokens = table[..., WRITTEN].any() and table[..., SIZED].any() and np.isfinite(prices).any()
    basis = (
        "Another model is taken to read the same input tokens and to write output tokens in the ratio of the "
        "two models' in the class, at today's list prices."
        if by_tokens
        else "Another model is taken to cost what it cost on other requests of the class."
    )
    told = [
        f"What other rules would have cost is predicted, not measured. {basis}",
        "Their quality is the mean score of the model in the class: within a class, models are taken to have "
        "met equally hard requests.",
        "Limits, context windows and hard rules are not applied to the other rules.",
    ]
    if metered < requests:
        told.append(
            f"{requests - metered:,.0f} of {requests:,.0f} requests have no known cost and are in no bill; "
            "projections take them to cost as much as the others."
        )
    if silent:
        told.append(
            f"{', '.join(silent)} answered no request here: taken to write as much as an average model, "
            "at an unknown quality, and without an interval."
        )
    return told
