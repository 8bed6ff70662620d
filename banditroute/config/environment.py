"""Environment variables over the file: `BANDITROUTE_SERVER__PORT=9000` is `[server] port = 9000`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from banditroute.config.checks import EnvironmentText
from banditroute.config.lines import Path
from banditroute.config.problems import Problems
from banditroute.config.schema import SECTIONS

PREFIX = "BANDITROUTE_"


def overriding_variables(env: Mapping[str, str]) -> dict[Path, str]:
    """The variables that name a value, by the path of the value.

    Variables without a double underscore are somebody else's: secrets, or what a platform sets.
    """
    names = (name for name in sorted(env) if name.startswith(PREFIX) and "__" in name)
    return {tuple(name.removeprefix(PREFIX).lower().split("__")): name for name in names}


def override(data: dict[str, Any], env: Mapping[str, str], problems: Problems) -> None:
    """Writes the variables' values into the parsed file."""
    for path, name in problems.variables.items():
        if path[0] not in SECTIONS:
            sections = ", ".join(SECTIONS)
            problems.add(
                path, f"only the sections {sections} can be overridden; change the rest in the file."
            )
            continue
        table: Any = data
        for key in path[:-1]:
            table = table.setdefault(key, {}) if isinstance(table, dict) else None
        if isinstance(table, dict) and "" not in path:
            table[path[-1]] = EnvironmentText(env[name])
        else:
            problems.add(path, "names nothing in the configuration; write it like BANDITROUTE_SERVER__PORT.")


def misspelt_variables(env: Mapping[str, str]) -> list[str]:
    """Warnings about variables that lack the second underscore, and so override nothing."""
    pairs = [(section.upper(), key.upper()) for section, keys in SECTIONS.items() for key in keys]
    meant = {f"{PREFIX}{section}_{key}": f"{PREFIX}{section}__{key}" for section, key in pairs}
    return [
        f"environment variable {name} has no effect; perhaps {meant[name]} is meant (two underscores)."
        for name in sorted(env)
        if name in meant
    ]
