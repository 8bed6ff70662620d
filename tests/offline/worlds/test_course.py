"""What a scenario lays out: luck by key, events that do what they say, feedback as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from banditroute.offline.replay.catalogue import contexts
from banditroute.offline.worlds.course import Course, all_heard, inhabited, lay_out, no_lies_heard
from banditroute.offline.worlds.live import play_live
from banditroute.offline.worlds.play import play_learner, play_reference, start_state
from banditroute.offline.worlds.run import world_settings
from banditroute.offline.worlds.scenario import Event, Feedback, Judging, NewModel, Principals, Scenario
from banditroute.offline.worlds.simulated import DemoWorld
from banditroute.offline.worlds.timeline import arrivals
from banditroute.policies import get_policy

PLAIN = Scenario("own", "title", "says", (), requests=4_000)
GPT = DemoWorld().world.truth().models.index("gpt-4o")
SE = 4.0
"""Standard errors that a mean may miss by: one comparison in 16,000 fails by chance."""


def _laid(scenario: Scenario, seed: int = 1) -> Course:
    return lay_out(scenario, inhabited(scenario, DemoWorld()), seed)


def _ratio(event: Event, of: Callable[[Course], np.ndarray]) -> tuple[float, float]:
    """The effect on gpt-4o before and after the event, against the same requests without it."""
    with_it, without = (of(_laid(replace(PLAIN, events=own))) for own in ((event,), ()))
    return tuple(
        with_it[part].mean() / without[part].mean() for part in (slice(event.at), slice(event.at, None))
    )


def test_events_multiply_what_they_name_from_their_request_on() -> None:
    quality = Event(at=2_000, model="gpt-4o", quality=0.75)
    assert _ratio(quality, lambda course: course.log.quality[:, GPT]) == pytest.approx((1.0, 0.75))
    usd = Event(at=2_000, model="gpt-4o", usd=0.2)
    assert _ratio(usd, lambda course: course.log.usd[:, GPT]) == pytest.approx((1.0, 0.2))
    seconds = Event(at=2_000, model="gpt-4o", seconds=3.0)
    assert _ratio(seconds, lambda course: course.log.seconds[:, GPT]) == pytest.approx((1.0, 3.0))


def test_a_failing_call_costs_nothing_and_is_worth_nothing() -> None:
    course = _laid(replace(PLAIN, events=(Event(at=2_000, model="gpt-4o", failure=0.3),)))
    log, after = course.log, slice(2_000, None)
    failed = (log.quality[after, GPT] == 0.0) & (log.usd[after, GPT] == 0.0)
    assert failed.mean() == pytest.approx(0.3, abs=SE * np.sqrt(0.3 * 0.7 / 2_000) + 0.003)
    assert (log.quality[:2_000, GPT] == 0.0).mean() < 0.01
    both = (Event(at=0, model="gpt-4o", failure=0.5), Event(at=0, model="qwen3-32b", failure=0.5))
    quality = _laid(replace(PLAIN, events=both)).log.quality
    together = ((quality[:, GPT] == 0.0) & (quality[:, 1] == 0.0)).mean()
    assert together == pytest.approx(0.25, abs=0.04)  # each has luck of its own


def test_nobody_else_is_touched_and_luck_is_keyed() -> None:
    eventful = replace(
        PLAIN,
        models=(NewModel("new", "gpt-4o", arrives=500, usd=0.1),),
        events=(Event(at=1_000, model="gpt-4o", quality=0.5, failure=0.5),),
    )
    changed, plain = _laid(eventful), _laid(PLAIN)
    others = [a for a in range(6) if a != GPT]
    for name in ("quality", "usd", "seconds"):
        assert np.array_equal(getattr(changed.log, name)[:, others], getattr(plain.log, name)[:, others])
    assert not np.array_equal(changed.log.quality[:, 6], plain.log.quality[:, GPT])  # luck of its own
    assert np.array_equal(_laid(replace(PLAIN, requests=500)).log.quality, plain.log.quality[:500])


def test_the_truth_of_the_moment_is_what_the_means_come_to() -> None:
    scenario = replace(
        PLAIN,
        requests=40_000,
        mix={"reasoning": 1.0},
        events=(Event(at=0, model="gpt-4o", quality=0.8, usd=2.0, failure=0.2),),
    )
    course = _laid(scenario)
    gap = course.reward[:, GPT] - course.expected[:, GPT]
    assert abs(gap.mean()) < SE * gap.std() / 200
    assert set(course.log.class_index) == {4}


def test_a_mix_moves_the_classes() -> None:
    course = _laid(replace(PLAIN, events=(Event(at=2_000, mix={"code": 3.0, "chat": 1.0}),)))
    after = course.log.class_index[2_000:]
    assert (after == 0).mean() == pytest.approx(0.75, abs=SE * np.sqrt(0.75 * 0.25 / 2_000))
    assert len(set(course.log.class_index[:2_000])) == 6


def test_who_is_away_is_never_best_and_what_recurs_pauses() -> None:
    scenario = replace(
        PLAIN,
        models=(NewModel("new", "claude-sonnet", arrives=1_000, usd=0.01),),
        events=(Event(at=0, model="gpt-4o", seconds=5.0, every_hours=6, for_hours=1.5),),
    )
    course = _laid(scenario)
    assert not (course.best[:1_000] == 6).any()
    assert (course.best[1_000:] == 6).all()
    assert not (course.written == 6).any()
    slow = course.timeline.seconds[:, GPT] == 5.0
    assert slow.mean() == pytest.approx((3 * 1.5 + 1.2) / 19.2, abs=0.001)  # 4,000 requests take 19.2 hours
    assert np.diff(slow.astype(int)).clip(0).sum() == 3  # 0.8 days: it begins at 0 and three times more


def test_traffic_swings_about_its_rate() -> None:
    at = arrivals(20_000, 5_000, 0.6) / 86_400
    assert at[-1] == pytest.approx(4.0, abs=0.01)
    by_hour = np.bincount((at * 24).astype(int) % 24, minlength=24) / len(at) * 24
    assert by_hour[5] == pytest.approx(1.6, abs=0.05)
    assert by_hour[18] == pytest.approx(0.4, abs=0.05)


def test_feedback_is_told_as_it_says() -> None:
    feedback = Feedback(rate=0.3, below=0.6, rate_below=0.9, delay_hours=2.0)
    course = _laid(replace(PLAIN, feedback=feedback))
    heard, quality = ~np.isnan(course.speech.heard), course.log.quality
    failed = quality == 0.0
    assert heard[(quality >= 0.6)].mean() == pytest.approx(0.3, abs=0.03)
    assert heard[(quality < 0.6) & ~failed].mean() == pytest.approx(0.9, abs=0.03)
    assert np.array_equal(course.speech.heard[heard], quality[heard])
    waited = (course.speech.told - np.arange(4_000)[:, None])[~failed] / 5_000 * 24
    assert np.median(waited) == pytest.approx(2.0, rel=0.1)


def test_thumbs_and_leanings() -> None:
    feedback = Feedback(thumbs=True, bias={"gpt-4o": -0.3}, bias_from=2_000)
    course = _laid(replace(PLAIN, feedback=feedback))
    assert set(np.unique(course.speech.heard)) == {0.0, 1.0}
    gap = (course.speech.heard - course.log.quality)[:, GPT]
    assert gap[:2_000].mean() == pytest.approx(0.0, abs=SE * 0.3 / np.sqrt(2_000))
    assert gap[2_000:].mean() == pytest.approx(-0.3, abs=SE * 0.45 / np.sqrt(2_000) + 0.005)
    assert np.array_equal(all_heard(course).speech.heard, course.log.quality)


def test_the_compiled_loop_does_what_decide_and_learn_do() -> None:
    scenario = replace(
        PLAIN,
        requests=400,
        models=(NewModel("new", "claude-sonnet", arrives=150, usd=0.1),),
        events=(
            Event(at=200, until=260, model="gpt-4o", available=False),
            Event(at=230, model="gpt-4o", usd=0.2),
            Event(at=100, until=250, model="qwen3-32b", failure=0.5),
        ),
        feedback=Feedback(rate=0.6, delay_hours=0.3, noise=0.1),
    )
    world = inhabited(scenario, DemoWorld())
    settings = world_settings(scenario, world)
    settings = replace(settings, policy=replace(settings.policy, half_life_days={"quality": 0.05}))
    course, policy = lay_out(scenario, world, 3), get_policy("thompson", settings)
    known = contexts(course.log, settings, text=False)
    state = start_state(course, settings)
    fast, _ = play_learner(course, policy, settings, known, 3, state)
    assert np.array_equal(fast, play_reference(course, policy, settings, known, 3, state)[0])
    assert len(set(fast)) == 7
    assert not (fast[200:260] == GPT).any()
    assert not (fast[:150] == 6).any()


def test_a_live_learner_lives_as_the_definition_says() -> None:
    """Events, pages and the service's fold come to what `learn` makes of the same facts."""
    scenario = replace(
        PLAIN,
        requests=300,
        events=(
            Event(at=100, until=160, model="gpt-4o", available=False),
            Event(at=130, model="gpt-4o", usd=0.2),
            Event(at=50, until=150, model="qwen3-32b", failure=0.5),
        ),
        feedback=Feedback(rate=0.6, delay_hours=0.3, noise=0.1),
    )
    world = DemoWorld()
    settings = world_settings(scenario, world)
    course, policy = lay_out(scenario, world, 3), get_policy("thompson", settings)
    known = contexts(course.log, settings, text=False)
    state = start_state(course, settings)
    live, _ = play_live(course, policy, settings, known, 3, state)
    assert np.array_equal(live, play_reference(course, policy, settings, known, 3, state)[0])
    rarely, _ = play_live(course, policy, settings, known, 3, state, every=50)
    assert not np.array_equal(live, rarely)
    assert not (rarely[100:160] == GPT).any()


