"""What changed is learned anew: by the detector, or by an operator's word; live and rebuilt alike."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec import structs

from banditroute.cli import cli
from banditroute.config.feedback import AlertSettings
from banditroute.core.snapshot import state_distance
from banditroute.core.state import State, initial_state
from banditroute.core.summary import summary
from banditroute.errors import RequestError
from banditroute.router import Router
from banditroute.routing.alarms import Alarm, alarms_of
from banditroute.routing.alerts import Alerts
from banditroute.routing.controls import record_control
from banditroute.routing.fields import ControlFields
from banditroute.routing.follow import Follower
from banditroute.routing.rebuild import rebuild
from banditroute.store import Store, open_store
from banditroute.store.controls import MemoryControls
from banditroute.types import Outcome
from tests.router.setting import SETTINGS

SECRET = {"HOOK_SECRET": "s3cret"}
WATCHFUL = replace(SETTINGS, alerts=AlertSettings(changes=True))
DAY = 86_400.0


def fed(store: Store, quality: dict[str, float], n: int, at: float, seed: int) -> None:
    """Decisions one minute apart by turns, and what people said of them."""
    rng = np.random.default_rng(seed)
    with Router(SETTINGS) as router:
        made = [router.route(request_class="code", model=list(quality)[i % len(quality)]) for i in range(n)]
    made = [structs.replace(own, id=f"{seed}-{i}", at=at + 60.0 * i) for i, own in enumerate(made)]
    store.append_decisions(made).result()
    store.append_outcomes(
        [
            Outcome(
                own.id,
                "quality",
                float(np.clip(quality[own.model] + 0.1 * rng.normal(), 0.0, 1.0)),
                at=own.at + 5.0,
            )
            for own in made
        ]
    ).result()


def test_a_changed_model_is_seen_told_and_learned_anew() -> None:
    store = open_store("memory://")
    began = 1.7e9
    fed(store, {"small": 0.8, "large": 0.8}, 3_000, began, 0)
    fed(store, {"small": 0.5, "large": 0.8}, 400, began + 3_000 * 60.0, 1)
    follower, blind = Follower(store, WATCHFUL), Follower(store, SETTINGS)
    found: list[Alarm] = []
    told = Alerts(MemoryControls(), WATCHFUL.alerts, lambda: found)
    found += alarms_of(follower.state)
    told.look()
    assert [(own.kind, own.subject, own.factor) for own in found] == [("model", "small", "quality")]
    assert abs(found[0].since - (began + 3_000 * 60.0)) < 6 * 3_600.0
    assert "quality of small has changed since" in found[0].message
    assert mean(follower.state, "small") < 0.55 < mean(blind.state, "small")
    assert abs(mean(follower.state, "large") - mean(blind.state, "large")) < 0.02
    assert rebuild(store, WATCHFUL).agrees
    for each in (follower, blind):
        each.close()


def mean(state: State, model: str) -> float:
    (row,) = (row for row in summary(state) if row.model == model and row.request_class == "code")
    assert row.quality is not None
    return row.quality.mean


def test_a_reset_forgets_what_was_decided_before_and_a_rebuild_agrees(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    store = open_store(url)
    fed(store, {"small": 0.2, "large": 0.8}, 200, time.time() - 2 * DAY, 0)
    follower = Follower(store, WATCHFUL)
    before = follower.state
    assert mean(before, "small") < 0.3
    record_control(ControlFields("reset", "small", "quality"), SETTINGS, store.controls)
    forgot = follower.catch_up()
    sums = forgot.stats[0]
    assert sums is not None
    assert not sums.cells[0].any()
    assert sums.cells[2].any(), "the others keep theirs"
    late = Outcome("0-0", "quality", 0.1, source="metric", at=time.time())  # of a decision made before
    store.append_outcomes([late]).result()
    assert mean(follower.catch_up(), "small") == mean(forgot, "small")
    fed(store, {"small": 0.9}, 50, time.time() + 10.0, 1)
    assert mean(follower.catch_up(), "small") > 0.85
    assert rebuild(store, WATCHFUL).agrees
    follower.close()
    again = Follower(open_store(url), WATCHFUL)
    assert state_distance(again.state, follower.state) <= 1e-9
    again.close()


def test_a_reset_of_everything_spares_other_models() -> None:
    with Router(SETTINGS) as router:
        for model in ("small", "large"):
            decision = router.route(model=model)
            router.feedback(decision.id, quality=0.5, latency_ms=900, output_tokens=50)
        told = router.catch_up()
        router.reset("large")
        state = router.catch_up()
    nothing = initial_state(SETTINGS)
    for f, sums in enumerate(state.stats):
        old, empty = told.stats[f], nothing.stats[f]
        assert (sums is None) == (old is None)
        if sums is not None and old is not None and empty is not None:
            np.testing.assert_array_equal(sums.cells[0], old.cells[0])
            np.testing.assert_array_equal(sums.cells[2], empty.cells[2])


def test_a_control_that_means_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="did you mean `small`"):
        record_control(ControlFields("reset", "smal"), SETTINGS, MemoryControls())
    with pytest.raises(RequestError, match="Only reset takes a factor"):
        record_control(ControlFields("acknowledge", "x", "usd"), SETTINGS, MemoryControls())


def test_the_command_appends_the_event_and_a_running_router_follows(tmp_path: Path) -> None:
    file = tmp_path / "banditroute.toml"
    CliRunner().invoke(cli, ["init", str(file)])
    with Router.from_toml(file) as router:
        model = router.state.models[0].id
        decision = router.route(model=model)
        router.feedback(decision.id, quality=0.1)
        router.catch_up()
        assert router.state.stats[0] is not None
        row = int(router.state.frame.group[0])
        assert router.state.stats[0].cells[row].any()
        done = CliRunner().invoke(cli, ["reset", model, "--config", str(file), "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.output)["subject"] == model
        deadline = time.monotonic() + 20.0
        while router.state.stats[0].cells[row].any() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not router.state.stats[0].cells[row].any()


@pytest.mark.parametrize(
    ("words", "says"), [(["gpt-5o"], "There is no model"), (["gpt-4o", "--factor", "qualty"], '"quality"?')]
)
def test_the_command_refuses_in_a_sentence(words: list[str], says: str, tmp_path: Path) -> None:
    file = tmp_path / "banditroute.toml"
    CliRunner().invoke(cli, ["init", str(file)])
    done = CliRunner().invoke(cli, ["reset", *words, "--config", str(file)])
    assert done.exit_code == 2
    assert says in done.output
