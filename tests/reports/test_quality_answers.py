"""What is read of the event log, and what there is to say where it holds nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from banditroute.config.feedback import JudgeSettings
from banditroute.reports.quality import AskedQuality, Unheard, quality_of_store, quality_report
from banditroute.reports.quality_answers import NothingScored
from banditroute.store import Store, open_store
from banditroute.types import JUDGE as WORKER
from banditroute.types import Context, Decision, Outcome, Preferences
from tests.reports.scored import JUDGE, MODELS, SETTINGS, scored


def kept(
    store: Store, *outcomes: Outcome, name: str, at: float = 100.0, model: str = "large", **more: object
) -> None:
    """Stores a decision that was sampled for a judge, unless it says otherwise, and what was said of it."""
    decision = Decision(
        name, at, Context("code", unit="u"), Preferences(), (), (), model, 1.0, "random", 0, 0.0, 0,
        wants_response=True, judge_propensity=0.5, audit=True,
    )  # fmt: skip
    store.append_decisions([structs.replace(decision, **more)]).result()
    for outcome in outcomes:
        store.append_outcomes([outcome]).result()


def judged(name: str, value: float | None, rater: str = JUDGE, principal: str = WORKER) -> Outcome:
    return Outcome(name, "quality", value, source="judge", rater=rater, principal=principal)


def test_the_event_log_is_read_as_it_stands() -> None:
    """Revised and retracted scores, two people, a metric, a failed call, two judges, and what came before."""
    store = open_store("memory://")
    kept(store, Outcome("a", "quality", 0.2, rater="x"), Outcome("a", "quality", 0.4, rater="x"),
         Outcome("a", "quality", 0.8, rater="y"), judged("a", 0.5), name="a")  # fmt: skip
    kept(store, Outcome("b", "quality", 0.9), Outcome("b", "quality", None), judged("b", 0.7), name="b")
    kept(store, Outcome("c", "error", 1.0), name="c")
    kept(store, Outcome("e", "quality", 0.1, source="metric"), judged("e", 0.3, "other/pointwise-1"),
         name="e", model="gone")  # fmt: skip
    kept(store, Outcome("f", "quality", 0.0), name="f", at=5.0)
    report = quality_of_store(SETTINGS, store, AskedQuality(since=50.0))
    assert (report.answers, report.failed, report.people_scored) == (3, 1, 1)
    assert [row.model for row in report.models] == ["large", "gone"]
    first, second = report.models
    assert first.people is not None
    assert first.people.mean == pytest.approx(0.6)
    assert (first.people.low, first.people.n) == (None, 1)
    assert first.judge is not None
    assert first.judge.mean == pytest.approx(0.6)
    assert first.judge.n == 2
    assert second.judge is None, "another judge's"
    assert [judge.name for judge in report.judges] == [JUDGE, "other/pointwise-1"]
    other = quality_of_store(SETTINGS, store, AskedQuality(judge="other/pointwise-1"))
    assert other.answers == 4
    assert other.models[1].judge is not None
    named = quality_of_store(SETTINGS, store, AskedQuality(asked=["y"]))
    assert named.asked == 1


@pytest.mark.parametrize("configured", [True, False])
def test_a_judge_that_chooses_its_answers_is_no_audit(configured: bool) -> None:
    """It scores bad answers only, twice as many as the service's own: what it says is shown if it is named,
    and weighs nothing back, unless somebody says that it was asked."""
    settings = replace(SETTINGS, judge=JudgeSettings(model="large")) if configured else SETTINGS
    own = "large/pointwise-1" if configured else JUDGE
    store, rng = open_store("memory://"), np.random.default_rng(3)
    for i in range(200):
        quality = float(rng.random())
        said = [Outcome(f"d{i}", "quality", quality)] if i % 3 == 0 else []
        said += [judged(f"d{i}", quality, own)] if i % 4 == 0 else []
        said += [judged(f"d{i}", 0.0, own, "")] if i % 5 == 0 else []  # without a key, in the same name
        said += [judged(f"d{i}", quality, "ext/1", "outside")] if quality < 0.8 else []
        kept(store, *said, name=f"d{i}", model=MODELS[i % 2])
    report = quality_of_store(settings, store)
    assert report.judge == own
    outside = "ext/1 (outside)"
    known = {judge.name: judge for judge in report.judges}
    assert known[own].scores == known[own].sampled == 50
    assert known[outside].scores > 2 * 50
    assert known[outside].sampled == known[outside].paired == 0
    named = quality_of_store(settings, store, AskedQuality(judge=outside))
    assert named.basis is None
    assert [row.powered for row in named.models] == [None, None]
    assert "no random sample" in " ".join(named.notes)
    for name in ("ext/1", "outside"):
        trusted = quality_of_store(settings, store, AskedQuality(judge=outside, asked=[name]))
        assert trusted.basis is not None
        assert next(one for one in trusted.judges if one.name == outside).sampled == known[outside].scores


def test_the_busiest_judge_speaks_where_the_configured_one_is_silent() -> None:
    store, settings = open_store("memory://"), replace(SETTINGS, judge=JudgeSettings(model="large"))
    for i in range(20):
        kept(store, judged(f"d{i}", 0.5), name=f"d{i}")
    assert quality_of_store(settings, store).judge == JUDGE
    store.append_outcomes([judged("d7", 0.7, "large/pointwise-1")]).result()
    assert quality_of_store(settings, store).judge == "large/pointwise-1"


def test_what_a_store_gives_is_what_arrays_give() -> None:
    found, store = scored(7, n=400), open_store("memory://")
    score = found.score(JUDGE)
    for i in range(400):
        name = f"d{i:04d}"
        told = [] if math.isnan(found.people[i]) else [Outcome(name, "quality", float(found.people[i]))]
        told += [] if math.isnan(score[i]) else [judged(name, float(score[i]))]
        kept(store, *told, name=name, at=float(i), model=MODELS[found.model[i]],
             wants_response=bool(found.sampled[i]), audit=bool(found.audited[i]),
             judge_propensity=float(found.probability[i]))  # fmt: skip
    same = replace(found, cls=np.ones(400, np.int64), unit=np.zeros(400, np.int64), classes=("chat", "code"))
    one, other = quality_of_store(SETTINGS, store), quality_report(same)
    assert one.models == other.models
    assert one.who_answers == other.who_answers


def test_nothing_to_report_on_is_one_sentence() -> None:
    store = open_store("memory://")
    with pytest.raises(NothingScored, match="There is no answer to report on"):
        quality_of_store(SETTINGS, store)
    kept(store, name="a")
    with pytest.raises(NothingScored, match="Nobody has scored any of the 1 answers"):
        quality_of_store(SETTINGS, store)
    with pytest.raises(NothingScored, match="no answer since then"):
        quality_of_store(SETTINGS, store, AskedQuality(since=1e9))
    kept(store, judged("b", 0.5), name="b")
    with pytest.raises(Unheard, match=f"those that have: {JUDGE}"):
        quality_of_store(SETTINGS, store, AskedQuality(judge="nobody"))
    with pytest.raises(Unheard, match="None of panel has scored"):
        quality_of_store(SETTINGS, store, AskedQuality(asked=["panel"]))
    assert quality_of_store(SETTINGS, store).models[0].judge is not None
