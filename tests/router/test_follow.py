"""Following the log: one state whatever the order, after a restart, and beside another writer."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from banditroute.core.decide import State, learn
from banditroute.core.snapshot import state_distance
from banditroute.errors import StoreError
from banditroute.router import Router
from banditroute.routing import follow
from banditroute.routing.follow import Follower, save_state
from banditroute.routing.rebuild import rebuild
from banditroute.store import Store, open_store
from banditroute.types import Decision, Outcome
from tests.reproducible import reproducible
from tests.router.setting import MODELS, SETTINGS

FORGETFUL = replace(
    SETTINGS, policy=replace(SETTINGS.policy, half_life_days={"quality": 30.0, "seconds": 1.0})
)
PATIENCE = 20.0


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something comes true in a time that only a hung machine needs."""
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def decisions(n: int) -> list[Decision]:
    """Decisions some days apart."""
    with reproducible(), Router(SETTINGS) as router:
        made = [router.route(request_class=("code", "chat")[i % 2], input_tokens=100 * i) for i in range(n)]
    return [structs.replace(decision, at=1e9 + 86_400.0 * i) for i, decision in enumerate(made)]


DECISIONS = decisions(4)

facts = st.tuples(
    st.integers(0, len(DECISIONS) - 1),
    st.sampled_from(["quality", "seconds", "output_tokens", "usd", "error"]),
    st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]),
    st.sampled_from(["user", "judge", "meter"]),
)
told = st.lists(st.tuples(facts, st.booleans()), max_size=30)


@settings(settings.get_profile("ci"), max_examples=60)
@given(told)
def test_whatever_was_repeated_revised_and_retracted_the_state_is_that_of_what_stands(
    events: list[tuple[tuple[int, str, float | None, str], bool]],
) -> None:
    """Told one by one with folds in between, against the facts that stand, told once, in another order."""
    messy, clean = open_store("memory://"), open_store("memory://")
    for decision in DECISIONS:
        messy.append_decisions([decision]).result()
        clean.append_decisions([decision]).result()
    follower = Follower(messy, FORGETFUL)
    stands: dict[tuple[int, str, str], float | None] = {}
    for (which, factor, value, source), fold_now in events:
        outcome = Outcome(DECISIONS[which].id, factor, value, source, at=2e9)  # type: ignore[arg-type]
        messy.append_outcomes([outcome]).result()
        stands[which, factor, source] = value
        if fold_now:
            follower.catch_up()
    left = [
        Outcome(DECISIONS[which].id, factor, value, source, at=2e9)  # type: ignore[arg-type]
        for (which, factor, source), value in sorted(stands.items())
        if value is not None
    ]
    if left:
        clean.append_outcomes(left).result()
    told_cleanly = Follower(clean, FORGETFUL)
    try:
        one, other = follower.catch_up(), told_cleanly.catch_up()
        assert state_distance(one, other) <= 1e-9
        assert rebuild(messy, FORGETFUL).agrees
    finally:
        follower.close()
        told_cleanly.close()


def test_what_was_all_retracted_leaves_no_difference_though_rounding_stays() -> None:
    """Two outcomes of one model, folded at once and taken back, leave 1e-15 of themselves."""
    store, untold = open_store("memory://"), open_store("memory://")
    made = [structs.replace(own, model="small") for own in (DECISIONS[1], DECISIONS[3])]
    for log in (store, untold):
        log.append_decisions(made).result()
    follower, nothing = Follower(store, FORGETFUL), Follower(untold, FORGETFUL)
    for value in (0.25, None):
        for own in made:
            store.append_outcomes([Outcome(own.id, "output_tokens", value, "meter", at=2e9)]).result()
        follower.catch_up()
    assert state_distance(follower.state, nothing.state) <= 1e-9
    assert rebuild(store, FORGETFUL).agrees
    follower.close()
    nothing.close()


def taught(store: Store, n: int = 25) -> None:
    """A log of some decisions and outcomes."""
    with Router(FORGETFUL, store) as router:
        for i in range(n):
            decision = router.route(request_class="code", input_tokens=10 * i)
            router.feedback(decision.id, quality=i / n, latency_ms=1000 + i, output_tokens=10 + i)


