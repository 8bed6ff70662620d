"""`/calculator`: what routing would cost, before anything is switched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from banditroute.config.prices import with_list_price
from banditroute.config.settings import Settings, Upstream
from banditroute.core.summary import summary
from banditroute.errors import BanditrouteError, RequestError
from banditroute.reports.calculator import PER_CLASS, Calculation, Plan, calculate
from banditroute.reports.calculator_views import CLASSES, COLUMNS, cells, class_rows, notes
from banditroute.reports.usage import MONTHS, Traffic, one_class
from banditroute.routing.wording import quoted, suggestion
from banditroute.service.pages.desk import Desk, Filled, Query, View
from banditroute.service.pages.own_traffic import FIELDS, ROWS, SPAN, own_traffic, stretch
from banditroute.types import Model

FOLDED = 4
"""Kinds of requests beyond which their fields are folded away."""

ROUTING = "routing"
"""The plan that routing goes towards, where it is none of the calculator's."""

LEARNED = "learned so far from your traffic (the page Models says how sure they are)"
_LEAST = 0.005
"""A share of the bill below which nothing is saved."""

_EXAMPLE = {"class0": "all", "requests0": "100000", "in0": "800", "out0": "400"}


def calculator_page(desk: Desk, query: Query) -> View:
    """The form, and the answer where it was filled in."""
    form = Filled(query)
    if form.pop("traffic", ""):
        form |= own_traffic(desk)
    filled = [row for row in range(ROWS) if form.get(f"requests{row}")]
    values: dict[str, object] = {
        "form": form,
        "rows": range(min(max((*filled, -1)) + 2, ROWS)) if filled else range(1),
        "example": _EXAMPLE | {"model0": _dearest(desk.settings)},
        "models": [model.id for model in desk.settings.models],
        "periods": [(name, name) for name in MONTHS] + _counted(form),
        "folded": len(filled) > FOLDED,
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
    usage, period = [], form.get("period") or "month"
    counted = period == SPAN
    if not counted and period not in MONTHS:
        raise RequestError(f"Requests are counted by the {', '.join(MONTHS)}.", param="period")
    for row in filled:
        given: list[Any] = [form.get(f"{name}{row}", "").strip() for name in FIELDS]
        name, requests, read, written, model = given  # as text: one_class reads numbers, and refuses others
        traffic = one_class(requests, read, written, model, "month" if counted else period)
        usage.append(replace(traffic.usage[0], request_class=name or "all"))
    least = _least_quality(form.get("least", ""))
    models = _candidates(desk.settings, [one.model for one in usage])
    known = _learned(desk, {one.request_class for one in usage}) if form.get("learned") else {}
    _priced(models, {one.model for one in usage}, desk.settings)
    per = f"for these {stretch(form.get('span', ''))}" if counted else "a month"
    result = calculate(Traffic(tuple(usage), known, LEARNED), models, least, per)
    told = notes(result)
    if form.get("learned") and not known:
        told.append(
            "Nothing was learned of these classes yet, so the box that asks for that changes nothing."
        )
    return {
        "verdict": result.verdict,
        "per": per,
        "columns": _without_period(COLUMNS, counted),
        "plans": [_plan(plan, result, counted) for plan in _shown(result)],
        "class_columns": _without_period(CLASSES, counted),
        "classes": class_rows(result),
        "notes": told,
        "most": max([result.now.monthly, *(plan.monthly for plan in result.plans)]),
    }


def _shown(result: Calculation) -> list[Plan]:
    """Today and every plan. Where routing would leave some classes as they are, which costs less than one
    model for each of them, that is a plan of its own."""
    plans, reach = [result.now, *result.plans], result.routing
    if reach is not None and _goes_towards(result) is None and abs(reach.saving or 0.0) >= _LEAST:
        best = structs.replace(
            result.now, name=ROUTING, monthly=reach.low, yearly=12 * reach.low, saving_share=reach.saving,
            quality=None, holds=True, choices=(),
        )  # fmt: skip
        plans.insert(1, best)
    return plans


def _goes_towards(result: Calculation) -> str | None:
    """The plan that costs what routing may come down to, where that differs from today."""
    reach = result.routing
    if reach is None or abs(reach.saving or 0.0) < _LEAST:
        return None
    low = reach.low
    held = next((plan for plan in result.plans if plan.name == PER_CLASS), None)
    return PER_CLASS if held is not None and abs(held.monthly - low) <= 1e-9 * max(low, 1e-9) else None


def _plan(plan: Plan, result: Calculation, counted: bool) -> dict[str, object]:
    """A row of the table of plans."""
    told = cells(plan)
    return {
        "name": plan.name,
        "usd": plan.monthly,
        "model": plan.name.removeprefix("fixed:") if plan.name.startswith("fixed:") else "",
        "goal": plan.name in (ROUTING, _goes_towards(result)),
        "cells": [told[1], *told[2 + counted :]],
    }


def _without_period(columns: Sequence[str], counted: bool) -> list[str]:
    """The heads of columns; counted requests have no month and no year."""
    if not counted:
        return list(columns)
    return [name.replace(" / month", "") for name in columns if not name.endswith("year")]


def _counted(form: Query) -> list[tuple[str, str]]:
    """The choice of the form that takes requests as they were counted."""
    if not form.get("span"):
        return []
    try:
        return [(SPAN, f"these {stretch(form['span'])}, as counted")]
    except RequestError:
        return []  # the answer says what is wrong with it


def _priced(models: Sequence[Model], today: set[str], settings: Settings) -> None:
    """Refuses a model of today whose price nobody knows, mostly a slip of the pen."""
    for model in models:
        if model.id in today and (model.usd_per_input_token is None or model.usd_per_output_token is None):
            names = [own.id for own in settings.models]
            way_out = (
                "give it usd_per_million_input and usd_per_million_output there."
                if model.id in names
                else suggestion(model.id, names)
            )
            raise RequestError(
                f"The price of {quoted(model.id)} is known neither from the configuration nor from the price "
                f"list; {way_out}",
                param="model",
            )


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
