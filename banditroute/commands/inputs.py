"""What a verb reads: files that were named, and those that a configuration or a scenario names in turn."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from banditroute.config.load import DEFAULT_PATH

OUTPUTS = ("out", "plot", "plot_path", "fit_path")
"""Parameters that are paths and are written, not read."""

_RULES = re.compile(r"rules:\s*([^,}\s]+)")
"""A file of rules within the name of a policy."""

_EVENT_LOG = re.compile(r"sqlite:/{3}([^?]+)")


def files_read() -> Iterator[Path]:
    """What the verb under way reads: every path among its arguments and options that is no output, and the
    files that policies, the configuration or a scenario name. Nothing outside a verb."""
    context = click.get_current_context(silent=True)
    if context is None:
        return
    given = {name: value for name, value in context.params.items() if name not in OUTPUTS}
    renews = context.info_name == "fit"  # the prior of a configuration is what it makes anew
    paths = [value for value in given.values() if isinstance(value, Path)]
    for path in paths:
        yield from _with_named(path, but_prior=renews)
    for value in given.values():
        if isinstance(value, tuple):
            yield from _files((one for one in value if isinstance(one, str)), Path())
    if "config" in given and given["config"] is None:
        yield DEFAULT_PATH
        if not paths:  # verbs that are given a log read no configuration that they are not told of
            yield from _with_named(DEFAULT_PATH)


def _with_named(path: Path, *, but_prior: bool = False) -> Iterator[Path]:
    """The path, and if it is a configuration or a scenario, the files in it; on request without the prior."""
    path = _scenario(path)
    yield path
    if path.suffix.lower() == ".toml" and _is_file(path):
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):  # who reads it next says what is wrong with it
            return
        if but_prior and isinstance(found.get("policy"), dict):
            found["policy"].pop("prior", None)
        yield from _files(_texts(found), path.parent)


def _scenario(path: Path) -> Path:
    """The file of a scenario that ships, where its name was given."""
    if path.suffix or path.exists():
        return path
    from banditroute.offline.worlds.reading import shipped

    return shipped().get(str(path), path)


def _texts(value: object) -> Iterator[str]:
    """Every string in a TOML document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _files(texts: Iterable[str], folder: Path) -> Iterator[Path]:
    """The files that texts name, relative to a folder."""
    for text in texts:
        if "\0" in text or "\n" in text:
            continue
        for name in (text, *_RULES.findall(text), *_EVENT_LOG.findall(text)):
            if _is_file(file := folder / name):
                yield file


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a text that can be no name of one is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or in a folder that may not be looked into
        return False
