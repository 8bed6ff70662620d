"""Reads the configuration: a TOML file, environment variables over it, every value checked.

Whatever is wrong is told at once, one sentence each: where, what, and what to write instead.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from banditroute.config.build import build
from banditroute.config.environment import misspelt_variables, override, overriding_variables
from banditroute.config.lines import key_lines
from banditroute.config.prices import is_priced, with_list_price
from banditroute.config.problems import Problems
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError
from banditroute.types import Model

DEFAULT_PATH = Path("banditroute.toml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, with what a person should know of them.

    `list_priced` are the models whose price is not the file's own; `warnings` are sentences about
    what works, but perhaps not as meant; `problems` tells the place of what is found wrong later.
    """

    settings: Settings
    list_priced: frozenset[str]
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
    data = _parse(text, path)
    problems = Problems(str(path), key_lines(text), overriding_variables(env))
    override(data, env, problems)
    settings = build(data, problems)
    problems.raise_any()
    upstreams = {upstream.name: upstream for upstream in settings.upstreams}
    models = tuple(with_list_price(model, upstreams[model.provider]) for model in settings.models)
    listed = {
        new.id for old, new in zip(settings.models, models, strict=True) if is_priced(new) != is_priced(old)
    }
    settings = replace(settings, path=path.resolve(), models=models)
    settings = replace(settings, store=replace(settings.store, url=_beside(settings.store.url, path)))
    return Loaded(settings, frozenset(listed), tuple(_warnings(settings, env)), problems)


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


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        what = found[1] if found else str(error)
        line = int(found[2]) if found and found[2] else text.count("\n") + 1
        twice = "Cannot overwrite" in what or "twice" in what
        remedy = (
            "the key or table is there already: keep one of the two"
            if twice
            else 'write `key = value`, with text in "quotes" and lists in [square brackets]'
        )
        raise ConfigError(f"{path}:{line}: this is not valid TOML ({what}); {remedy}.") from None


def _beside(url: str, path: Path) -> str:
    """A relative SQLite path made relative to the configuration file."""
    scheme, _, rest = url.partition(":///")
    if not scheme.startswith("sqlite") or not rest or rest.startswith(("/", ":memory:", "file:")):
        return url
    return f"{scheme}:///{path.resolve().parent / rest}"


def _warnings(settings: Settings, env: Mapping[str, str]) -> list[str]:
    warnings = misspelt_variables(env)
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
