"""Feedback in any order, repeated, late, revised and retracted gives the state of the clean sequence."""

from __future__ import annotations

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from banditroute.config.feedback import AlertSettings
from banditroute.config.settings import PolicySettings, RequestClass, Settings
from banditroute.core.decide import Request, State, decide, initial_state, learn
from banditroute.core.feedback.fold import observations, standing, values
from banditroute.core.snapshot import dump_state, load_state, state_distance
from banditroute.policies import get_policy
from banditroute.store.memory import MemoryStore
from banditroute.types import Context, Decision, Model, Outcome

DAY = 86_400.0
SETTINGS = Settings(
    models=(
        Model("a", group="ab"),
        Model("b", group="ab"),
        Model("c", usd_per_input_token=1e-6, usd_per_output_token=1e-6),
    ),
    classes=(RequestClass("code"),),
    policy=PolicySettings(half_life_days={"quality": 3.0}),
    alerts=AlertSettings(changes=True),
)
RANDOM = get_policy("random", SETTINGS)
FACTOR = st.sampled_from(["quality", "output_tokens", "usd", "seconds", "ttft_seconds", "error"])
SOURCE = st.sampled_from(["user", "judge", "metric", "meter"])
RATER = st.sampled_from(["", "ann", "bob"])
PRINCIPAL = st.sampled_from(["", "app", "shop", "bot"])


class Ledger(RuleBasedStateMachine):
    """A store that gets every kind of feedback, folded in pages of any size at any moment."""

    @initialize()
    def start(self) -> None:
        self.store = MemoryStore()
        self.state = initial_state(SETTINGS)
        self.decisions: list[Decision] = []
        self.now = 0.0

    @rule(wait=st.floats(0.0, 10.0), new_class=st.booleans())
    def ask(self, wait: float, new_class: bool) -> None:
        self.now += wait * DAY
        context = Context("code" if not new_class else "unheard of", input_tokens=100)
        n = len(self.decisions)
        (decision,) = decide(self.state, [Request(f"d{n}", self.now, n, context)], RANDOM, SETTINGS)
        self.store.append_decisions([decision]).result()
        self.decisions.append(decision)

    @rule(
        data=st.data(), factor=FACTOR, source=SOURCE, rater=RATER, principal=PRINCIPAL,
        value=st.none() | st.floats(0.0, 1.0),
    )  # fmt: skip
    def tell(
        self, data: st.DataObject, factor: str, source: str, rater: str, principal: str, value: float | None
    ) -> None:
        if not self.decisions:
            return
        decision = data.draw(st.sampled_from(self.decisions))
        outcome = Outcome(decision.id, factor, value, source, rater=rater, principal=principal)  # type: ignore[arg-type]
        self.store.append_outcomes([outcome]).result()

    @rule(limit=st.integers(1, 5))
    def catch_up(self, limit: int) -> None:
        self.state = folded(self.store, self.state, self.now, limit)

    @rule()
    def restart(self) -> None:
        self.state = load_state(dump_state(self.state), SETTINGS)

    @invariant()
    def the_state_is_that_of_the_clean_sequence(self) -> None:
        if not hasattr(self, "store"):
            return
        caught_up = folded(self.store, self.state, self.now, 1_000)
        clean = MemoryStore()
        for decision in reversed(self.decisions):
            clean.append_decisions([decision]).result()
        for decision in reversed(self.decisions):
            record = self.store.record(decision.id)
            assert record is not None
            for outcome in standing(record.outcomes).values():
                clean.append_outcomes([structs.replace(outcome, seq=0)]).result()
        whole = folded(clean, initial_state(SETTINGS), caught_up.at, 1_000)
        assert state_distance(whole, caught_up) < 1e-9


def folded(store: MemoryStore, state: State, at: float, limit: int) -> State:
    """Everything the store holds, folded page by page."""
    while state.seq < store.last_seq():
        page = store.changes(state.seq, limit)
        rows = [(r.decision, r.outcomes) for r in page.records]
        news = observations(rows, after_seq=state.seq, error_quality=0.0)
        state = learn(state, news, seq=page.upto, at=at)
    return learn(state, [], seq=state.seq, at=at)


TestLedger = Ledger.TestCase
TestLedger.settings = hypothesis_settings(
    hypothesis_settings.get_profile("ci"), max_examples=60, stateful_step_count=25
)


def test_people_outrank_metrics_and_metrics_judges() -> None:
    def said(*outcomes: tuple[str, str, float | None]) -> dict[str, float]:
        rows = [Outcome("d", "quality", v, s, seq=i, rater=r) for i, (s, r, v) in enumerate(outcomes)]  # type: ignore[arg-type]
        return dict(values(rows, error_quality=0.0))

    assert said(("judge", "", 0.2)) == {"quality": 0.2}
    assert said(("judge", "", 0.2), ("user", "ann", 0.9)) == {"quality": 0.9}
    assert said(("user", "ann", 0.9), ("judge", "", 0.2)) == {"quality": 0.9}
    assert said(("user", "ann", 1.0), ("user", "bob", 0.5)) == {"quality": 0.75}
    assert said(("user", "ann", 1.0), ("user", "ann", 0.5)) == {"quality": 0.5}
    assert said(("user", "ann", 1.0), ("user", "ann", None), ("metric", "", 0.3)) == {"quality": 0.3}


def test_nobody_speaks_for_another() -> None:
    """Whatever others say and take back, what a principal said stands; an old log names nobody."""
    mine = Outcome("d", "quality", 1.0, seq=1, principal="alice")
    for value in (0.0, None):
        other = Outcome("d", "quality", value, seq=2, principal="mallory")
        assert mine in standing([mine, other]).values()
    taken_back = Outcome("d", "quality", None, seq=3, principal="alice")
    assert not standing([mine, taken_back])
    old = [Outcome("d", "quality", v, seq=i, principal=None) for i, v in enumerate((0.2, 0.8))]  # type: ignore[arg-type]
    assert values(old, error_quality=0.0) == {"quality": 0.8}


def test_who_asked_for_a_decision_knows_best_what_it_cost() -> None:
    bills = [
        Outcome("d", "usd", 0.004, "metric", seq=1, principal="app"),
        Outcome("d", "usd", 1e9, "user", seq=2, principal="mallory"),
        Outcome("d", "quality", 0.8, "metric", seq=3, principal="app"),
        Outcome("d", "quality", 0.2, "user", seq=4, principal="ann"),
    ]
    assert values(bills, error_quality=0.0, owner="app") == {"usd": 0.004, "quality": 0.2}
    assert values(bills, error_quality=0.0)["usd"] == 1e9
    assert values(bills[1:], error_quality=0.0, owner="app")["usd"] == 1e9


def test_an_error_without_a_score_counts_as_configured() -> None:
    error = Outcome("d", "error", 1.0, "meter", seq=1)
    assert values([error], error_quality=0.1)["quality"] == 0.1
    scored = Outcome("d", "quality", 0.7, "user", seq=2)
    assert values([error, scored], error_quality=0.1)["quality"] == 0.7
    taken_back = Outcome("d", "error", None, "meter", seq=3)
    assert "quality" not in values([error, taken_back], error_quality=0.1)
