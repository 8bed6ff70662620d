"""From a parsed file to settings: checks every key and value, then what refers to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from banditroute.config.address import MEMORY
from banditroute.config.checks import Check, Refused, nearest, shown
from banditroute.config.experiments import Experiment
from banditroute.config.experiments_references import check_experiments
from banditroute.config.feedback import (
    AlertSettings,
    AuthSettings,
    BudgetSettings,
    Guardrail,
    JudgeSettings,
    TrialSettings,
    TrustSettings,
)
from banditroute.config.guardrail_references import check_guardrails, check_trial
from banditroute.config.judge_references import check_judge
from banditroute.config.lines import Path
from banditroute.config.problems import Problems
from banditroute.config.references import check_policy, check_references
from banditroute.config.schema import ENTRIES, LATER, MAX_MODELS, NAMED_BY, NEEDS, SECRETS, SECTIONS
from banditroute.config.settings import (
    SHIPPED_TABLE,
    ClassifySettings,
    FeatureSettings,
    PolicySettings,
    RequestClass,
    RewardSettings,
    Rule,
    ServerSettings,
    Settings,
    StoreSettings,
    Upstream,
)
from banditroute.config.telemetry import LoggingSettings, TelemetrySettings
from banditroute.types import Model, Weights

Values = dict[str, Any]


def build(data: Mapping[str, object], problems: Problems) -> Settings:
    """The settings that `data` gives; what is wrong with it is noted in `problems`."""
    _check_names(data, problems)
    sections = {name: _section(name, data.get(name, {}), problems) for name in SECTIONS}
    entries = {name: _entries(name, data.get(name, []), problems) for name in ENTRIES}
    _check_count(data, problems)
    upstreams = {i: Upstream(**values) for i, values in entries["upstreams"].items()}
    if not data.get("upstreams"):
        upstreams = {0: Upstream("simulated", dialect="simulated")}
    names = [upstream.name for upstream in upstreams.values()]
    models = {i: _model(i, values, names, problems) for i, values in entries["models"].items()}
    classes = {i: RequestClass(**values) for i, values in entries["classes"].items()}
    rules = {i: Rule(**values) for i, values in entries["rules"].items()}
    guardrails = {i: Guardrail(**values) for i, values in entries["guardrails"].items()}
    experiments = {i: Experiment(**values) for i, values in entries["experiments"].items()}
    settings = Settings(
        server=ServerSettings(**sections["server"]),
        store=StoreSettings(**sections["store"]),
        reward=_reward(sections["reward"], problems),
        policy=PolicySettings(**{"prior_table": SHIPPED_TABLE, "pool_priors": True, **sections["policy"]}),
        classify=ClassifySettings(**sections["classify"]),
        features=FeatureSettings(**sections["features"]),
        upstreams=tuple(upstreams.values()),
        models=tuple(models.values()),
        classes=tuple(classes.values()),
        rules=tuple(rules.values()),
        guardrails=tuple(guardrails.values()),
        experiments=tuple(experiments.values()),
        judge=JudgeSettings(**sections["judge"]),
        auth=AuthSettings(**sections["auth"]),
        budget=BudgetSettings(**sections["budget"]),
        trust=TrustSettings(**sections["trust"]),
        alerts=AlertSettings(**{"changes": True, **sections["alerts"]}),
        trial=TrialSettings(**sections["trial"]),
        telemetry=TelemetrySettings(**sections["telemetry"]),
        logging=LoggingSettings(**sections["logging"]),
    )
    check_policy(settings.policy, problems)
    check_references(settings.classify, upstreams, models, classes, rules, problems)
    named = ({model.id for model in settings.models}, {cls.name for cls in settings.classes})
    check_judge(settings.judge, {upstream.name for upstream in settings.upstreams}, *named, problems)
    check_guardrails(guardrails, *named, problems)
    check_experiments(experiments, named[1], problems)
    check_trial(settings.trial, settings.classify.tiers, problems)
    if settings.trial.require_probe and settings.store.url == MEMORY:
        problems.add(
            ("trial", "require_probe"),
            "require_probe in [trial] goes by what the event log keeps, and [store] url is memory://; "
            "name a file in it.",
        )
    return settings


def _check_names(data: Mapping[str, object], problems: Problems) -> None:
    """Refuses top-level names that are no section."""
    for name, value in data.items():
        homes = [section for section, keys in SECTIONS.items() if name in keys]
        if name in SECTIONS or name in ENTRIES:
            continue
        if name in LATER:
            problems.add((name,), f"[{name}] is not supported by this version yet; remove the section.")
        elif homes and not isinstance(value, Mapping | list):
            problems.add((name,), f'"{name}" belongs into a section; move it below [{homes[0]}].')
        else:
            known = [*SECTIONS, *ENTRIES]
            problems.add((name,), f'there is no section "{name}"; {nearest(name, known)}')


def _section(name: str, table: object, problems: Problems) -> Values:
    if not isinstance(table, Mapping):
        problems.add((name,), f"{name} is one section; write [{name}], once, in single brackets.")
        return {}
    return _values(f"[{name}]", (name,), table, SECTIONS[name], problems)


def _entries(name: str, tables: object, problems: Problems) -> dict[int, Values]:
    """The entries of a repeated table that have a name, by their position."""
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        problems.add((name,), f"{name} may come many times; write [[{name}]], in double brackets, for each.")
        return {}
    key = NAMED_BY[name]
    entries = {}
    for i, table in enumerate(tables):
        label = f"[[{name}]] {shown(table[key])}" if key in table else f"[[{name}]] number {i + 1}"
        values = _values(label, (name, i), table, ENTRIES[name], problems)
        if name == "models":
            _check_price(label, (name, i), table, problems)
        needed, written = NEEDS.get(name, (key, '"…"'))
        if key not in table:
            problems.add((name, i), f'{label} has no {key}; add {key} = "…".')
        elif needed not in table:
            problems.add((name, i), f"{label} has no {needed}; add {needed} = {written}.")
        elif key in values and needed in values:
            entries[i] = values
    return entries


def _values(
    label: str,
    path: Path,
    table: Mapping[str, object],
    checks: Mapping[str, Check],
    problems: Problems,
) -> Values:
    values = {}
    for key, value in table.items():
        if key in checks:
            try:
                values[key] = checks[key](value)
            except Refused as refusal:
                problems.add((*path, key, *refusal.at), f"{key} in {label} {refusal}")
        elif key.lower() in SECRETS:
            problems.add(
                (*path, key),
                f"{key} in {label} would keep a secret in the file; put it into an environment variable "
                'and name that in [[upstreams]], api_key_env = "NAME".',
            )
        else:
            problems.add((*path, key), f'{label} has no key "{key}"; {nearest(key, checks)}')
    return values


def _check_price(label: str, path: Path, table: Mapping[str, object], problems: Problems) -> None:
    missing = [side for side in ("input", "output") if f"usd_per_million_{side}" not in table]
    if len(missing) == 1:
        problems.add(path, f"{label} has half a price; add usd_per_million_{missing[0]}.")


def _check_count(data: Mapping[str, object], problems: Problems) -> None:
    models = data.get("models", [])
    if models == []:
        problems.add((), "no model is declared; add [[models]] with an id, or start from `banditroute init`.")
    elif isinstance(models, list) and len(models) > MAX_MODELS:
        problems.add(
            ("models", MAX_MODELS), f"at most {MAX_MODELS} models can be declared, not {len(models)}."
        )


def _reward(values: Values, problems: Problems) -> RewardSettings:
    error_quality = values.pop("error_quality", RewardSettings().error_quality)
    weights = Weights(**values)
    if not any(astuple(weights)):
        problems.add(
            ("reward",),
            "every weight in [reward] is 0, so no model is better than another; give at least one above 0.",
        )
    return RewardSettings(weights=weights, error_quality=error_quality)


def _model(i: int, values: Values, upstreams: list[str], problems: Problems) -> Model:
    """A model with its prices per token, at its upstream: the only one, unless it names one."""
    label = f'[[models]] "{values["id"]}"'
    if "upstream" not in values and len(upstreams) > 1:
        problems.add(
            ("models", i), f'{label} does not say which of the upstreams serves it; add upstream = "…".'
        )
    provider = values.pop("upstream", upstreams[0] if len(upstreams) == 1 else "")
    prices = [values.pop(f"usd_per_million_{side}", None) for side in ("input", "output")]
    per_token = [None if price is None else price / 1e6 for price in prices]
    for key in ("capabilities", "tags"):
        values[key] = frozenset(values.get(key, ()))
    return Model(
        provider=provider, usd_per_input_token=per_token[0], usd_per_output_token=per_token[1], **values
    )
