"""`banditroute check`: whether a configuration is right, and what it says."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from banditroute.commands.discover import discover, sentences
from banditroute.config.address import log_file
from banditroute.config.load import Loaded, load
from banditroute.config.prices import is_priced
from banditroute.config.settings import RequestClass, Rule
from banditroute.errors import ConfigError
from banditroute.types import Model

if TYPE_CHECKING:
    from rich.table import Table

    from banditroute.classify.confusion import Confusion


@click.command(epilog="Example: banditroute check --config banditroute.toml")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration (banditroute.toml here).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--sample",
    type=click.Path(path_type=Path),
    help="A CSV or JSONL file of text and label: report what the classifier takes each for.",
)
@click.option("--discover", "discovers", is_flag=True, help="Ask providers which models are new or gone.")
def check(config: Path | None, as_json: bool, sample: Path | None, discovers: bool) -> None:
    """Validates the configuration: what is wrong, where, and how to mend it.

    If it is right, lists models with their prices, request classes and rules. Exit code 2 if not.
    With --sample it also reports how well the classifier does, and where to set min_confidence. With
    --discover it prints what to add for models that a provider serves and the configuration lacks; exit
    code 1 where a provider does not answer.
    """
    loaded = load(config)
    _check_policies(loaded)
    _check_judge(loaded)
    confusion = None if sample is None else _confusion(sample, loaded)
    differences = discover(loaded.settings, loaded.priors) if discovers else None
    if as_json:
        report: dict[str, object] = {} if confusion is None else {"confusion": confusion.to_dict()}
        if differences is not None:
            report["discovered"] = [found.to_dict() for found in differences]
        click.echo(json.dumps({**_to_dict(loaded), **report}, indent=2))
    else:
        _print(loaded)
        if confusion is not None:
            click.echo(f"\nLabelled sample {sample}\n\n{confusion}")
        if differences is not None:
            click.echo(f"\n{sentences(differences)}")
    for warning in (*loaded.warnings, *_probed(loaded)):
        click.echo(f"Warning: {warning}", err=True)
    if any(found.trouble for found in differences or ()):
        raise SystemExit(1)


def _probed(loaded: Loaded) -> list[str]:
    """What the golden set said of the models, where there is an event log that knows."""
    from banditroute.routing.probing import probe_warnings
    from banditroute.store import open_store

    file = log_file(loaded.settings.store.url)
    if file is None or not os.path.isfile(file):
        return probe_warnings(loaded.settings, ())
    store = open_store(loaded.settings.store.url)
    try:
        return probe_warnings(loaded.settings, store.controls.after(0, "probe"))
    finally:
        store.close()


def _confusion(sample: Path, loaded: Loaded) -> Confusion:
    from banditroute.classify.confusion import confusion_report  # loads the core
    from banditroute.commands.sample import read_sample

    return confusion_report(read_sample(sample), loaded.settings)


def _check_policies(loaded: Loaded) -> None:
    """Builds the policies, so that what is wrong is refused here and not when the service starts."""
    from banditroute.policies import get_policy  # loads the compiled core
    from banditroute.routing.choose import Chooser

    settings = loaded.settings
    for key, name in (("name", settings.policy.name), ("baseline", settings.policy.baseline)):
        try:
            get_policy(name, settings)
        except ConfigError as error:
            loaded.problems.add(("policy", key), f"{key} in [policy]: {error}")
    loaded.problems.raise_any()
    try:
        Chooser(settings)
    except ConfigError as error:  # each is right by itself, but not together
        loaded.problems.add(("policy", "mode"), f"mode in [policy]: {error}")
    if settings.prior is not None:
        from banditroute.core.state import frame_of

        try:
            frame_of(settings)
        except ConfigError as error:
            loaded.problems.add(("policy", "prior"), f"prior in [policy]: {error}")
    loaded.problems.raise_any()


def _check_judge(loaded: Loaded) -> None:
    """Reads the judge's rubric, and sees that what it costs is known."""
    if loaded.settings.judge.model:
        from banditroute.judge.instrument import configured_instrument

        try:
            configured_instrument(loaded.settings)
        except ConfigError as error:
            loaded.problems.add(("judge", "rubric"), f"[judge]: {error}")
            loaded.problems.raise_any()


def _to_dict(loaded: Loaded) -> dict[str, object]:
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


def _print(loaded: Loaded) -> None:
    from rich.console import Console

    settings = loaded.settings
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    policy = settings.policy
    console.print(f"{settings.path} is right.", markup=False, soft_wrap=True)
    console.print(f"Policy {policy.name}, mode {policy.mode}, baseline {policy.baseline}.", markup=False)
    console.print(_model_table(loaded))
    console.print(_class_table(settings.classes))
    if settings.rules:
        console.print(_rule_table(settings.rules))


_PLAIN_WIDTH = 110
"""Columns where nobody's terminal sets them."""


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=column in _WHOLE)
    return table


_NUMBERS = ("USD/M in", "USD/M out", "context", "prior")
_WHOLE = (*_NUMBERS, "model", "tier", "class")


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


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    return "|".join(map(str, value)) if isinstance(value, tuple) else str(value)
