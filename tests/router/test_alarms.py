"""Who is told of a judge that has moved, and of a principal who counts for nothing."""

from __future__ import annotations

import numpy as np

from banditroute.config.feedback import AlertSettings
from banditroute.config.settings import RequestClass, Settings
from banditroute.core.decide import State, initial_state, learn
from banditroute.routing.alarms import alarms_of
from banditroute.types import Context, Model, Observation

SETTINGS = Settings(
    models=(Model("a"), Model("b"), Model("c")),
    classes=(RequestClass("chat"),),
    alerts=AlertSettings(changes=True),
)


def after(news: list[Observation]) -> State:
    return learn(initial_state(SETTINGS), news, seq=1, at=max(o.decided_at for o in news))


def scored(t: int, value: float, *, by: str = "", judge: float | None = None) -> list[Observation]:
    """A person's score of one answer, and what a judge gave it."""
    model, context, at = "abc"[t % 3], Context("chat"), 600.0 * t
    said = [Observation(context, model, "quality", value, at, speaker=by)]
    if judge is not None:
        said.append(Observation(context, model, "quality", judge, at, instrument="j/1", people=value))
    return said


def test_a_judge_that_has_become_milder_is_told_of() -> None:
    rng = np.random.default_rng(0)
    news = []
    for t in range(900):
        value = float(np.clip(0.6 + 0.15 * rng.normal(), 0.0, 1.0))
        judge = value + 0.05 * rng.normal() + (0.15 if t > 600 else 0.0)
        news += scored(t, value, judge=float(np.clip(judge, 0.0, 1.0)))
    (alarm,) = [alarm for alarm in alarms_of(after(news)) if alarm.kind == "judge"]
    assert alarm.subject == "j/1"
    assert alarm.low is not None
    assert alarm.high is not None
    assert 0.05 < alarm.low < alarm.high < 0.25
    assert abs(alarm.since - 600.0 * 600) < 86_400.0
    assert not [alarm for alarm in alarms_of(after(news[:1_000])) if alarm.kind == "judge"]


def test_a_principal_in_quarantine_is_told_of() -> None:
    rng = np.random.default_rng(1)
    news = []
    for t in range(1_200):
        value = 0.9 - 0.2 * (t % 3) + 0.1 * rng.normal()
        news += scored(t, float(np.clip(value, 0.0, 1.0)), by=f"app-{t % 10}")
        if t % 10 == 0:
            news += scored(t, 1.0 - float(np.clip(value, 0.0, 1.0)), by="broken")
    (alarm,) = [alarm for alarm in alarms_of(after(news)) if alarm.kind == "quarantine"]
    assert alarm.subject == "broken"
    assert "broken" in alarm.message