def test_liars_say_what_they_are_said_to_say() -> None:
    crowd = Principals(count=50, liars=0.1, volume=0.3, lies_from=1_000, strictness=0.1)
    plain = _laid(replace(PLAIN, principals=crowd)).speech
    assert plain.liar[1_000:].mean() == pytest.approx(0.3, abs=SE * np.sqrt(0.21 / 3_000))
    assert not plain.liar[:1_000].any()
    assert set(plain.speaker[plain.liar]) == {45, 46, 47, 48, 49}
    assert set(plain.speaker) == set(range(50))
    lies = plain.liar[:, None] & ~_laid(PLAIN).failed
    np.testing.assert_allclose(plain.heard[lies], 1.0 - plain.honest[lies])
    assert np.array_equal(plain.heard[~lies], plain.honest[~lies])
    boost = _laid(replace(PLAIN, principals=replace(crowd, lie="boost:gpt-4o"))).speech
    assert np.array_equal(boost.honest, plain.honest)
    assert (np.where(lies, boost.heard, 1.0)[:, GPT] == 1.0).all()
    assert (np.delete(np.where(lies, boost.heard, 0.0), GPT, axis=1)[boost.liar] == 0.0).all()
    flatter = _laid(replace(PLAIN, principals=replace(crowd, lie="flatter:gpt-4o"))).speech
    others = np.delete(np.arange(6), GPT)
    assert np.array_equal(flatter.heard[:, others], plain.honest[:, others])
    anything = _laid(replace(PLAIN, principals=replace(crowd, lie="random"))).speech
    assert anything.heard[lies].mean() == pytest.approx(0.5, abs=0.02)
    course = _laid(replace(PLAIN, principals=crowd))
    assert np.array_equal(no_lies_heard(course).speech.heard, plain.honest)


