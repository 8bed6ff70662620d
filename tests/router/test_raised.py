"""Alarms that are kept up to date are those of the log, and nobody who looks reads the log of them again."""

from __future__ import annotations

import random
import urllib.request

import pytest

from banditroute.config.feedback import AlertSettings
from banditroute.routing.acknowledging import raised
from banditroute.routing.alerts import Alerts
from banditroute.routing.raised import MOST_OPEN, MOST_SEEN, RaisedAlarms
from banditroute.store.controls import Control, ControlKind, MemoryControls
from banditroute.store.memory import MemoryStore
from tests.router.setting import SETTINGS
from tests.service.live import ask, serving


def happened(controls: MemoryControls, rng: random.Random, name: str) -> None:
    """One event: an alarm of a guardrail or of a model, or somebody has seen to one or to all."""
    what = rng.choice("abc")
    kind = rng.choice(["guardrail", "model"])
    if rng.random() < 0.7:
        body = {"id": name, "kind": kind, "subject": what, "message": f"{name}."}
        controls.append("alarm", f"{kind}/{what}/quality", body=body)
    else:
        controls.append("acknowledge", rng.choice([what, f"{kind}/{what}/quality", "*"]))


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_the_whole_log(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where clocks differ, so that an alarm is older or newer than its number says."""
    rng, controls = random.Random(seed), MemoryControls()
    monkeypatch.setattr("banditroute.store.controls.time.time", lambda: 1000.0 + rng.randrange(40))
    known = RaisedAlarms(controls)
    for i in range(150):
        happened(controls, rng, f"n{i}")
        if rng.random() < 0.5:
            continue
        everything = raised(controls)
        opened = [event for event, seen in everything if not seen]
        seen = [event for event, seen in everything if seen][:MOST_SEEN]
        shown = sorted(opened[:MOST_OPEN] + seen, key=lambda event: -event.seq)
        assert known.open() == opened
        assert [(own.id, own.acknowledged) for own in known.accounts()] == [
            (event.body["id"], event in seen) for event in shown
        ]
        assert sum(known.kinds().values()) == len(everything)
    assert RaisedAlarms(controls).accounts() == known.accounts()


class Counted(MemoryControls):
    """Controls that count the events they hand over, of alarms and what came of them."""

    handed = 0

    def after(self, seq: int, *kinds: ControlKind) -> tuple[Control, ...]:
        found = super().after(seq, *kinds)
        if "alarm" in kinds:
            self.handed += len(found)
        return found


def test_whoever_asks_for_state_page_or_metrics_reads_what_is_new() -> None:
    store = MemoryStore()
    store.controls = controls = Counted()
    rng = random.Random(1)
    for i in range(300):
        happened(controls, rng, f"n{i}")
    with serving(SETTINGS, store) as where:

        def look() -> int:
            """The events that are read for everybody who looks once."""
            controls.handed = 0
            alarms = ask(where, "GET", "/v1/state")[1]["account"]["alarms"]
            assert len(alarms) > MOST_SEEN
            for path in ("/?range=1h", "/?range=7d", "/metrics"):
                with urllib.request.urlopen(f"http://{where}{path}", timeout=60) as reply:
                    assert reply.status == 200
            return controls.handed

        assert look() == 300
        assert look() == 0
        happened(controls, rng, "new")
        assert look() == 1


def test_what_is_due_to_be_told_is_read_once() -> None:
    controls, rng = Counted(), random.Random(2)
    for i in range(50):
        happened(controls, rng, f"n{i}")
    alerts = Alerts(controls, AlertSettings(webhook="http://127.0.0.1:9/"), list)
    first = alerts.untold()
    assert [event.body["id"] for event in first] == [
        event.body["id"] for event in controls.after(0) if event.kind == "alarm"
    ]
    controls.handed = 0
    controls.append("delivered", str(first[3].body["id"]))
    assert alerts.untold() == first[:3] + first[4:]
    assert controls.handed == 1
