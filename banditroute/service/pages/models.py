"""`/models`: what is believed of every model, how sure that is, and how it stands."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from banditroute.config.settings import Settings
from banditroute.core.summary import Belief, Estimate, summary
from banditroute.routing.probing import Probe, finding, probes_in
from banditroute.service.pages.desk import Desk, Query, View
from banditroute.types import Model

SHARE_SECONDS = 86_400
"""Over how long the share of a model is told."""

FACTORS = (("quality", "Quality"), ("usd", "Cost per request"), ("seconds", "Wait"))


@dataclass(frozen=True, slots=True)
class Row:
    """A model in one class: what is believed, the scores it has there, its share of the class lately."""

    model: Model
    belief: Belief
    share: float | None
    status: tuple[tuple[str, str], ...]

    @property
    def scores(self) -> float:
        """Scores that tell of its quality."""
        return self.belief.quality.n if self.belief.quality else 0.0


def models_page(desk: Desk, query: Query) -> View:
    """One class in full, and the quality of every model in all of them."""
    state, settings = desk.router.state, desk.settings
    beliefs = [_within(own) for own in summary(state)]
    shares = _shares(desk)
    classes = list(state.classes)
    busiest = max(classes, key=lambda name: sum(n for (own, _), n in shares.items() if own == name))
    chosen = query.get("class", "")
    chosen = chosen if chosen in classes else busiest
    probes = probes_in(desk.controls.after(0, "probe"))
    here = sum(n for (own, _), n in shares.items() if own == chosen)
    rows = [
        Row(
            model,
            belief,
            shares.get((chosen, model.id), 0) / here if here else None,
            _status(settings, model, probes.get(model.id), state.frame.barred),
        )
        for model in state.models
        for belief in beliefs
        if belief.model == model.id and belief.request_class == chosen
    ]
    return View(
        "Models",
        "models.html",
        {
            "classes": classes,
            "chosen": chosen,
            "rows": rows,
            "factors": FACTORS,
            "scales": {
                name: _scale([getattr(row.belief, name) for row in rows], name) for name, _ in FACTORS
            },
            "grid": [(name, [own for own in beliefs if own.request_class == name]) for name in classes],
            "quality_scale": _scale([own.quality for own in beliefs], "quality"),
            "seq": state.seq,
            "prior": settings.prior,
        },
    )


def _within(belief: Belief) -> Belief:
    """The same with a mean quality that is one: the line through scores near 1 may end above it."""
    known = belief.quality
    if known is None or known.low <= known.mean <= known.high:
        return belief
    return replace(belief, quality=replace(known, mean=min(max(known.mean, known.low), known.high)))


def _shares(desk: Desk) -> dict[tuple[str, str], int]:
    """Requests by class and model, lately."""
    now = time.time()
    cells = desk.views.summary(now - SHARE_SECONDS, now)
    return {(own.request_class or "", own.model or ""): own.requests for own in cells}


def _scale(estimates: list[Estimate | None], factor: str) -> tuple[float, float]:
    """The ends of the scale that intervals are drawn on: costs and waits from 0, qualities close up."""
    known = [own for own in estimates if own is not None]
    if not known:
        return 0.0, 1.0
    most = max(own.high for own in known)
    if factor != "quality":
        typical = sorted(own.mean for own in known)[-1]
        return 0.0, min(most, 2.5 * typical) or 1.0
    least = min(own.low for own in known)
    return max(0.0, least - 0.02), min(1.0, most + 0.02)


def _status(
    settings: Settings, model: Model, probe: Probe | None, barred: object
) -> tuple[tuple[str, str], ...]:
    """How a model stands, as words with the colour of a badge: its golden set, and whether it may serve."""
    told: list[tuple[str, str]] = []
    if isinstance(barred, dict) and model.id in barred:
        told.append((f"gets no traffic: {barred[model.id][1]}", "bad"))
    if probe is not None:
        passed = sum(own[0] for own in probe.areas.values())
        taken = sum(own[1] for own in probe.areas.values())
        against = finding(model, probe, settings.trial.probe_share)
        told.append((f"golden set {passed} of {taken}", "good" if against is None else "warn"))
    if model.tier in settings.trial.tier_shares:
        told.append(
            (f"tier {model.tier}: at most {settings.trial.tier_shares[model.tier]:.0%} until confirmed", "")
        )
    return tuple(told)
