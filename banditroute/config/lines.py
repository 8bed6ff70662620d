"""Where each key of a TOML text stands, so that a refusal can name the line.

`tomllib` forgets positions. The scan below only has to understand text that `tomllib` has already
accepted: statements, table headers and how deep brackets nest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""The way to a value: `("models", 2, "tier")`."""

_TOKEN = re.compile(
    r'"{3}(?:\\.|[^\\])*?"{3,5}'
    r"|'{3}.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}=\n.,]"
    r"|[^\s\[\]{}=.,\#\"']+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every table header and every key that is not inside an inline value."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for line, tokens in _statements(text):
        if tokens[0] == "[":
            repeated = tokens[1] == "["
            names = _names(tokens, "]")
            table = (*_resolve(names[:-1], counts), names[-1])
            if repeated:
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, line)
                table += (counts[table],)
            else:
                table = _resolve(names, counts)
            lines.setdefault(table, line)
        else:
            path = table
            for name in _names(tokens, "="):
                path += (name,)
                lines.setdefault(path, line)
    return lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of a value, or of the nearest table around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Statements as their tokens, with the line each begins on."""
    tokens: list[str] = []
    line = start = 1
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n" and depth <= 0:
            if tokens:
                yield start, tokens
            tokens, depth = [], 0
        elif token != "\n" and not token.startswith("#"):
            if not tokens:
                start = line
            tokens.append(token)
            depth += (token in "[{") - (token in "]}")
        line += token.count("\n")
    if tokens:
        yield start, tokens


def _names(tokens: list[str], end: str) -> list[str]:
    """The dotted key that the tokens up to `end` spell."""
    names = [token for token in tokens[: tokens.index(end)] if token not in "[."]
    return [name[1:-1] if name[0] in "\"'" else name for name in names]


def _resolve(names: list[str], counts: Mapping[Path, int]) -> Path:
    """A header's names as a path: below a repeated table, they belong to its latest entry."""
    path: Path = ()
    for name in names:
        path += (name,)
        if path in counts:
            path += (counts[path],)
    return path
