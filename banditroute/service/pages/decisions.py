"""`/decisions`: the newest decisions, and those that somebody looks for."""

from __future__ import annotations

from urllib.parse import urlencode

from banditroute.service.pages.desk import Desk, Query, View
from banditroute.store.views import Where

PAGE = 50
"""Decisions on a page."""

FIELDS = ("text", "unit", "model", "class", "experiment", "variant")
"""What is searched by."""


def decisions_page(desk: Desk, query: Query) -> View:
    """A page of decisions, the newest first."""
    before = _number(query.get("before", ""))
    wanted = {name: query.get(name, "").strip() for name in FIELDS}
    rows = desk.views.recent(
        PAGE + 1,
        before_seq=before,
        where=Where(
            model=wanted["model"] or None,
            request_class=wanted["class"] or None,
            experiment=wanted["experiment"] or None,
            variant=wanted["variant"] or None,
        ),
        unit=wanted["unit"] or None,
        text=wanted["text"] or None,
    )
    shown, kept = rows[:PAGE], {name: value for name, value in wanted.items() if value}
    settings = desk.settings
    return View(
        "Decisions",
        "decisions.html",
        {
            "rows": shown,
            "wanted": wanted,
            "searching": bool(kept),
            "before": before,
            "older": urlencode(kept | {"before": str(shown[-1].seq)}) if len(rows) > PAGE else "",
            "newest": urlencode(kept),
            "models": [model.id for model in settings.models],
            "classes": [*(own.name for own in settings.classes), "other"],
            "experiments": [own.name for own in settings.experiments],
            "current": desk.views.is_current(),
        },
    )


def _number(text: str) -> int | None:
    """The number of a decision in an address; nonsense is the beginning."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