def test_a_restart_gives_the_same_state(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with Router(FORGETFUL, open_store(url)) as router:
        for i in range(20):
            router.feedback(router.route().id, quality=i / 20, latency_ms=i + 1)
        before = router.catch_up()
        expected = router.route(dry_run=True)
    with Router(FORGETFUL, open_store(url)) as router:
        assert router.state.seq == before.seq == 40
        assert state_distance(router.state, before) == 0.0
        again = router.route(dry_run=True)
        assert [(c.utility, c.sd) for c in again.candidates] == [
            (c.utility, c.sd) for c in expected.candidates
        ]


def test_the_time_of_the_state_is_that_of_its_events() -> None:
    """Else a replay at another hour would forget differently."""
    store = open_store("memory://")
    store.append_decisions([DECISIONS[0]]).result()
    store.append_outcomes([Outcome(DECISIONS[0].id, "quality", 0.5, at=1.5e9)]).result()
    follower = Follower(store, FORGETFUL)
    assert (follower.state.seq, follower.state.at) == (1, 1.5e9)
    follower.close()


def test_rebuild_agrees_and_finds_a_snapshot_that_lies(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    taught(open_store(url))
    store = open_store(url)
    rebuilt = rebuild(store, FORGETFUL)
    assert (rebuilt.state.seq, rebuilt.decisions, rebuilt.snapshot_seq) == (75, 25, 75)
    assert rebuilt.agrees
    stats = rebuilt.state.stats
    assert stats[0] is not None
    lie = replace(rebuilt.state, stats=(replace(stats[0], xy=stats[0].xy * 1.001), *stats[1:]))
    save_state(store, FORGETFUL, lie)
    rebuilt = rebuild(store, FORGETFUL)
    assert not rebuilt.agrees
    assert rebuilt.difference > 1e-6
    store.close()


@pytest.mark.parametrize("payload", [b"\0", b"", b"PK\3\4 and no more", b"\x93NUMPY", "cut", "other"])
def test_a_damaged_snapshot_is_told_and_the_log_folded(
    payload: bytes | str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    taught(open_store(url))
    store = open_store(url)
    snapshot = store.load_snapshot()
    assert snapshot is not None
    if payload == "cut":
        payload = snapshot.payload[: len(snapshot.payload) // 2]
    elif payload == "other":  # a sound file with other arrays
        buffer = io.BytesIO()
        np.savez(buffer, seq=np.array(75))
        payload = buffer.getvalue()
    assert isinstance(payload, bytes)
    store.save_snapshot(replace(snapshot, payload=payload)).result()
    rebuilt = rebuild(store, FORGETFUL)
    assert (rebuilt.agrees, rebuilt.snapshot_seq) == (True, None)
    assert [record.message[:37] for record in caplog.records] == ["The snapshot at event 75 is damaged ("]
    with Router(FORGETFUL, store) as router:
        assert router.state.seq == 75
        assert state_distance(router.state, rebuilt.state) <= 1e-9
        router.feedback(router.route().id, quality=1.0)
    caplog.clear()
    assert rebuild(open_store(url), FORGETFUL).snapshot_seq == 76, "the next snapshot is sound"
    assert not caplog.records


def test_another_configuration_folds_the_log_anew() -> None:
    """Outcomes of the models that stayed are learned as if the others had never been."""
    store, only_large = open_store("memory://"), open_store("memory://")
    fewer = replace(FORGETFUL, models=MODELS[1:])
    for decision, model in ((DECISIONS[0], "small"), (DECISIONS[1], "large")):
        made = structs.replace(decision, model=model)
        for log in (store, only_large):
            log.append_decisions([made]).result()
            if log is store or model == "large":
                log.append_outcomes([Outcome(made.id, "quality", 0.1)]).result()
    save_state(store, FORGETFUL, Follower(store, FORGETFUL).state)
    seen: list[tuple[int, int]] = []
    follower = Follower(store, fewer, progress=lambda *step: seen.append(step))
    assert seen == [(2, 2)], "the snapshot of the other configuration is not used"
    assert [m.id for m in follower.state.models] == ["middle", "large"]
    assert state_distance(follower.state, Follower(only_large, fewer).state) <= 1e-9


def test_a_snapshot_is_saved_every_so_many_events() -> None:
    often = replace(SETTINGS, store=replace(SETTINGS.store, snapshot_every=5))
    store = open_store("memory://")
    with Router(often, store) as router:
        for _ in range(4):
            router.feedback(router.route().id, quality=1.0)
        router.catch_up()
        assert store.load_snapshot() is None
        router.feedback(router.route().id, quality=1.0)
        router.catch_up()
        snapshot = store.load_snapshot()
        assert snapshot is not None
        assert snapshot.seq == 5


def test_feedback_is_folded_without_being_asked() -> None:
    with Router(SETTINGS) as router:
        router.feedback(router.route().id, quality=1.0)
        assert eventually(lambda: router.state.seq == 1)


def test_what_another_process_appends_is_folded_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with Router(SETTINGS, open_store(url)) as router:
        other = open_store(url)
        other.append_decisions([DECISIONS[0]]).result()
        other.append_outcomes([Outcome(DECISIONS[0].id, "quality", 0.5)]).result()
        other.close()
        assert eventually(lambda: router.state.seq == 1)


def test_a_fold_that_fails_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://")
    follower = Follower(store, SETTINGS)
    store.append_decisions([DECISIONS[0]]).result()
    broken = True

    def learn_unless_broken(*args: Any, **named: Any) -> State:
        if broken:
            raise StoreError("the disk is gone")
        return learn(*args, **named)

    monkeypatch.setattr(follow, "learn", learn_unless_broken)
    store.append_outcomes([Outcome(DECISIONS[0].id, "quality", 0.5)]).result()
    follower.nudge()
    assert eventually(lambda: follower.failure is not None)
    assert follower.state.seq == 0
    broken = False
    assert eventually(lambda: follower.state.seq == 1 and follower.failure is None)
    follower.close()


def test_waiting_for_an_event_ends_when_it_is_folded() -> None:
    store = open_store("memory://")
    follower = Follower(store, SETTINGS)
    waiting, given_up = follower.folded(2), follower.folded(2)
    given_up.cancel()
    store.append_decisions([DECISIONS[0]]).result()
    for factor in ("quality", "seconds"):
        store.append_outcomes([Outcome(DECISIONS[0].id, factor, 0.5)]).result()
    follower.nudge()
    assert waiting.result(PATIENCE).seq == 2
    assert follower.folded(1).result(0).seq == 2
    follower.close()
