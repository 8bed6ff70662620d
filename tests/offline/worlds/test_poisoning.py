"""Liars in a live router: what they cost against the same traffic without lies, and what doubt costs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from banditroute.offline.replay.catalogue import contexts
from banditroute.offline.worlds.course import lay_out
from banditroute.offline.worlds.live import play_live
from banditroute.offline.worlds.play import path_of, play_learner, start_state
from banditroute.offline.worlds.run import world_settings
from banditroute.offline.worlds.scenario import Feedback, Principals, Scenario
from banditroute.offline.worlds.simulated import DemoWorld
from banditroute.policies import get_policy

REQUESTS, LIES_FROM = 3_500, 1_500
PLAIN = Scenario("own", "title", "says", (), requests=REQUESTS, feedback=Feedback(rate=0.5))
CROWD = Principals(count=200, lies_from=LIES_FROM)
WORLD = DemoWorld()
SETTINGS = world_settings(PLAIN, WORLD)
BOOST = "boost:qwen3-32b"


@cache
def _reward(principals: Principals, seed: int, how: str) -> float:
    """Mean reward once lies have begun, of a learner who weighs who speaks (`live`) or of one who takes every
    score at face value (`naive`)."""
    course = lay_out(replace(PLAIN, principals=principals), WORLD, seed)
    policy, known = get_policy("thompson", SETTINGS), contexts(course.log, SETTINGS, text=False)
    state = start_state(course, SETTINGS)
    if how == "naive":
        actions, _ = play_learner(course, policy, SETTINGS, known, seed, state)
    else:
        actions, _ = play_live(course, policy, SETTINGS, known, seed, state, every=25)
    return float(path_of(course, actions).reward[LIES_FROM:].mean())


def _loss(principals: Principals, seeds: range, how: str = "live") -> float:
    """Share of reward that lies cost, over all seeds."""
    honest = replace(principals, liars=0.0, volume=None)
    heard, spared = (np.mean([_reward(own, seed, how) for seed in seeds]) for own in (principals, honest))
    return float(1.0 - heard / spared)


def test_a_tenth_of_the_principals_cannot_move_the_reward_by_two_percent() -> None:
    """Of six seeds the loss was 0.0 to 0.5% in each."""
    assert _loss(replace(CROWD, liars=0.1, lie=BOOST), range(2)) < 0.02


def test_three_tenths_of_all_scores_do_less_than_half_of_the_harm() -> None:
    """Over the 2,000 requests in which they are found out: 0.9 to 2.0% in each of six seeds, against 3.7 to
    6.4% at face value."""
    loud = replace(CROWD, liars=0.1, lie=BOOST, volume=0.3)
    naive, weighed = _loss(loud, range(2), "naive"), _loss(loud, range(2))
    assert naive > 0.03
    assert weighed < 0.5 * naive


def _doubt(seeds: range) -> float:
    """What doubt costs where nobody lies, against the same scores from a single principal."""
    crowd, alone = (
        np.mean([_reward(replace(CROWD, count=count), seed, "live") for seed in seeds]) for count in (200, 1)
    )
    return float(1.0 - crowd / alone)


def test_where_nobody_lies_doubt_costs_next_to_nothing() -> None:
    """The sd of one seed is 0.003, of two 0.002: one in a hundred such pairs would be over the bound."""
    assert _doubt(range(2)) < 0.005


@pytest.mark.full
def test_where_nobody_lies_doubt_costs_less_than_a_fifth_of_a_percent() -> None:
    assert _doubt(range(20)) < 0.002


@pytest.mark.full
@pytest.mark.parametrize("lie", ["invert", "random", BOOST, "flatter:llama-3.3-70b"])
def test_no_lie_moves_the_reward_by_two_percent(lie: str) -> None:
    assert _loss(replace(CROWD, liars=0.1, lie=lie), range(10)) < 0.02
