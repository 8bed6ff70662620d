"""What people write beside a log: `a=b,c=d` pairs, and weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from banditroute.config.priors import Prior
from banditroute.errors import LogError
from banditroute.offline.logs.files import suggestion
from banditroute.types import Weights

WEIGHTS = ("quality", "usd", "second")
"""Names of the weights that a log can be scored with."""


def parse_pairs(text: str, option: str) -> dict[str, str]:
    """`a=b,c=d` as a mapping. `option` names where it was written, for the refusal."""
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise LogError(f"{option} takes name=value pairs with commas between them; '{part}' is none.")
        if name in pairs:
            raise LogError(f"{option} names '{name}' twice; keep one.")
        pairs[name] = value
    return pairs


def parse_names(text: str, option: str) -> tuple[str, ...]:
    """`a,b` as names, each once."""
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise LogError(f"{option} takes names with commas between them, each once; '{text}' is not that.")
    return tuple(names)


def parse_scale(text: str) -> tuple[float, float]:
    """`1:5` as the worst and the best score there can be."""
    try:
        worst, best = (float(end) for end in text.split(":"))
    except ValueError:
        worst = best = math.nan
    if not (abs(worst) <= LARGEST and abs(best) <= LARGEST and worst != best):
        raise LogError(
            f"--scale takes the worst and the best score, as in --scale 1:5; '{text}' is not that."
        )
    return worst, best


def one_or_several(names: Sequence[str] | str | None, what: str) -> list[str]:
    """Names, each once; a single one may stand alone, None for none. `what` they are, for the refusal."""
    if names is None or isinstance(names, str):
        return [] if names is None else [names]
    given = list(names) if isinstance(names, Iterable) else [names]
    if not given:
        raise LogError(f"{what} are an empty list; name at least one, or leave them out for the default.")
    if not all(isinstance(name, str) for name in given):
        raise LogError(f"{what} are {names!r}; give a name, or a list of names.")
    return list(dict.fromkeys(given))


def check_seeds(seeds: object, **others: object) -> None:
    """Refuses a number of `seeds` that is none, and what is no seed among the `others`, by their names."""
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= 10_000:
        raise LogError(f"The number of seeds is {seeds}; write a whole number from 1 to 10000.")
    for name, seed in others.items():
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise LogError(f"{name} is {seed!r}; a seed is a whole number from 0 on.")


def check_prior(prior: object) -> None:
    """Refuses what is neither a prior nor the path of one."""
    if prior is not None and not isinstance(prior, Prior | str | Path):
        raise LogError(f"The prior is {prior!r}; give one that fit made, or the path of its file.")


def refuse_reading(columns: object, where: object, features: object, skip_bad: bool) -> None:
    """Refuses, for a log in memory, the options that say how a file is read: they would do nothing."""
    if columns or where or features or skip_bad:
        raise LogError(
            "columns, where, features and skip_bad say how a file is read, and this log is in memory; give "
            "them to read_log."
        )


LARGEST = 1e9
"""The largest weight, as in a configuration."""


def parse_weights(given: Weights | Mapping[str, object] | None, default: Weights) -> Weights:
    """The weights to score with. What a mapping does not name keeps its default."""
    if given is not None and not isinstance(given, Weights | Mapping):
        raise LogError(f"The weights are {given!r}; give them by name, as {{'quality': 1, 'usd': 20}}.")
    if given is None:
        weights = default
    elif isinstance(given, Weights):
        weights = given
    else:
        weights = replace(default, **{name: _weight(name, value) for name, value in given.items()})
    for name in WEIGHTS:
        _weight(name, getattr(weights, name))
    if weights.ttft_second:
        raise LogError(
            "A log has no time to first token, so it cannot be weighed in a replay; set ttft_second to 0."
        )
    return weights


def _weight(name: str, value: object) -> float:
    if name not in WEIGHTS:
        raise LogError(
            f"--weights names '{name}'; the weights are {', '.join(WEIGHTS)}.{suggestion(name, WEIGHTS)}"
        )
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= LARGEST:
        raise LogError(
            f"The weight {name}={value} is not a number from 0 to {LARGEST:,.0f}; write {name}=1, say."
        )
    return number


def reward_in_words(weights: Weights) -> str:
    """The reward as people read it: `quality − 3.33·USD`."""
    parts = ((weights.quality, "quality"), (-weights.usd, "USD"), (-weights.second, "seconds"))
    terms = [
        ("− " if weight < 0 else "+ ") + ("" if abs(weight) == 1 else f"{abs(weight):g}·") + name
        for weight, name in parts
        if weight
    ]
    return " ".join(terms).removeprefix("+ ")
