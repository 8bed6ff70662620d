"""Reads the configuration: a TOML file, environment variables over it, every value checked.

Whatever is wrong is told at once, one sentence each: where, what, and what to write instead.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from banditroute.config.address import beside, log_file
from banditroute.config.build import build
from banditroute.config.environment import misspelt_variables, override, overriding_variables
from banditroute.config.lines import key_lines
from banditroute.config.parse import parse_toml
from banditroute.config.prices import is_priced, with_list_price
from banditroute.config.priortable import SHIPPED, PriorTable, read_prior_table, with_prior_table
from banditroute.config.problems import Problems
from banditroute.config.settings import SHIPPED_TABLE, Settings
from banditroute.errors import ConfigError
from banditroute.types import Model

DEFAULT_PATH = Path("banditroute.toml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, with what a person should know of them.

    `list_priced` are the models whose price is not the file's own, `table_priors` those whose prior quality
    is that of the table `priors`; `warnings` are sentences about what works, but perhaps not as meant;
    `problems` tells the place of what is found wrong later.
    """

    settings: Settings
    list_priced: frozenset[str]
    table_priors: frozenset[str]
    priors: PriorTable | None
    warnings: tuple[str, ...]
    problems: Problems


def load_settings(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a file (`banditroute.toml` here, if none is named) under an environment.

    Raises ConfigError with a sentence for every problem found.
    """
    return load(path, env).settings


def load(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Loaded:
    """As `load_settings`, together with warnings."""
    path = DEFAULT_PATH if path is None else path
    text = _read(path)
    data = parse_toml(text, path)
    problems = Problems(str(path), key_lines(text), overriding_variables(env))
    override(data, env, problems)
    settings = build(data, problems)
    problems.raise_any()
    settings = _with_prior(_placed(settings, path.resolve(), problems), problems)
    upstreams = {upstream.name: upstream for upstream in settings.upstreams}
    models = tuple(with_list_price(model, upstreams[model.provider]) for model in settings.models)
    listed = {
        new.id for old, new in zip(settings.models, models, strict=True) if is_priced(new) != is_priced(old)
    }
    priors = _prior_table(settings, problems)
    settings, supplied = _with_table(replace(settings, models=models), priors)
    warnings = tuple(_warnings(settings, env))
    return Loaded(settings, frozenset(listed), supplied, priors, warnings, problems)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; write one with `banditroute init {path}`, "
            "or name another with --config."
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: this is not UTF-8 text; save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a readable file with --config."
        ) from None


def _placed(settings: Settings, path: Path, problems: Problems) -> Settings:
    """The settings with their own place, and a relative event log beside it."""
    url = beside(settings.store.url, path.parent)
    file = log_file(url)
    if file is not None and os.path.isdir(file):  # unlike Path.is_dir, no error where it cannot look
        problems.add(("store", "url"), f"url in [store] names the folder {file}; name a file in it.")
        problems.raise_any()
    return replace(settings, path=path, store=replace(settings.store, url=url))


def _with_prior(settings: Settings, problems: Problems) -> Settings:
    """The settings with the prior that they name, read."""
    if settings.policy.prior is None or settings.path is None:
        return settings
    from banditroute.config.priorfile import read_prior

    try:
        return replace(settings, prior=read_prior(settings.path.parent / settings.policy.prior))
    except ConfigError as error:
        problems.add(("policy", "prior"), f"prior in [policy]: {error}")
        problems.raise_any()
        raise


def _prior_table(settings: Settings, problems: Problems) -> PriorTable | None:
    """The table of prior qualities that the settings name, read; None where no model needs one."""
    name = settings.policy.prior_table
    if not name or all(model.prior_quality is not None for model in settings.models):
        return None
    folder = settings.path.parent if settings.path else Path()
    try:
        return read_prior_table(SHIPPED if name == SHIPPED_TABLE else folder / name)
    except ConfigError as error:
        problems.add(("policy", "prior_table"), f"prior_table in [policy]: {error}")
        problems.raise_any()
        raise


def _with_table(settings: Settings, priors: PriorTable | None) -> tuple[Settings, frozenset[str]]:
    """The settings with the table's priors, and the models that have one from it."""
    if priors is None:
        return settings, frozenset()
    classes = [declared.name for declared in settings.classes]
    models = with_prior_table(settings.models, priors, settings.policy.prior_quality, classes)
    supplied = {
        new.id
        for old, new in zip(settings.models, models, strict=True)
        if new.prior_quality != old.prior_quality
    }
    return replace(settings, models=models), frozenset(supplied)


def _warnings(settings: Settings, env: Mapping[str, str]) -> list[str]:
    warnings = misspelt_variables(env)
    file = log_file(settings.store.url)
    if file is not None and not os.path.isdir(file.parent):
        warnings.append(
            f"the folder {file.parent} of the event log does not exist, or is closed to this user; "
            "make it before serving."
        )
    if settings.experiments and settings.policy.mode != "live":
        warnings.append(
            f"the mode is {settings.policy.mode}, so no experiment applies; they go on where they were once "
            'mode in [policy] is "live".'
        )
    warnings += [_unpriced(model) for model in settings.models if not is_priced(model)]
    warnings += [
        f"upstream {upstream.name}: the environment variable {upstream.api_key_env} is not set; "
        "calls to it will be refused."
        for upstream in settings.upstreams
        if upstream.api_key_env and not env.get(upstream.api_key_env)
    ]
    return warnings


def _unpriced(model: Model) -> str:
    return (
        f"model {model.id}: its price is in neither the file nor the price list, so it counts as free "
        "until costs are reported; set usd_per_million_input and usd_per_million_output."
    )
