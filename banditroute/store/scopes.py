"""What API keys are good for: scopes, and the sources of feedback that they let a key claim."""

from __future__ import annotations

from collections.abc import Sequence

from banditroute.errors import RequestError
from banditroute.types import JUDGE

SCOPES = {
    "route": "ask which model to use",
    "feedback": "report what people and measurements say",
    "judge": "report what a judge says",
    "admin": "change what the service does, and read",
    "read": "read receipts, state, reports and documents",
}
"""What a key may be good for; each scope stands for itself."""

SOURCES = {"feedback": ("user", "metric"), "judge": ("judge",)}
"""Scope -> the sources of feedback that it lets a key speak for."""

LONGEST_NAME = 200

RESERVED = frozenset({JUDGE, "meter", "banditroute"})
"""Names in which the service's own workers speak. A key of such a name speaks as its name and id."""


def check(name: str, scopes: Sequence[str], requests_per_minute: float | None) -> None:
    """Refuses what no key can be: a name, scopes or a rate. Raises RequestError."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise RequestError(
            f"A key's name must be 1 to {LONGEST_NAME} printable characters without a space at either end.",
            param="name",
        )
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise RequestError(
            f"There is no scope `{unknown[0]}`; choose from {', '.join(SCOPES)}.", param="scope"
        )
    if not scopes:
        raise RequestError(f"A key needs a scope; choose from {', '.join(SCOPES)}.", param="scope")
    if requests_per_minute is not None and not 0 <= requests_per_minute < float("inf"):
        raise RequestError(
            "The rate of a key must be a number of requests per minute, or 0 for no limit.",
            param="requests_per_minute",
        )


def claimable(scopes: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The sources a key may claim: those that its scopes allow, or fewer where fewer are wanted.

    Raises RequestError for a source that there is not, or that the scopes do not allow.
    """
    allowed = [source for scope in scopes for source in SOURCES.get(scope, ())]
    for source in wanted:
        needed = next((scope for scope, spoken in SOURCES.items() if source in spoken), None)
        if needed is None:
            known = ", ".join(source for spoken in SOURCES.values() for source in spoken)
            raise RequestError(f"There is no source `{source}`; choose from {known}.", param="source")
        if source not in allowed:
            raise RequestError(
                f"Only a key with the scope {needed} may claim the source {source}; give it that scope too.",
                param="source",
            )
    return tuple(source for source in allowed if not wanted or source in wanted)
