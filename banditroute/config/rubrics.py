"""Rubrics: what a judge goes by, as data with a version, in TOML files shipped or of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from banditroute.config.checks import Check, Refused, nearest, one_of, text, whole
from banditroute.config.settings import Settings
from banditroute.errors import ConfigError

SHIPPED = ("pointwise", "pairwise")

Kind = Literal["pointwise", "pairwise"]

_FOLDER = Path(__file__).parent / "shipped"

_KEYS: Mapping[str, Check] = {
    "name": text(longest=60, pattern=r"[\w.-]+", shape="one word of letters, digits and . _ -"),
    "version": whole(1, 10**6),
    "kind": one_of("pointwise", "pairwise"),
    "instructions": text(),
    "max_output_tokens": whole(50, 10**5),
}


@dataclass(frozen=True, slots=True)
class Rubric:
    """What a judge goes by: `pointwise`, it scores one answer, or `pairwise`, it compares two.

    `label` names it in the instrument's name. A judge's `instructions` are followed by the form of the
    question, which is the same for all (`banditroute.judge.questions`).
    """

    name: str
    version: int
    kind: Kind
    instructions: str
    max_output_tokens: int
    shipped: bool = False

    @property
    def label(self) -> str:
        """`NAME-VERSION`; of a rubric that is not shipped with a digest of its words: scores under other
        words are those of another instrument, also where nobody raised the version."""
        if self.shipped:
            return f"{self.name}-{self.version}"
        words = blake2b(f"{self.kind}\n{self.instructions.strip()}".encode(), digest_size=3).hexdigest()
        return f"{self.name}-{self.version}+{words}"


def load_rubric(name: str, folder: Path | None = None) -> Rubric:
    """The shipped rubric of that name, or the one in a file (relative to `folder`).

    Raises ConfigError where there is none, or where it is no rubric.
    """
    shipped = name in SHIPPED
    path = _FOLDER / f"{name}.toml" if shipped else (folder or Path()) / name
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f'There is no rubric "{name}"; write pointwise, pairwise, or the path of a rubric file.'
        ) from None
    except OSError as error:
        raise ConfigError(f"The rubric {path} cannot be read ({error.strerror}); see its rights.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"The rubric {path} is not TOML ({error}); see docs/judge.md for its form."
        ) from None
    return Rubric(**_checked(data, path), shipped=shipped)


def configured_rubric(settings: Settings) -> Rubric:
    """The rubric that `[judge]` names; a path is relative to the configuration file."""
    return load_rubric(settings.judge.rubric, settings.path.parent if settings.path else None)


def instrument_name(settings: Settings) -> str:
    """`MODEL/RUBRIC-VERSION`, the rater of the judge's outcomes; empty without a judge."""
    return f"{settings.judge.model}/{configured_rubric(settings).label}" if settings.judge.model else ""


def _checked(data: Mapping[str, object], path: Path) -> dict[str, Any]:
    for key in data:
        if key not in _KEYS:
            raise ConfigError(f'The rubric {path} has an unknown key "{key}"; {nearest(key, _KEYS)}')
    values = {}
    for key, check in _KEYS.items():
        if key not in data:
            raise ConfigError(f"The rubric {path} has no {key}; add it, as docs/judge.md shows.")
        try:
            values[key] = check(data[key])
        except Refused as refusal:
            raise ConfigError(f"{key} in the rubric {path} {refusal}") from None
    return values
