"""What routing would cost, for those who have no log: a projection from usage and list prices.

Nothing is learned from usage, so what routing would reach is told as a range: from today's bill, if no
model turns out to be good enough and cheaper, down to the bill of the cheapest models that hold the
quality of every class, if the qualities given are the true ones. A router cannot know them beforehand;
it finds them out, at the price of some hundred requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from banditroute.errors import LogError
from banditroute.reports.findings import Refusal
from banditroute.reports.usage import Traffic, Usage
from banditroute.reports.verdict import usd
from banditroute.types import Model

NOW, PER_CLASS = "now", "per_class"


class Choice(Struct, frozen=True):
    """Who answers a class under a plan, what that costs a month, and the quality that is expected."""

    request_class: str
    requests: float
    models: Sequence[str]
    usd: float
    quality: float | None


class Plan(Struct, frozen=True, kw_only=True):
    """One way to spend. `saving_share` is of today's bill. `holds` says whether the quality of every class
    reaches its floor, None where it is not known."""

    name: str
    monthly: float
    yearly: float
    saving_share: float | None
    quality: float | None
    holds: bool | None
    choices: Sequence[Choice]


class Reach(Struct, frozen=True):
    """Between which bills a month of learned routing lies. `saving` is the share of today's bill that the
    lower one saves; negative where the floor costs more than today, None where today costs nothing."""

    low: float
    high: float
    saving: float | None


class Calculation(Struct, frozen=True, kw_only=True):
    """The answer of the calculator: USD a month and a year, today's prices."""

    verdict: str
    requests_per_month: float
    floor: str
    now: Plan
    plans: Sequence[Plan]
    routing: Reach | None
    refused: Sequence[Refusal]
    assumptions: Sequence[str]


Pick = Callable[[Sequence[Usage]], Model]
"""Who answers the requests of one class under a plan."""


def calculate(
    traffic: Traffic, models: Sequence[Model], min_quality: float | None = None, per: str = "a month"
) -> Calculation:
    """Today's bill against everything to each model, the cheapest, and a rule per class.

    `models` are those that could answer, today's among them, with prices per token. The floor of a class
    is `min_quality`, else the quality of who answers it now. A class's quality of a model is the one the
    traffic gives, else the model's prior. `per` says in the verdict what today's bill is of, where the usage
    is not that of a month. Raises LogError where a model of today has no price.
    """
    sums = _Sums(traffic, models)
    floors = {
        name: min_quality if min_quality is not None else sums.quality_now(rows)
        for name, rows in sums.classes.items()
    }
    now = sums.now(floors)
    alone = [sums.plan(f"fixed:{model.id}", _always(model), now, floors) for model in sums.priced]
    plans = [*alone, sums.plan("cheapest", sums.cheapest, now, floors)]
    routing = None
    if all(floor is not None for floor in floors.values()):
        held = sums.plan(PER_CLASS, lambda rows: sums.cheapest_good(rows, floors), now, floors)
        plans.append(held)
        routing = _reach(held, now, floors)
    return Calculation(
        verdict=_verdict(now, plans, routing, min_quality, per),
        requests_per_month=sum(one.requests for one in traffic.usage),
        floor="as good as now" if min_quality is None else f"{min_quality:g}",
        now=now,
        plans=sorted(plans, key=lambda plan: plan.monthly),
        routing=routing,
        refused=sums.refused,
        assumptions=_assumptions(routing, traffic, min_quality),
    )


class _Sums:
    """Bills of requests by class and model."""

    def __init__(self, traffic: Traffic, models: Sequence[Model]) -> None:
        self._quality = traffic.quality
        self.classes: dict[str, list[Usage]] = {}
        for one in traffic.usage:
            self.classes.setdefault(one.request_class, []).append(one)
        self._models = {model.id: model for model in models}
        self.priced = [model for model in models if _has_price(model)]
        self.refused = [
            Refusal(
                model.id, "its price is not known; give usd_per_million_input and usd_per_million_output."
            )
            for model in models
            if not _has_price(model)
        ]
        known = {model.id for model in self.priced}
        for one in traffic.usage:
            if one.model not in known:
                raise LogError(
                    f"The price of {one.model} is not known; declare it with usd_per_million_input and "
                    "usd_per_million_output in a configuration, and name that with --config."
                )

    def quality(self, request_class: str, model: str) -> float | None:
        """What is expected of a model in a class; None where nobody said."""
        own = self._quality.get(request_class, {}).get(model)
        return self._models[model].prior_quality if own is None else own

    def quality_now(self, rows: Sequence[Usage]) -> float | None:
        """The mean quality of who answers a class now."""
        return _mean([(one.requests, self.quality(one.request_class, one.model)) for one in rows])

    def now(self, floors: Mapping[str, float | None]) -> Plan:
        """Today's bill."""
        choices = []
        for name, rows in self.classes.items():
            cost = sum(_usd(one, self._models[one.model]) for one in rows)
            models = sorted({one.model for one in rows})
            requests = sum(one.requests for one in rows)
            choices.append(Choice(name, requests, models, cost, self.quality_now(rows)))
        return _plan(NOW, choices, None, floors)

    def plan(self, name: str, pick: Pick, now: Plan, floors: Mapping[str, float | None]) -> Plan:
        """The bill when one model per class answers."""
        choices = []
        for request_class, rows in self.classes.items():
            model = pick(rows)
            cost = sum(_usd(one, model) for one in rows)
            requests = sum(one.requests for one in rows)
            quality = self.quality(request_class, model.id)
            choices.append(Choice(request_class, requests, [model.id], cost, quality))
        return _plan(name, choices, now, floors)

    def cheapest(self, rows: Sequence[Usage]) -> Model:
        """The model with the least bill for these requests; ties go to the one listed first."""
        return min(self.priced, key=lambda model: sum(_usd(one, model) for one in rows))

    def cheapest_good(self, rows: Sequence[Usage], floors: Mapping[str, float | None]) -> Model:
        """The cheapest that holds the floor of their class; the best, if none does."""
        name = rows[0].request_class
        floor = floors[name] or 0.0
        rated = [(self.quality(name, model.id), model) for model in self.priced]
        good = [model for quality, model in rated if _holds(quality, floor)]
        if not good:
            return max(rated, key=lambda pair: -1.0 if pair[0] is None else pair[0])[1]
        return min(good, key=lambda model: sum(_usd(one, model) for one in rows))


