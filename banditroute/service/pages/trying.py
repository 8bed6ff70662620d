"""`/try`: what `auto` would pick for a request, and why. Nothing is stored and nothing is called."""

from __future__ import annotations

import json
import math
from typing import Any

from banditroute.classify import Classification, classify
from banditroute.errors import BanditrouteError, NoEligibleModel, RequestError
from banditroute.routing.fields import RouteFields
from banditroute.routing.refusals import convert
from banditroute.service.pages import reasons
from banditroute.service.pages.desk import Desk, Query, View
from banditroute.service.pages.receipt import receipt
from banditroute.types import Decision

TEXTS = ("prompt", "request_class", "unit", "user_tier", "tier", "policy", "model")
LIMITS = ("max_usd", "max_seconds", "min_quality")
WEIGHTS = ("quality", "usd", "second")
FEATURE = "feature."


def try_page(desk: Desk, query: Query) -> View:
    """The form, filled from the address, without an answer."""
    return View("Try it", "try.html", form_values(desk, query) | {"answer": ""})


def form_values(desk: Desk, form: Query) -> dict[str, object]:
    """What the form shows: what was filled in, and what there is to choose from."""
    settings = desk.settings
    return {
        "form": form,
        "classes": [declared.name for declared in settings.classes],
        "tiers": sorted({model.tier for model in settings.models}),
        "models": [model.id for model in settings.models],
        "needs": sorted({need for model in settings.models for need in model.capabilities | model.tags}),
        "features": [(name, f"{FEATURE}{name}") for name in settings.features.numeric],
        "weights": settings.reward.weights,
    }


def read_fields(form: Query) -> tuple[RouteFields, dict[str, Any]]:
    """The request that a form describes, and as the JSON an application would send. Raises RequestError."""
    sent: dict[str, Any] = {name: form[name] for name in TEXTS if form.get(name)}
    for name in ("input_tokens", "max_output_tokens"):
        if form.get(name):
            sent[name] = int(_number(name, form[name]))
    if form.get("json_output"):
        sent["json_output"] = True
    weights = {name: _number(name, form[f"weight.{name}"]) for name in WEIGHTS if form.get(f"weight.{name}")}
    limits: dict[str, Any] = {name: _number(name, form[name]) for name in LIMITS if form.get(name)}
    if form.get("require"):
        limits["require"] = _list(form["require"])
    features = {
        name.removeprefix(FEATURE): _number(name.removeprefix(FEATURE), value)
        for name, value in form.items()
        if name.startswith(FEATURE) and value
    }
    if form.get("tags"):
        sent["tags"] = dict(_tag(part) for part in _list(form["tags"]))
    sent |= {
        name: value
        for name, value in (("weights", weights), ("limits", limits), ("features", features))
        if value
    }
    return convert(sent | {"dry_run": True}, RouteFields), sent


def answer(desk: Desk, form: Query, sent: dict[str, Any], made: Decision | BanditrouteError) -> View:
    """The receipt of the decision that would be made, or why none can be."""
    shown: dict[str, object] = {"json": json.dumps(sent, indent=1, ensure_ascii=False), "made": None}
    if isinstance(made, BanditrouteError):
        shown["says"] = str(made)
        shown["excluded"] = [
            (own.model, reasons.reason(own.reason), own.detail)
            for own in (made.excluded if isinstance(made, NoEligibleModel) else ())
        ]
        return View("Try it", "try_answer.html", shown)
    shown |= receipt(made, dry_run=True)
    return View("Try it", "try_answer.html", shown | {"made": made, "found": _found(desk, form, made)})


def _found(desk: Desk, form: Query, made: Decision) -> str:
    """How the class was found, where the text had to tell."""
    text = form.get("prompt", "")
    if not text or form.get("request_class"):
        return ""
    found: Classification = classify(text, made.context.input_tokens, desk.settings)
    signals = f" It shows: {', '.join(found.signals[:12])}." if found.signals else ""
    return (
        f"Read from the text: class {found.request_class}, confidence {found.confidence:.0%}, "
        f"complexity {found.complexity:.2f} of 1.{signals}"
    )


def _number(name: str, text: str) -> float:
    try:
        number = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RequestError(f"{name} must be a number, not {text[:40]!r}.", param=name)
    return number


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RequestError(f"A tag reads name=value, not {text[:40]!r}.", param="tags")
    return name.strip(), value.strip()
