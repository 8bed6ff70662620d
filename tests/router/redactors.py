"""Redactors that a configuration may name."""

from __future__ import annotations

NUMBER = 1


def shout(text: str) -> str:
    return text.upper()


def fail(text: str) -> str:
    raise ValueError("no idea what to do")


def nothing(text: str) -> object:
    return None
