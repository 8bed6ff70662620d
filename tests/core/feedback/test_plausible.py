"""One absurd number decides nothing; a model that really is dear is learned to be."""

from __future__ import annotations

import math

import pytest

from banditroute.config.feedback import BudgetSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.feedback.fold import observations
from banditroute.core.feedback.heard import Heard, first_heard
from banditroute.core.feedback.plausible import LONGEST, plausible
from banditroute.core.steering.pacing import Pace
from banditroute.core.summary import summary
from banditroute.policies import get_policy
from banditroute.types import Candidate, Context, Model, Occasion, Outcome

SETTINGS = Settings(models=(Model("a"), Model("b")), classes=(RequestClass("chat"),))


def expecting(usd: float, seconds: float = 2.0) -> Occasion:
    return Occasion(
        "d", 0.0, Context("chat"), "a", candidates=(Candidate("a", 1.0, 0.9, usd, seconds, 0.9, 0.1),)
    )


def test_a_bill_counts_for_a_hundred_times_what_was_expected_at_most() -> None:
    assert plausible(expecting(0.002), "usd", 1e9) == pytest.approx(0.2)
    assert plausible(expecting(0.002), "usd", 0.01) == 0.01
    assert plausible(expecting(0.002), "seconds", 1e9) == pytest.approx(200.0)
    assert plausible(expecting(0.002), "quality", 1.0) == 1.0
    assert plausible(Occasion("d", 0.0, Context(), "a"), "usd", 1e9) == 1e9


def test_one_absurd_bill_among_fifty_does_not_move_what_is_expected_by_much() -> None:
    policy, state = get_policy("fixed:a", SETTINGS), initial_state(SETTINGS)
    for t in range(51):
        (decision,) = decide(state, [Request(f"d{t}", float(t), t, Context("chat"))], policy, SETTINGS)
        bill = Outcome(decision.id, "usd", 1e9 if t == 50 else 0.004, "meter", seq=t + 1)
        news = observations([(decision, [bill])], after_seq=t, error_quality=0.0)
        state = learn(state, news, seq=t + 1, at=float(t))
    row = next(row for row in summary(state) if (row.model, row.request_class) == ("a", "chat"))
    assert row.usd is not None
    assert row.usd.mean < 0.05


def test_a_model_that_is_dear_is_known_to_be() -> None:
    policy, state = get_policy("fixed:a", SETTINGS), initial_state(SETTINGS)
    for t in range(40):
        (decision,) = decide(state, [Request(f"d{t}", float(t), t, Context("chat"))], policy, SETTINGS)
        news = observations(
            [(decision, [Outcome(decision.id, "usd", 5.0, "meter", seq=t + 1)])],
            after_seq=t,
            error_quality=0.0,
        )
        state = learn(state, news, seq=t + 1, at=float(t))
    row = next(row for row in summary(state) if (row.model, row.request_class) == ("a", "chat"))
    assert row.usd is not None
    assert 3.0 < row.usd.mean < 8.0


def test_an_absurd_bill_does_not_stop_the_day() -> None:
    budget, pace = BudgetSettings(usd_per_request=0.002), Pace()
    for t in range(200):
        pace = pace.fold(Heard(expecting(0.002), "bill", 0.002, t), budget, {})
    pace = pace.fold(Heard(expecting(0.002), "bill", 1e9, 200), budget, {})
    assert 0.0 < pace.usd.price < 25.0
    for t in range(300):
        pace = pace.fold(Heard(expecting(0.002), "bill", 0.0018, 201 + t), budget, {})
    assert pace.usd.price < 5.0


def test_tokens_count_for_what_a_plausible_bill_would_buy() -> None:
    """500 tokens at 1 USD per million are expected before an answer; 0.2 USD would be the most."""
    prices = {"a": (1e-6, 4e-6)}
    expected = (0.2 - 500e-6) / 4e-6
    assert plausible(expecting(0.002), "output_tokens", 1e12, prices=prices) == pytest.approx(expected)
    assert plausible(expecting(0.002), "output_tokens", 900.0, prices=prices) == 900.0
    assert plausible(expecting(0.002), "input_tokens", 1e12, prices=prices) == pytest.approx(0.2 / 1e-6)
    assert plausible(expecting(0.0), "output_tokens", 1e12) == LONGEST
    (news,) = observations(
        [(expecting(0.002), [Outcome("d", "output_tokens", 1e12, "meter", seq=1)])],
        after_seq=0, error_quality=0.0, prices=prices,
    )  # fmt: skip
    assert news.value == pytest.approx(expected)


def test_a_bill_that_is_taken_back_is_given_back_to_the_day() -> None:
    """Revised, retracted and told again, and first in tokens: the day's sum is what stands."""
    told = [("output_tokens", 500.0), ("usd", 0.004), ("usd", 0.003), ("usd", None), ("usd", 0.005)]
    outcomes = [Outcome("d", factor, value, seq=i + 1) for i, (factor, value) in enumerate(told)]  # type: ignore[arg-type]
    budget, prices, about = BudgetSettings(usd_per_day=1.0), {"a": (1e-6, 4e-6)}, expecting(0.002)
    pace, spent, price = Pace(), [], []
    for seq in range(1, 6):
        for heard in first_heard([(about, outcomes[:seq])], after_seq=seq - 1, error_quality=0.0):
            pace = pace.fold(heard, budget, prices)
        spent.append(pace.today.usd)
        price.append(pace.usd.price)
    assert spent == pytest.approx([0.0025, 0.004, 0.003, 0.0025, 0.005])
    assert len(set(price)) == 1  # set by the first bill
    assert pace.today.bills == 1
    whole = Pace()
    for heard in first_heard([(about, outcomes)], after_seq=0, error_quality=0.0):
        whole = whole.fold(heard, budget, prices)
    assert whole == pace


def test_what_is_told_in_usd_and_tokens_is_heard_in_usd() -> None:
    from banditroute.intake import outcomes
    from banditroute.routing.fields import FeedbackFields

    told = outcomes(FeedbackFields(decision_id="d", usd=0.05, output_tokens=300), at=1.0)
    numbered = [Outcome(o.decision_id, o.factor, o.value, o.source, seq=i + 1) for i, o in enumerate(told)]
    (heard,) = first_heard([(expecting(0.002), numbered)], after_seq=0, error_quality=0.0)
    assert (heard.tokens, heard.value) == (False, 0.05)


def test_what_is_not_expected_to_cost_anything_may_cost_what_it_does() -> None:
    assert plausible(expecting(0.0), "usd", 3.0) == 3.0
    assert math.isinf(plausible(expecting(0.0), "usd", math.inf))
