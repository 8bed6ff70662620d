"""The scan for lines: it must agree with `tomllib` on which keys there are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest

from banditroute.config.lines import Path, key_lines, line_of
from banditroute.config.starter import starter_text

TRICKY = '''
title = "a # no comment [x]"   # a comment = here
"quoted.key" = 1
a.b.c = 2

[server]   # header
text = """
[not.a.table]
key = "no"
\\""" still
"""
raw = \'\'\'
x = [
\'\'\'

[[models]]
id = 'first'
tags = [
  "one",  # ]
  { deep = [1, 2], more = "}" },
]
[models.params]
max = 1
[[models.parts]]
n = 1
[[models.parts]]
n = 2

[[models]]
id = "second"
[models.params]
max = 2
'''


def _paths(value: object, at: Path = ()) -> Iterator[Path]:
    """Every key of parsed TOML that the scan promises to know: not inside inline lists."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (*at, key)
            yield from _paths(entry, (*at, key))
    elif isinstance(value, list) and at[-1] in ("models", "parts", "classes", "upstreams"):
        for i, entry in enumerate(value):
            yield (*at, i)
            yield from _paths(entry, (*at, i))


@pytest.mark.parametrize("text", [TRICKY, starter_text()], ids=["tricky", "starter"])
def test_every_key_is_found_and_no_other(text: str) -> None:
    known = key_lines(text)
    parsed = set(_paths(tomllib.loads(text)))
    assert set(known) <= parsed
    assert not [path for path in parsed if line_of(path, known) is None]


def test_lines_are_where_a_person_would_look() -> None:
    lines = key_lines(TRICKY)
    rows = TRICKY.splitlines()

    def row(*path: str | int) -> str:
        return rows[lines[path] - 1]

    assert row("title").startswith("title =")
    assert row("quoted.key").startswith('"quoted.key"')
    assert row("a", "b", "c").startswith("a.b.c")
    assert row("server").startswith("[server]")
    assert row("server", "raw").startswith("raw =")
    assert row("models", 0, "id") == "id = 'first'"
    assert row("models", 1, "id") == 'id = "second"'
    assert row("models", 0, "parts", 1, "n") == "n = 2"
    assert row("models", 1, "params", "max") == "max = 2"
    assert line_of(("models", 0, "tags", 1, "deep"), lines) == lines["models", 0, "tags"]
    assert line_of(("nowhere",), lines) is None
