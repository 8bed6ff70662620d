"""What the state knows to be spent: every bill once, on the day of its decision, in whatever order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.config.settings import Settings
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.core.feedback.fold import observations
from banditroute.core.snapshot import dump_state, load_state, state_distance
from banditroute.core.spending import DAY, day_of, spent_on
from banditroute.policies import get_policy
from banditroute.types import Context, Decision, Model, Observation, Outcome

SETTINGS = Settings(
    models=(Model("priced", usd_per_input_token=1e-3, usd_per_output_token=1e-2), Model("plain"))
)
NOON = 100.5 * DAY


def bill(model: str, factor: str, value: float, at: float = NOON, **more: object) -> Observation:
    context = Context(input_tokens=100)
    return Observation(context, model, factor, value, at, **more)  # type: ignore[arg-type]


def spent(state: State, at: float = NOON) -> float:
    return spent_on(state.spending, at)


def test_reported_bills_count_as_reported_and_tokens_at_list_price() -> None:
    state = initial_state(SETTINGS)
    said = [
        bill("plain", "usd", 0.5),
        bill("priced", "usd", 0.25, metered=True),
        bill("priced", "output_tokens", 1_000, billed=True),  # of the same answer: paid for above
        bill("priced", "output_tokens", 20),  # 100 × 1e-3 + 20 × 1e-2
        bill("plain", "output_tokens", 1_000),  # no price is known
        bill("gone", "usd", 0.125),  # the money was spent, whatever became of the model
        bill("plain", "quality", 1.0),
    ]
    assert spent(learn(state, said, seq=1, at=NOON)) == pytest.approx(0.5 + 0.25 + 0.3 + 0.125)
    assert spent(state) == 0.0


def test_a_bill_counts_on_the_day_of_its_decision_and_old_days_are_dropped() -> None:
    state = initial_state(SETTINGS)
    days = [bill("plain", "usd", 2.0**-day, NOON - day * DAY) for day in range(4)]
    state = learn(state, days, seq=4, at=NOON)
    assert dict(state.spending) == {day_of(NOON): 1.0, day_of(NOON) - 1: 0.5}
    assert spent(state, NOON + DAY) == 0.0
    late = learn(state, [bill("plain", "usd", 8.0, NOON - 5 * DAY)], seq=5, at=NOON)
    assert late.spending == state.spending
    assert list(learn(state, [], seq=5, at=NOON + DAY).spending) == [day_of(NOON)]


@pytest.mark.parametrize("refit", [True, False])
def test_the_order_and_the_batches_do_not_matter(refit: bool) -> None:
    rng = np.random.default_rng(0)
    said = [
        bill("plain", "usd", float(rng.random()), NOON - float(rng.uniform(0, 3)) * DAY) for _ in range(200)
    ]
    whole = learn(initial_state(SETTINGS), said, seq=200, at=NOON)
    parts = initial_state(SETTINGS)
    for place in rng.permutation(200).tolist():
        parts = learn(parts, [said[place]], seq=200, at=max(parts.at, said[place].decided_at), refit=refit)
    parts = learn(parts, [], seq=200, at=NOON)
    assert sum(whole.spending.values()) > 10
    assert state_distance(whole, parts) < 1e-9
    more = replace(whole, spending={**whole.spending, day_of(NOON): spent(whole) * (1 + 1e-6)})
    assert state_distance(whole, more) > 1e-7


def test_a_bill_that_comes_after_its_tokens_takes_their_place() -> None:
    decision = decided("priced")
    tokens = Outcome(decision.id, "output_tokens", 20.0, seq=1)
    usd = Outcome(decision.id, "usd", 0.7, seq=2)
    dearer = Outcome(decision.id, "usd", 0.9, seq=3)
    taken_back = Outcome(decision.id, "usd", None, seq=4)
    state, known = initial_state(SETTINGS), []
    for outcome, expected in ((tokens, 0.3), (usd, 0.7), (dearer, 0.9), (taken_back, 0.3)):
        known.append(outcome)
        news = observations([(decision, list(known))], after_seq=state.seq, error_quality=0.0)
        state = learn(state, news, seq=outcome.seq, at=NOON)
        assert spent(state) == pytest.approx(expected)


def decided(model: str) -> Decision:
    request = Request("d", NOON, 1, Context(input_tokens=100))
    (decision,) = decide(initial_state(SETTINGS), [request], get_policy(f"fixed:{model}", SETTINGS), SETTINGS)
    return decision


def test_a_snapshot_keeps_it() -> None:
    state = learn(initial_state(SETTINGS), [bill("plain", "usd", 0.5)], seq=1, at=NOON)
    assert load_state(dump_state(state), SETTINGS).spending == state.spending
