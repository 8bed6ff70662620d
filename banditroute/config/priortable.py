"""The table of prior qualities: what to expect of models that nobody has tried here, from published results.

The shipped table (`shipped/prior-quality.toml`, dated, with its sources) holds benchmark results p in (0, 1).
They become a prior quality by a map that is increasing in each of them: with r the results of the table's
reference model and q₀ the quality expected of it (`[policy] prior_quality`),

    q = σ( logit q₀ + SLOPE · mean over benchmarks b of (logit p_b − logit r_b) )

In logits a benchmark's own difficulty drops out, and the mean goes over those that a model and the reference
both have. SLOPE is below 1, since scores of everyday answers differ less than those of examinations. For a
request class the mean goes over the benchmarks that speak for it, where there are any.

A table of one's own has the same form; instead of `scores` a model may have its `quality`, and by class in
`classes`, as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from banditroute.config.checks import Check, Refused, many, nearest, number, table, text
from banditroute.config.parse import parse_toml
from banditroute.errors import ConfigError
from banditroute.types import Model

SLOPE = 0.5
SHIPPED = Path(__file__).parent / "shipped" / "prior-quality.toml"

_name = text(longest=200)
_share = number(0, 1)
_TOP: Mapping[str, Check] = {
    "reference": _name,
    "classes": table(many(_name)),
    "sources": table(text()),
    "models": many(table(lambda value: value), unique=False),
}
_ENTRY: Mapping[str, Check] = {
    "names": many(_name),
    "sources": many(_name),
    "scores": table(number(0.1, 99.9)),
    "quality": _share,
    "classes": table(_share),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a table says of a model: its quality, and by request class where that differs."""

    quality: float
    by_class: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PriorTable:
    """A table as it was read. `entries` are by plain name (`plain_name`), `classes` in lower case."""

    path: Path
    updated: date
    reference: Mapping[str, float]
    classes: Mapping[str, tuple[str, ...]]
    entries: Mapping[str, Mapping[str, Any]]

    def expected(self, model: str, anchor: float, classes: Sequence[str]) -> Expected | None:
        """What to expect of a model by its name, in general and in each of `classes`; `anchor` is the quality
        expected of the reference. None for a model that the table does not have."""
        entry = self._entry(model)
        if entry is None:
            return None
        if "quality" in entry:
            own = {name.lower(): value for name, value in entry.get("classes", {}).items()}
            return Expected(
                entry["quality"], {name: own[key] for name in classes if (key := name.lower()) in own}
            )
        quality = self._mapped(entry["scores"], entry["scores"], anchor)
        by_class = {}
        for name in classes:
            benchmarks = self.classes.get(name.lower(), ())
            if any(benchmark in entry["scores"] for benchmark in benchmarks):
                by_class[name] = self._mapped(entry["scores"], benchmarks, anchor)
        return Expected(quality, by_class)

    def _entry(self, model: str) -> Mapping[str, Any] | None:
        """The entry of a model's very name, else of the name without the date of its version."""
        name = plain_name(model)
        return self.entries.get(name) or self.entries.get(
            re.sub(r"-(\d{8}|\d{4}-\d\d-\d\d|\d{4})$", "", name)
        )

    def _mapped(
        self, scores: Mapping[str, float], benchmarks: Sequence[str] | Mapping[str, float], anchor: float
    ) -> float:
        ahead = [_logit(scores[own]) - _logit(self.reference[own]) for own in benchmarks if own in scores]
        level = _logit(100.0 * anchor) + SLOPE * sum(ahead) / len(ahead)
        return round(1.0 / (1.0 + math.exp(-level)), 4)


def with_prior_table(
    models: Sequence[Model], source: PriorTable, anchor: float, classes: Sequence[str]
) -> tuple[Model, ...]:
    """The models with the table's priors where they have none of their own. `anchor` is the quality expected
    of the table's reference; a model is known by its `upstream_name`, else by its id."""
    return tuple(_with_prior(model, source, anchor, classes) for model in models)


def _with_prior(model: Model, source: PriorTable, anchor: float, classes: Sequence[str]) -> Model:
    if model.prior_quality is not None:
        return model
    found = source.expected(model.upstream_name or model.id, anchor, classes)
    if found is None:
        return model
    return replace(model, prior_quality=found.quality, prior_by_class=tuple(sorted(found.by_class.items())))


def plain_name(model: str) -> str:
    """A model's name without what providers wrap it in: `meta-llama/Llama-3.3-70B-Instruct-Turbo` and
    `llama-3-3-70b` are one."""
    name = model.lower().rsplit("/", 1)[-1].split(":")[0]
    name = re.sub(r"^meta-", "", name)
    name = (
        re.sub(r"(-(latest|instruct|chat|it|turbo|fp8|versatile))+$", "", name)
        if not name.startswith("gpt")
        else name
    )
    return re.sub(r"(?<=\d)\.(?=\d)", "-", name)


def read_prior_table(path: Path = SHIPPED) -> PriorTable:
    """The table in a file, by default the shipped one. Raises ConfigError where it is none."""
    try:
        data = parse_toml(path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise ConfigError(
            f"The prior table {path} cannot be read ({error.strerror}); "
            "see the path after prior_table in [policy]."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"The prior table {path} is not UTF-8 text; save the file as UTF-8.") from None
    updated = data.pop("updated", None)
    if not isinstance(updated, date):
        raise ConfigError(f"The prior table {path} does not say when it was made; add updated = 2026-01-31.")
    values = _checked(f"The prior table {path}", data, _TOP)
    entries: dict[str, Mapping[str, Any]] = {}
    for position, found in enumerate(values.get("models", ()), 1):
        label = f"Model {position} of the prior table {path}"
        entry = _checked(label, found, _ENTRY)
        if not entry.get("names") or ("quality" in entry) == ("scores" in entry):
            raise ConfigError(f"{label} needs names, and either quality or scores.")
        entries.update((plain_name(name), entry) for name in entry["names"])
    reference = entries.get(plain_name(values.get("reference", "")), {}).get("scores", {})
    _check_scores(path, entries, reference)
    classes = {name.lower(): marks for name, marks in values.get("classes", {}).items()}
    return PriorTable(path, updated, reference, classes, entries)


def _checked(label: str, data: Mapping[str, object], checks: Mapping[str, Check]) -> dict[str, Any]:
    values = {}
    for key, value in data.items():
        if key not in checks:
            raise ConfigError(f'{label} has an unknown key "{key}"; {nearest(key, checks)}')
        try:
            values[key] = checks[key](value)
        except Refused as refusal:
            raise ConfigError(f"{key}: {label} {refusal}") from None
    return values


def _check_scores(
    path: Path, entries: Mapping[str, Mapping[str, Any]], reference: Mapping[str, float]
) -> None:
    """Scores mean something beside those of the reference only."""
    for name, entry in entries.items():
        for benchmark in entry.get("scores", {}):
            if benchmark not in reference:
                raise ConfigError(
                    f'The prior table {path} has a score in "{benchmark}" for {name} and none for its '
                    "reference; name a reference that has one, or give the model's quality."
                )


def _logit(percent: float) -> float:
    share = min(max(percent / 100.0, 1e-6), 1.0 - 1e-6)
    return math.log(share / (1.0 - share))
