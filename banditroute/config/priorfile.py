"""Prior files: JSON that people can read, checked when it is read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from banditroute.config.priors import PRIOR_VERSION, ModelHistory, Prior
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError
from banditroute.types import FACTORS, OTHER

_AGAIN = "make it again with `banditroute fit LOG -o PRIOR`"
_EXACT = 1e-6  # how far sums may differ that must be equal, relative to their size


class _Head(msgspec.Struct):
    banditroute_prior: int


def sealed(prior: Prior) -> Prior:
    """The prior with the digest of what it says."""
    content = msgspec.json.encode(replace(prior, digest=""), order="deterministic")
    return replace(prior, digest=hashlib.blake2b(content, digest_size=16).hexdigest())


def write_prior(prior: Prior, path: Path) -> None:
    """Writes a prior as JSON. Raises ConfigError where the file cannot be written."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(prior), indent=1) + b"\n")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); name a file in a folder that exists."
        ) from error


def read_prior(path: Path) -> Prior:
    """Reads a prior. Raises ConfigError with what is wrong and what to do about it."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such prior; {_AGAIN}.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); name a readable prior.") from error
    try:
        version = msgspec.json.decode(text, type=_Head).banditroute_prior
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a prior ({error}); {_AGAIN}.") from None
    if version != PRIOR_VERSION:
        raise ConfigError(
            f"{path} is a prior of version {version}, and this is version {PRIOR_VERSION}; {_AGAIN}."
        )
    try:
        prior = msgspec.json.decode(text, type=Prior)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is a damaged prior ({error}); {_AGAIN}.") from None
    wrong = next(_wrong(prior), None)
    if wrong:
        raise ConfigError(f"{path} is a damaged prior: {wrong}; {_AGAIN}.")
    return sealed(prior)


def _wrong(prior: Prior) -> Iterator[str]:
    """What cannot be right about a prior, in words."""
    if not prior.classes or prior.classes[-1] != OTHER or len(set(prior.classes)) < len(prior.classes):
        yield f'its classes are not distinct names that end with "{OTHER}"'
    names = [name for name, _, _ in prior.features]
    if len(set(names)) < len(names) or any(not (math.isfinite(c) and s > 0.0) for _, c, s in prior.features):
        yield "its features are not distinct names with a center and a positive scale"
    if prior.embedding < 0 or prior.requests < 0:
        yield "its embedding or its requests are negative"
    for name, factor in prior.factors.items():
        if name not in FACTORS:
            yield f"{name} is no factor"
        if not (factor.trust >= 0.0 and math.isfinite(factor.trust) and math.isfinite(factor.center)):
            yield f"trust or center of {name} is no number"
        for model, history in factor.models.items():
            if not _fits(prior, history):
                yield f"the sums of {name} of {model} do not fit its {prior.size} coordinates"
            elif not 0.0 <= history.common <= 1.0:
                yield f"what {name} of {model} has in common with other models is no share"
            elif not _consistent(history, len(prior.classes)):
                yield f"the sums of {name} of {model} are those of no outcomes"


def _fits(prior: Prior, history: ModelHistory) -> bool:
    d, c = prior.size, len(prior.classes)
    return (
        len(history.xy) == len(history.xx) == d
        and all(len(row) == d for row in history.xx)
        and len(history.cells) == c
        and all(len(row) == 3 for row in history.cells)
    )


def _consistent(history: ModelHistory, classes: int) -> bool:
    """Whether sums could be those of outcomes: finite, symmetric, the classes adding up to all."""
    numbers = [
        *history.xy,
        *(v for row in history.xx for v in row),
        *(v for row in history.cells for v in row),
    ]
    if not all(map(math.isfinite, [*numbers, history.outcomes, history.mean])):
        return False
    xx, diagonal = history.xx, [row[i] for i, row in enumerate(history.xx)]
    size = max([1.0, *diagonal])
    return (
        min(diagonal) >= 0.0
        and all(
            abs(value - xx[j][i]) <= _EXACT * size
            and value * value <= (1.0 + _EXACT) * diagonal[i] * diagonal[j] + _EXACT
            for i, row in enumerate(xx)
            for j, value in enumerate(row)
        )
        and abs(sum(diagonal[1 : 1 + classes]) - diagonal[0]) <= _EXACT * size
        and all(abs(xx[0][1 + g] - diagonal[1 + g]) <= _EXACT * size for g in range(classes))
        and all(cell[2] >= (1.0 - _EXACT) * diagonal[1 + g] for g, cell in enumerate(history.cells))
        and all(
            history.xy[1 + g] ** 2 <= (1.0 + _EXACT) * diagonal[1 + g] * cell[0] + _EXACT
            for g, cell in enumerate(history.cells)
        )
    )


def with_prior(settings: Settings, prior: Prior | str | Path | None) -> Settings:
    """The settings with another prior, given or read from a file; as they are where there is none."""
    if prior is None:
        return settings
    return replace(settings, prior=prior if isinstance(prior, Prior) else read_prior(Path(prior)))
