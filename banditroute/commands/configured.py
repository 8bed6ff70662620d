"""A configuration as people read it: its models, classes and rules as tables, its sections in sentences."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from banditroute.commands.sections import Section, sections
from banditroute.config.load import Loaded
from banditroute.config.prices import is_priced
from banditroute.config.settings import RequestClass, Rule
from banditroute.types import Model

if TYPE_CHECKING:
    from rich.table import Table


def to_dict(loaded: Loaded) -> dict[str, object]:
    """As `check --json` prints it."""
    settings = loaded.settings
    return {
        "config": str(settings.path),
        "policy": {
            "name": settings.policy.name,
            "mode": settings.policy.mode,
            "baseline": settings.policy.baseline,
        },
        "models": [_model_row(model, loaded) for model in settings.models],
        "classes": [
            {"name": item.name, "keywords": item.keywords, "params": item.params} for item in settings.classes
        ],
        "rules": [
            {"reason": rule.reason, "if": _conditions(rule), "then": _effect(rule)} for rule in settings.rules
        ],
        "sections": {
            section.name: {
                "set": section.given,
                "says": " ".join(section.sentences),
                "values": section.values,
            }
            for section in sections(settings)
        },
        "warnings": loaded.warnings,
    }


def _model_row(model: Model, loaded: Loaded) -> dict[str, object]:
    return {
        "id": model.id,
        "upstream": model.provider,
        "tier": model.tier,
        "usd_per_million_input": _per_million(model.usd_per_input_token),
        "usd_per_million_output": _per_million(model.usd_per_output_token),
        "usd_per_request": model.usd_per_request,
        "price_from": _price_source(model, loaded),
        "context_window": model.context_window,
        "capabilities": sorted(model.capabilities),
        "tags": sorted(model.tags),
        "prior_quality": model.prior_quality,
        "prior_by_class": dict(model.prior_by_class),
        "prior_from": _prior_source(model, loaded),
    }


def _per_million(usd_per_token: float | None) -> float | None:
    return None if usd_per_token is None else round(usd_per_token * 1e6, 9)


def _price_source(model: Model, loaded: Loaded) -> str:
    if model.id in loaded.list_priced:
        return "price list"
    return "file" if is_priced(model) else "unknown"


def _prior_source(model: Model, loaded: Loaded) -> str:
    if model.id in loaded.table_priors and loaded.priors is not None:
        return f"table of {loaded.priors.updated}"
    if model.prior_quality is not None:
        return "file"
    return "family and price" if loaded.settings.policy.pool_priors else "pool"


def _conditions(rule: Rule) -> dict[str, object]:
    conditions = {
        "pattern": rule.pattern,
        "keywords": rule.keywords,
        "classes": rule.classes,
        "min_tokens": rule.min_tokens,
        "max_tokens": rule.max_tokens,
        "tags": rule.tags,
        "user_tiers": rule.user_tiers,
    }
    return {name: value for name, value in conditions.items() if value not in (None, (), {})}


def _effect(rule: Rule) -> dict[str, object]:
    effect = {
        "model": rule.model,
        "tier": rule.tier,
        "request_class": rule.request_class,
        "params": rule.params,
    }
    return {name: value for name, value in effect.items() if value not in (None, {})}


def show(loaded: Loaded) -> None:
    """Prints models, classes, rules, and what each section says."""
    from banditroute.offline.verbatim import verbatim_console

    settings = loaded.settings
    console = verbatim_console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    policy = settings.policy
    console.print(f"{settings.path} is right.", soft_wrap=True)
    console.print(f"Policy {policy.name}, mode {policy.mode}, baseline {policy.baseline}.")
    console.print(_model_table(loaded))
    console.print(_class_table(settings.classes))
    if settings.rules:
        console.print(_rule_table(settings.rules))
    console.print(_section_table(sections(settings)))


_PLAIN_WIDTH = 110
"""Columns where nobody's terminal sets them."""


def _table(title: str, *columns: str) -> Table:
    from rich import box

    from banditroute.offline.verbatim import VerbatimTable

    table = VerbatimTable(title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=column in _WHOLE)
    return table


_NUMBERS = ("USD/M in", "USD/M out", "context", "prior")
_WHOLE = (*_NUMBERS, "model", "tier", "class", "section")


def _model_table(loaded: Loaded) -> Table:
    table = _table(
        "Models", "model", "upstream", "tier", "USD/M in", "USD/M out", "context", "prior", "holds"
    )
    for model in loaded.settings.models:
        marks = {"price list": "*", "unknown": "?"}.get(_price_source(model, loaded), "")
        usd = (_per_million(model.usd_per_input_token), _per_million(model.usd_per_output_token))
        table.add_row(
            model.id,
            model.provider,
            model.tier,
            *("-" if price is None else f"{price:.2f}{marks}" for price in usd),
            "-" if model.context_window is None else f"{model.context_window:,}",
            _shown_prior(model, loaded),
            " ".join([*sorted(model.capabilities), *sorted(model.tags)]),
        )
    notes = ["* from the built-in price list"] if loaded.list_priced else []
    if loaded.table_priors and loaded.priors is not None:
        notes.append(f"† from the table of published results, {loaded.priors.updated}")
    if any(model.prior_quality is None for model in loaded.settings.models):
        learned = "family and price" if loaded.settings.policy.pool_priors else "the pool"
        notes.append(f"- what {learned} will say of it")
    table.caption = "\n".join(notes) or None
    return table


def _shown_prior(model: Model, loaded: Loaded) -> str:
    mark = "†" if model.id in loaded.table_priors else ""
    return "-" if model.prior_quality is None else f"{model.prior_quality:.2f}{mark}"


def _class_table(classes: Sequence[RequestClass]) -> Table:
    table = _table("Request classes, and other", "class", "keywords", "params")
    for item in classes:
        table.add_row(item.name, ", ".join(item.keywords), _pairs(item.params))
    return table


def _rule_table(rules: Sequence[Rule]) -> Table:
    table = _table("Rules, the first match wins", "reason", "if", "then")
    for rule in rules:
        table.add_row(rule.reason, _pairs(_conditions(rule)), _pairs(_effect(rule)))
    return table


def _section_table(told: Sequence[Section]) -> Table:
    table = _table("Sections", "section", "what it says")
    for section in told:
        if section.given:
            table.add_row(section.name, " ".join(section.sentences))
    left = ", ".join(section.name for section in told if not section.given)
    table.caption = f"Nothing is set in {left}." if left else None
    table.caption_justify = "left"
    return table


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    return "|".join(map(str, value)) if isinstance(value, tuple) else str(value)
