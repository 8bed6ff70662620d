"""What somebody without a log knows of their traffic: requests and tokens per class, and who answers now."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from banditroute.config.checks import nearest
from banditroute.config.parse import parse_toml
from banditroute.errors import ConfigError, LogError

COLUMNS = ("request_class", "requests", "input_tokens", "output_tokens", "model")
MONTHS = {"day": 365.25 / 12, "week": 365.25 / 12 / 7, "month": 1.0, "year": 1 / 12}
"""How many of each period a month has."""

LARGEST = 1e12


@dataclass(frozen=True, slots=True)
class Usage:
    """So many requests a month of a class, of a mean size in tokens, that one model answers now.

    A class that several models answer has one `Usage` for each.
    """

    request_class: str
    requests: float
    input_tokens: float
    output_tokens: float
    model: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """All usage, and the qualities in [0, 1] that are known of models: `{class: {model: quality}}`. `source`
    says in a sentence which qualities those are."""

    usage: tuple[Usage, ...]
    quality: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    source: str = "you gave"


def read_usage(path: Path, period: str | None = None) -> Traffic:
    """Reads a CSV or TOML file; its numbers of requests are per `period`, a month by default.

    Raises LogError with the row that is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LogError(f"There is no file {path}; check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise LogError(f"{path} cannot be read: {reason}; give a CSV or TOML file.") from None
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".toml"):
        raise LogError(f"{path.name} has an extension that is not known; usage is a .csv or a .toml file.")
    data = _csv(path, text) if suffix == ".csv" else _toml(path, text)
    period = period or data.get("period", "month")
    if period not in MONTHS:
        raise LogError(f'{path}: the period "{period}" is not known; write one of {", ".join(MONTHS)}.')
    rows = data.get("usage")
    if not isinstance(rows, list) or not rows:
        raise LogError(f"{path} has no usage; give a row (in TOML a [[usage]] table) for every class.")
    usage = tuple(_usage(f"{path}, row {n}", row, period) for n, row in enumerate(rows, 1))
    return Traffic(usage, _quality(path, data.get("quality", {}), {one.request_class for one in usage}))


def one_class(
    requests: float, input_tokens: float, output_tokens: float, model: str, period: str = "month"
) -> Traffic:
    """Traffic of a single kind."""
    row = dict(zip(COLUMNS, ("all", requests, input_tokens, output_tokens, model), strict=True))
    return Traffic((_usage("The usage", row, period),))


def _csv(path: Path, text: str) -> dict[str, Any]:
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS[1:] if name not in (reader.fieldnames or ())]
    if missing:
        raise LogError(f"{path} has no column {' or '.join(missing)}; the columns are {', '.join(COLUMNS)}.")
    return {"usage": list(reader)}


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        data = parse_toml(text, path)
    except ConfigError as error:
        raise LogError(str(error)) from None
    known = ("period", "usage", "quality")
    for name in data:
        if name not in known:
            raise LogError(f'{path}: there is no section "{name}"; {nearest(name, known)}')
    return data


def _usage(label: str, row: object, period: str) -> Usage:
    if not isinstance(row, Mapping):
        raise LogError(f"{label} is no table; write [[usage]] with {', '.join(COLUMNS)}.")
    for name in row:
        if name not in COLUMNS:
            known = nearest(str(name), COLUMNS)
            raise LogError(f"{label} has more cells than columns, or a {name!r} that is not known; {known}")
    model = str(row.get("model") or "").strip()
    if not model:
        raise LogError(f"{label} has no model; name the one that answers these requests now.")
    requests, read, written = (_number(label, name, row.get(name)) for name in COLUMNS[1:4])
    if requests <= 0:
        raise LogError(f"{label} has no requests; leave the row out, or give a number above 0.")
    name = str(row.get("request_class") or "").strip() or "all"
    return Usage(name, requests * MONTHS[period], read, written, model)


def _number(label: str, name: str, value: object) -> float:
    try:
        number = float(str(value).replace("_", "").replace(",", ""))
    except ValueError:
        number = math.nan
    if value is None or isinstance(value, bool) or not 0 <= number <= LARGEST:
        shown = "nothing" if value in (None, "") else repr(value)
        raise LogError(f"{label} has {shown} for {name}; write a number from 0 to {LARGEST:,.0f}.")
    return number


def _quality(path: Path, given: object, classes: set[str]) -> dict[str, dict[str, float]]:
    if not isinstance(given, Mapping):
        raise LogError(f"{path}: quality is a table per class; write [quality.CLASS] with MODEL = 0.9.")
    known: dict[str, dict[str, float]] = {}
    for name, models in given.items():
        if name not in classes:
            raise LogError(f"{path}: [quality.{name}] is of no class here; {nearest(name, sorted(classes))}")
        if not isinstance(models, Mapping):
            raise LogError(f"{path}: quality of {name} is no table; write [quality.{name}] with MODEL = 0.9.")
        known[name] = {}
        for model, quality in models.items():
            if not isinstance(quality, int | float) or not 0 <= quality <= 1:
                raise LogError(
                    f"{path}: the quality of {model} in {name} must be from 0 to 1, not {quality!r}."
                )
            known[name][model] = float(quality)
    return known
