"""Redactors that a configuration may name."""

from __future__ import annotations

import threading

NUMBER = 1
SEEN: list[str] = []
RELEASE = threading.Event()


def shout(text: str) -> str:
    return text.upper()


def fail(text: str) -> str:
    raise ValueError("no idea what to do")


def nothing(text: str) -> object:
    return None


def watch(text: str) -> str:
    SEEN.append(text)
    return text


def hang(text: str) -> str:
    SEEN.append(text)
    RELEASE.wait(60.0)
    return text


def hang_at_some(text: str) -> str:
    return hang(text) if "hang" in text else text
