"""Remembering what is derived from configuration: by identity, since configuration is not hashable."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")

_KEPT = 32
"""Configurations and rule lists alive at once; a process has one or two, a test run a few more."""


def by_identity(function: Callable[[A], R]) -> Callable[[A], R]:
    """Computes `function(argument)` once per object. For immutable arguments only.

    The argument is kept beside its result, so its identity cannot be reused while it is remembered.
    """
    kept: dict[int, tuple[A, R]] = {}

    @wraps(function)
    def remembered(argument: A) -> R:
        found = kept.get(id(argument))
        if found is not None:
            return found[1]
        result = function(argument)
        if len(kept) >= _KEPT:
            kept.clear()
        kept[id(argument)] = (argument, result)
        return result

    return remembered