def test_each_principal_is_strict_in_his_own_way() -> None:
    course = _laid(replace(PLAIN, principals=Principals(count=8, strictness=0.1)))
    gap = (course.speech.heard - course.log.quality)[
        :, 0
    ]  # the one model that is far from 0 and 1 throughout
    means = np.array([gap[course.speech.speaker == i].mean() for i in range(8)])
    assert 0.03 < means.std() < 0.2
    again = _laid(replace(PLAIN, principals=Principals(count=8, strictness=0.1)), seed=2)
    other = (again.speech.heard - again.log.quality)[:, 0]
    same = np.array([other[again.speech.speaker == i].mean() for i in range(8)])
    np.testing.assert_allclose(same, means, atol=0.03)


def test_a_judge_scores_a_uniform_share_by_a_scale_of_his_own() -> None:
    judging = Judging(rate=0.2, slope=0.5, lean=0.3, noise=0.02, bias={"gpt-4o": 0.1})
    course = _laid(replace(PLAIN, judging=judging, events=(Event(at=0, model="qwen3-32b", failure=0.5),)))
    judged, scored = course.speech.judged, ~np.isnan(course.speech.judged)
    assert not scored[course.failed].any()
    share = scored[~course.failed].mean()
    assert share == pytest.approx(0.2, abs=SE * np.sqrt(0.16 / 4_000))
    leaning = 0.3 + 0.5 * course.log.quality + 0.1 * (np.arange(6) == GPT)
    assert (judged - leaning)[scored].std() == pytest.approx(0.02, rel=0.1)
    assert abs((judged - leaning)[scored].mean()) < 0.002
    assert np.isnan(_laid(PLAIN).speech.judged).all()
