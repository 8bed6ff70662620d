"""`budget`: the cheapest model that is good enough, within what is left of the day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.core.base import Slate
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.spending import DAY
from banditroute.errors import ConfigError
from banditroute.policies import get_policy
from banditroute.router import Router
from banditroute.types import Context, Decision, Model, Observation
from tests.router.setting import SETTINGS as LIVE

MODELS = tuple(Model(name, usd_per_request=0.001) for name in ("weak", "fair", "good", "best"))
SETTINGS = Settings(models=MODELS)
QUALITY, USD = [0.5, 0.7, 0.85, 0.95], [0.001, 0.002, 0.01, 0.05]
NOON = 10.5 * DAY


def chosen(
    spec: str, *, spent: float = 0.0, eligible: list[bool] | None = None, quality: list[float] | None = None
) -> tuple[str, str | None]:
    row = [np.array([values]) for values in (eligible or [True] * 4, quality or QUALITY, USD)]
    slate = Slate(
        MODELS, [Context()], ["d"], row[0], row[1], row[1], row[1], row[2], row[2], np.array([spent])
    )
    choice = get_policy(spec, SETTINGS).choose(slate)
    assert choice.reasons is not None
    return MODELS[int(choice.pmf[0].argmax())].id, choice.reasons[0]


def test_the_cheapest_that_reaches_the_floor() -> None:
    assert chosen("budget") == ("good", None)
    assert chosen("budget:{quality: 0.7}") == ("fair", None)
    assert chosen("budget:{quality: 0.9}") == ("best", None)
    assert chosen("budget:{quality: 0.7}", eligible=[True, False, True, True]) == ("good", None)
    assert chosen("budget:{quality: 0}") == ("weak", None)


def test_within_what_is_left() -> None:
    spec = "budget:{quality: 0.8, usd_per_day: 1}"
    assert chosen(spec) == ("good", None)
    assert chosen(spec, spent=0.985) == ("good", None)
    model, reason = chosen(spec, spent=0.995)
    assert (model, "best of" in str(reason)) == ("fair", True)
    assert chosen(spec, spent=0.9985)[0] == "weak"
    for spent in (0.9995, 1.0, 7.0):
        model, reason = chosen(spec, spent=spent, eligible=[False, True, True, True])
        assert (model, "nothing is affordable" in str(reason)) == ("fair", True)
    assert chosen("budget:{quality: 1}")[0] == "best"


def test_the_receipt_holds_what_the_choice_can_be_recomputed_from() -> None:
    policy = get_policy("budget:{quality: 0.8, usd_per_day: 0.05}", SETTINGS)
    scores = zip(MODELS, (0.6, 0.85, 0.9, 0.95), (0.001, 0.004, 0.01, 0.02), strict=True)
    seen = [
        Observation(Context(), model.id, factor, value, NOON)
        for model, quality, usd in scores
        for factor, value in (("quality", quality), ("usd", usd)) * 3
    ]
    state = learn(initial_state(SETTINGS), seen, seq=1, at=NOON)  # 0.105 USD: the day is over
    times = [NOON, NOON + 0.4 * DAY, NOON + 0.6 * DAY]
    decisions = decide(
        state, [Request(f"d{i}", at, i, Context()) for i, at in enumerate(times)], policy, SETTINGS
    )
    assert [d.parameters["usd_left"] for d in decisions] == [0.0, 0.0, 0.05]
    assert [d.model for d in decisions] == ["weak", "weak", "fair"]
    assert "nothing is affordable" in str(decisions[0].rule)
    assert decisions[2].rule is None
    assert all(recomputed(d) == d.model for d in decisions)


def recomputed(decision: Decision) -> str:
    """The choice, from nothing but the receipt."""
    left, floor = decision.parameters["usd_left"], decision.parameters["min_quality"]
    affordable = [c for c in decision.candidates if c.usd <= left]
    good = [c for c in affordable if c.quality >= floor]
    if good or not affordable:
        return min(good or decision.candidates, key=lambda c: c.usd).model
    return max(affordable, key=lambda c: c.quality).model


def test_a_split_keeps_each_request_s_own_numbers() -> None:
    spec = "split:{a: budget:{quality: 0.8, usd_per_day: 2} 0.5, b: cheapest 0.5}"
    requests = [Request(f"d{i}", NOON + i * DAY, i, Context()) for i in range(3)]
    state = learn(
        initial_state(SETTINGS),
        [Observation(Context(), "fair", "usd", 0.5, NOON + DAY)],
        seq=1,
        at=NOON + DAY,
    )
    decisions = decide(state, requests, get_policy(spec, SETTINGS), SETTINGS)
    assert [d.parameters["a.usd_left"] for d in decisions] == [2.0, 1.5, 2.0]


def test_live_what_is_reported_is_taken_off_the_day() -> None:
    settings = replace(
        LIVE, policy=replace(LIVE.policy, name="budget:{quality: 0.5, usd_per_day: 0.01}"), rules=()
    )
    with Router(settings) as router:
        first = router.route(request_class="code", input_tokens=100)
        assert (first.model, first.parameters["usd_left"], first.propensity) == ("small", 0.01, 1.0)
        dear = router.route(request_class="code", input_tokens=100, model="large")
        router.feedback(dear.id, usd=0.009, output_tokens=100)
        router.catch_up()
        second = router.route(request_class="code", input_tokens=100)
        assert second.parameters["usd_left"] == pytest.approx(0.001)
        router.feedback(dear.id, usd=0.02)
        router.catch_up()
        third = router.route(request_class="code", input_tokens=100)
        assert (third.model, third.parameters["usd_left"]) == ("small", 0.0)
        assert "nothing is affordable" in str(third.rule)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("budget:0.8", "write budget:{quality: 0.8, usd_per_day: 50}"),
        ("budget:{usd: 3}", "knows quality and usd_per_day, not 'usd'"),
        ("budget:{quality: 1.2}", "must be a number from 0 to 1, not '1.2'"),
        ("budget:{usd_per_day: -1}", "the usd_per_day of 'budget' must be a number from 0"),
        ("budget:{usd_per_day: nan}", "the usd_per_day of 'budget' must be a number from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        get_policy(spec, SETTINGS)
