"""Lies about bills, tokens and waits: what they cost, and which differences are nobody's fault."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from banditroute.config.settings import RequestClass, RewardSettings, Settings
from banditroute.core.decide import Request, decide, initial_state, learn
from banditroute.core.feedback.fold import observations
from banditroute.core.snapshot import dump_state, load_state, state_distance
from banditroute.core.state import State
from banditroute.core.summary import summary
from banditroute.policies import get_policy
from banditroute.types import Context, Decision, Factor, Model, Outcome, Weights

QUALITY = {"good": 0.95, "mid": 0.8, "bad": 0.6}
USD = {"good": 0.004, "mid": 0.002, "bad": 0.0005}
PRICED = {"good": (3e-6, 15e-6), "mid": (1e-6, 4e-6), "bad": (2e-7, 6e-7)}
CLASS = (RequestClass("code"),)
FLAT = Settings(models=tuple(Model(name) for name in QUALITY), classes=CLASS)
FLAT = replace(FLAT, reward=RewardSettings(Weights(1.0, 20.0, 0.02)))
BY_TOKEN = replace(
    FLAT,
    models=tuple(
        Model(name, usd_per_input_token=given, usd_per_output_token=answered)
        for name, (given, answered) in PRICED.items()
    ),
)

Facts = dict[Factor, float]
Tells = Callable[[Facts, int, Decision], Facts]


@dataclass(frozen=True)
class Played:
    """What came of some requests: the state, all that was told, and the mean reward after the start."""

    state: State
    told: list[tuple[Decision, list[Outcome]]]
    reward: float

    def expected(self, model: str) -> tuple[float, float]:
        """USD and seconds of a model."""
        row = next(row for row in summary(self.state) if (row.model, row.request_class) == (model, "code"))
        return (row.usd.mean if row.usd else math.nan), (row.seconds.mean if row.seconds else math.nan)


def honest(facts: Facts, who: int, decision: Decision) -> Facts:
    return facts


def lying(factor: Factor, value: float) -> Tells:
    """Two of twenty say so of the best model."""

    def tells(facts: Facts, who: int, decision: Decision) -> Facts:
        return {**facts, factor: value} if who < 2 and decision.model == "good" else facts

    return tells


def play(
    settings: Settings, tells: Tells, seed: int = 1, requests: int = 1_000, since: int = 300,
    speakers: int = 20, policy: str = "thompson", name: str = "p",
) -> Played:  # fmt: skip
    """Requests of some principals, each of whom reports everything; from `since` on they may lie."""
    rng, chooses, state = random.Random(seed), get_policy(policy, settings), initial_state(settings)
    told: list[tuple[Decision, list[Outcome]]] = []
    reward, page = 0.0, 25
    for start in range(0, requests, page):
        news = []
        for t in range(start, start + page):
            tokens = rng.randrange(100, 4_000)
            asked = Request(f"d{t}", float(t), rng.getrandbits(60), Context("code", input_tokens=tokens))
            (decision,) = decide(state, [asked], chooses, settings)
            model, who = decision.model, t % speakers
            facts: Facts = {"quality": min(1.0, max(0.0, rng.gauss(QUALITY[model], 0.1))), "seconds": 0.5}
            if settings is BY_TOKEN:
                facts["output_tokens"] = rng.randrange(150, 250)
                usd = tokens * PRICED[model][0] + 200.0 * PRICED[model][1]
            else:
                facts["usd"] = USD[model] * rng.uniform(0.8, 1.2)
                usd = USD[model]
            if t >= since:
                facts = tells(facts, who, decision)
                reward += QUALITY[model] - 20.0 * usd
            told.append((decision, [
                Outcome(decision.id, factor, value, "user", 8 * t + i, principal=name and f"{name}{who}")
                for i, (factor, value) in enumerate(facts.items(), 1)
            ]))  # fmt: skip
            news.append(told[-1])
        state = learned(state, settings, news, after=8 * start)
    return Played(state, told, reward / (requests - since))


def learned(
    state: State, settings: Settings, news: list[tuple[Decision, list[Outcome]]], after: int = 0
) -> State:
    read = observations(
        news, after_seq=after, error_quality=0.0, prices=PRICED if settings is BY_TOKEN else {}
    )
    seq = max(outcome.seq for _, outcomes in news for outcome in outcomes)
    return learn(state, read, seq=seq, at=news[-1][0].at)


@pytest.mark.parametrize(
    ("settings", "factor", "value"),
    [(FLAT, "usd", 1e9), (FLAT, "seconds", 1e5), (BY_TOKEN, "output_tokens", 1e9)],
    ids=["usd", "seconds", "tokens"],
)
def test_a_tenth_who_lie_about_amounts_cannot_move_the_reward(
    settings: Settings, factor: Factor, value: float
) -> None:
    """Without doubt 9 to 12% were lost. Of the sd of both rewards over seeds, 0.002, the bound is seven."""
    truth, lied = play(settings, honest), play(settings, lying(factor, value))
    assert lied.reward > 0.98 * truth.reward
    assert lied.state.weighed is not None
    found = {name for names in lied.state.weighed.disbelieved.values() for name in names}
    assert found == {"p0", "p1"}
    assert lied.expected("good") == pytest.approx(truth.expected("good"), rel=0.1)


def test_lies_that_hide_among_true_bills_are_found_by_their_mean() -> None:
    def tells(facts: Facts, who: int, decision: Decision) -> Facts:
        return {**facts, "usd": 1e9} if who < 2 and decision.seed % 4 == 0 else facts

    lied = play(FLAT, tells, policy="fixed:good")
    assert lied.expected("good")[0] < 1.3 * USD["good"]


def test_the_state_is_the_same_rebuilt_taken_back_and_from_a_snapshot() -> None:
    lied = play(FLAT, lying("usd", 1e9))
    rebuilt = learned(initial_state(FLAT), FLAT, lied.told)
    assert state_distance(lied.state, rebuilt) < 1e-9
    assert Played(rebuilt, [], 0.0).expected("good") == pytest.approx(lied.expected("good"), rel=1e-9)
    loaded = load_state(dump_state(lied.state), FLAT)
    assert state_distance(lied.state, loaded) == 0.0
    assert loaded.weighed is not None
    assert lied.state.weighed is not None
    assert loaded.weighed.disbelieved == lied.state.weighed.disbelieved
    last = max(outcome.seq for _, outcomes in lied.told for outcome in outcomes)
    back = [
        (decision, [*outcomes, *(replace_value(o, last + i) for i, o in enumerate(outcomes, 1))])
        for decision, outcomes in lied.told
    ]
    empty = learned(lied.state, FLAT, back, after=last)
    assert empty.testimony.bills is not None
    assert len(empty.testimony.bills.key) == 0


def replace_value(outcome: Outcome, seq: int) -> Outcome:
    """The same, taken back."""
    return Outcome(
        outcome.decision_id, outcome.factor, None, outcome.source, seq, principal=outcome.principal
    )


def test_long_answers_of_one_application_are_no_lie() -> None:
    """Its bills are five times the usual: its prompts are, which the receipt knows, and its answers are."""

    def tells(facts: Facts, who: int, decision: Decision) -> Facts:
        return {**facts, "output_tokens": 2.5 * facts["output_tokens"]} if who < 2 else facts

    long = play(BY_TOKEN, tells)
    assert long.state.weighed is None or not long.state.weighed.disbelieved


@pytest.mark.parametrize("factor", ["usd", "seconds"])
def test_what_everybody_reports_is_learned_at_once(factor: Factor) -> None:
    """The very sums are kept, as if nobody were named."""

    def tells(facts: Facts, who: int, decision: Decision) -> Facts:
        return {**facts, factor: 10.0 * facts[factor]}

    rose, unnamed = (play(FLAT, tells, policy="fixed:good", name=name) for name in ("p", ""))
    assert rose.state.weighed is None or not rose.state.weighed.disbelieved
    assert rose.expected("good") == pytest.approx(unnamed.expected("good"), rel=1e-9)
    assert rose.expected("good")[0 if factor == "usd" else 1] > 5.0 * (0.004 if factor == "usd" else 0.5)


@pytest.mark.parametrize("speakers", [1, 4])
def test_with_fewer_than_five_nobody_is_doubted(speakers: int) -> None:
    lied = play(FLAT, lying("usd", 1e9), speakers=speakers, policy="fixed:good")
    assert lied.state.weighed is None or not lied.state.weighed.disbelieved


def test_without_names_nothing_is_kept() -> None:
    lied = play(FLAT, lying("usd", 1e9), name="", requests=50)
    assert lied.state.testimony.bills is None