def _plan(name: str, choices: Sequence[Choice], now: Plan | None, floors: Mapping[str, float | None]) -> Plan:
    monthly = sum(choice.usd for choice in choices)
    today = monthly if now is None else now.monthly
    held = [_holds(choice.quality, floors[choice.request_class]) for choice in choices]
    return Plan(
        name=name,
        monthly=monthly,
        yearly=12 * monthly,
        saving_share=1 - monthly / today if today else None,
        quality=_mean([(choice.requests, choice.quality) for choice in choices]),
        holds=None if None in held else all(held),
        choices=choices,
    )


def _holds(quality: float | None, floor: float | None) -> bool | None:
    return None if quality is None or floor is None else quality >= floor - 1e-12


def _reach(held: Plan, now: Plan, floors: Mapping[str, float | None]) -> Reach:
    """From the cheapest way to hold every class's floor, maybe by leaving it as it is, to today's bill."""
    low = 0.0
    for choice, today in zip(held.choices, now.choices, strict=True):
        stays = _holds(today.quality, floors[today.request_class])
        low += min(choice.usd, today.usd) if stays else choice.usd
    return Reach(low, max(low, now.monthly), 1 - low / now.monthly if now.monthly else None)


def _always(model: Model) -> Pick:
    return lambda _: model


def _has_price(model: Model) -> bool:
    return model.usd_per_input_token is not None and model.usd_per_output_token is not None


def _usd(one: Usage, model: Model) -> float:
    """A month of these requests at a model's list price."""
    read = one.input_tokens * (model.usd_per_input_token or 0.0)
    return one.requests * (read + one.output_tokens * (model.usd_per_output_token or 0.0))


def _mean(weighted: Sequence[tuple[float, float | None]]) -> float | None:
    total = sum(weight for weight, _ in weighted)
    parts = [weight * value for weight, value in weighted if value is not None]
    return sum(parts) / total if len(parts) == len(weighted) and total else None


def _verdict(
    now: Plan, plans: Sequence[Plan], routing: Reach | None, min_quality: float | None, per: str
) -> str:
    today = f"You pay {usd(now.monthly)} {per}"
    if routing is None:
        return f"{today}; what routing could save without losing quality cannot be told: no quality is known."
    keeps = "the quality you have" if min_quality is None else f"a quality of {min_quality:g} in every class"
    if any(plan.name == PER_CLASS and plan.holds is False for plan in plans):
        return f"{today}; no model here keeps {keeps}: add one, or ask for less quality."
    if routing.saving is None or abs(routing.saving) < 0.005:
        return f"{today}; by these figures nothing cheaper keeps {keeps}, and routing would save nothing."
    if routing.saving < 0:
        return f"{today}; {keeps} would cost at least {usd(routing.low)}, {-routing.saving:.0%} more."
    return (
        f"{today}; routing could bring that down to {usd(routing.low)} ({routing.saving:.0%} less) and keep "
        f"{keeps}, if the qualities given here are the true ones; it saves nothing if no cheaper model "
        "proves good enough."
    )


def _assumptions(routing: Reach | None, traffic: Traffic, min_quality: float | None) -> list[str]:
    told = [
        "What is right for your requests only your own log or a trial can tell; this is arithmetic on list "
        "prices and on expected qualities.",
        "List prices of today, no discounts, no cached or batched tokens; every model is taken to read and "
        "to write as many tokens as you gave.",
    ]
    if routing is None:
        told.append(
            "Without qualities there is no floor to hold: give prior_quality to the models of a "
            "configuration, or [quality.CLASS] in a TOML file of usage."
        )
        return told
    source = f"those {traffic.source}, else " if traffic.quality else ""
    told.append(
        f"Qualities are {source}the models' prior_quality, which is an expectation and no "
        "measurement on your requests."
    )
    told.append(
        "The lower end of the range is the bill of the cheapest model per class that holds the floor"
        + (" (what answers now)" if min_quality is None else "")
        + ". Routing gets near it as it learns, which takes some hundred requests per class; routing by "
        "single requests within a class can do better, wrong qualities make it worse."
    )
    return told
