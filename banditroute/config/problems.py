"""Collects everything that is wrong with a configuration, each with its place, to be told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from banditroute.config.lines import Path, line_of
from banditroute.errors import ConfigError


@dataclass(slots=True)
class Problems:
    """Sentences about values, sorted by where the values stand.

    `variables` names the environment variable that a value came from, where it did.
    """

    file: str
    lines: Mapping[Path, int]
    variables: Mapping[Path, str]
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, path: Path, sentence: str) -> None:
        """Notes one problem of the value at `path`."""
        variable = self._variable(path)
        line = line_of(path, self.lines)
        if variable is not None:
            self.found.append((0, f"environment variable {variable}: {sentence}"))
        elif line is None:
            self.found.append((0, f"{self.file}: {sentence}"))
        else:
            self.found.append((line, f"{self.file}:{line}: {sentence}"))

    def _variable(self, path: Path) -> str | None:
        """The variable that gave this value, or a part of it where the file gives none."""
        below = (name for key, name in self.variables.items() if key[: len(path)] == path)
        return self.variables.get(path) or (next(below, None) if path not in self.lines else None)

    def raise_any(self) -> None:
        """Refuses the configuration if anything was found."""
        if self.found:
            sentences = [sentence for _, sentence in sorted(self.found, key=lambda problem: problem[0])]
            raise ConfigError("\n".join(dict.fromkeys(sentences)))
