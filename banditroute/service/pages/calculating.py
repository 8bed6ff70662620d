"""`/calculator`: what routing would cost, before anything is switched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from banditroute.config.prices import with_list_price
from banditroute.config.settings import Settings, Upstream
from banditroute.core.summary import summary
from banditroute.errors import BanditrouteError, RequestError
from banditroute.reports.calculator import Calculation, calculate
from banditroute.reports.calculator_views import CLASSES, COLUMNS, cells, class_rows, notes
from banditroute.reports.usage import MONTHS, Traffic, one_class
from banditroute.service.pages.desk import Desk, Filled, Query, View
from banditroute.types import Model

FIELDS = ("class", "requests", "in", "out", "model")
ROWS = 12
"""Rows that a form may have."""

_MONTH = 365.25 / 12 * 86_400
_EXAMPLE = {"class0": "all", "requests0": "100000", "in0": "800", "out0": "400"}


def calculator_page(desk: Desk, query: Query) -> View:
    """The form, and the answer where it was filled in."""
    form = Filled(query)
    if form.pop("traffic", ""):
        form |= _own_traffic(desk)
    filled = [row for row in range(ROWS) if form.get(f"requests{row}")]
    values: dict[str, object] = {
        "form": form,
        "rows": range(min(max((*filled, -1)) + 2, ROWS)) if filled else range(1),
        "example": _EXAMPLE | {"model0": _dearest(desk.settings)},
        "models": [model.id for model in desk.settings.models],
        "periods": tuple(MONTHS),
        "says": "",
        "answer": None,
    }
    if filled:
        try:
            values["answer"] = answer(desk, form, filled)
        except BanditrouteError as error:
            values["says"] = str(error)
    return View("Cost calculator", "calculator.html", values, 422 if values["says"] else 200)


def answer(desk: Desk, form: Query, filled: Sequence[int]) -> dict[str, object]:
    """The plans and what they cost, ready to be shown. Raises what the calculator refuses."""
    usage = []
    for row in filled:
        given: list[Any] = [form.get(f"{name}{row}", "").strip() for name in FIELDS]
        name, requests, read, written, model = given  # as text: one_class reads numbers, and refuses others
        period = form.get("period", "month")
        if period not in MONTHS:
            raise RequestError(f"Requests are counted by the {', '.join(MONTHS)}.", param="period")
        traffic = one_class(requests, read, written, model, period)
        usage.append(replace(traffic.usage[0], request_class=name or "all"))
    least = _least_quality(form.get("least", ""))
    models = _candidates(desk.settings, [one.model for one in usage])
    known = _learned(desk, {one.request_class for one in usage}) if form.get("learned") else {}
    result = calculate(Traffic(tuple(usage), known), models, least)
    return {
        "verdict": result.verdict,
        "columns": COLUMNS,
        "plans": [(_kind(name), cells_of) for name, cells_of in _plans(result)],
        "class_columns": CLASSES,
        "classes": class_rows(result),
        "notes": notes(result),
        "bars": _bars(result),
        "most": max([result.now.monthly, *(plan.monthly for plan in result.plans)]),
    }


def _plans(result: Calculation) -> list[tuple[str, list[str]]]:
    return [(plan.name, cells(plan)) for plan in (result.now, *result.plans)]


def _kind(name: str) -> str:
    """Which plan stands out: today's, and the one that routing goes towards."""
    return {"now": "now", "per_class": "routing"}.get(name, "")


def _bars(result: Calculation) -> list[tuple[str, float, str]]:
    return [
        (plan.name, plan.monthly, plan.name.removeprefix("fixed:") if plan.name.startswith("fixed:") else "")
        for plan in (result.now, *result.plans)
    ]


def _least_quality(text: str) -> float | None:
    if not text:
        return None
    try:
        least = float(text)
    except ValueError:
        least = -1.0
    if not 0 <= least <= 1:
        raise RequestError(f"The least quality is a number from 0 to 1, not {text[:40]!r}.", param="least")
    return least


def _candidates(settings: Settings, named: Sequence[str]) -> list[Model]:
    """Who could answer: the configured models, and those that do so today at their list price."""
    anywhere = Upstream("simulated", dialect="simulated")
    known = {model.id: model for model in settings.models}
    return [
        known.get(name) or with_list_price(Model(name), anywhere) for name in dict.fromkeys([*known, *named])
    ]


def _learned(desk: Desk, wanted: set[str]) -> dict[str, dict[str, float]]:
    """The qualities that are believed at the moment, of the classes asked for."""
    found: dict[str, dict[str, float]] = {}
    for own in summary(desk.router.state):
        if own.request_class in wanted and own.quality is not None:
            found.setdefault(own.request_class, {})[own.model] = min(max(own.quality.mean, 0.0), 1.0)
    return found


def _dearest(settings: Settings) -> str:
    return (
        max(settings.models, key=lambda model: model.usd_per_output_token or 0.0).id
        if settings.models
        else ""
    )


def _own_traffic(desk: Desk) -> dict[str, str]:
    """The fields of the last 30 days: a row for every class and model that answered in it."""
    now = time.time()
    found = [own for own in desk.views.summary(now - 30 * 86_400, now) if own.requests]
    first = desk.views.first_at()
    span = min(max(now - (now if first is None else first), 3_600.0), 30 * 86_400)
    fields = {"period": "month", "learned": "1"}
    for row, own in enumerate(sorted(found, key=lambda own: -own.requests)[:ROWS]):
        monthly = own.requests * _MONTH / span
        size = (own.input_tokens / own.sized if own.sized else 0.0, own.output_tokens / max(own.written, 1))
        texts = (own.request_class, f"{monthly:.0f}", f"{size[0]:.0f}", f"{size[1]:.0f}", own.model)
        fields |= {f"{name}{row}": str(text) for name, text in zip(FIELDS, texts, strict=True)}
    return fields
