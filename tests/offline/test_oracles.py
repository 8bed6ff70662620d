"""Rewards and hindsight oracles, on figures that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from banditroute.offline.logs.reading import Log
from banditroute.offline.replay.oracles import best_single, per_class_best, per_prompt_best, rewards
from banditroute.types import Weights


@pytest.fixture
def tiny(log: Log) -> Log:
    """Four requests, two classes, two models."""
    quality = np.array([[1.0, 0.0], [0.5, 0.6], [0.2, 0.8], [0.4, 0.5]])
    return replace(
        log,
        models=("a", "b"),
        classes=("x", "y"),
        class_index=np.array([0, 0, 1, 1]),
        quality=quality,
        usd=np.array([[0.01, 0.0]] * 4),
        seconds=np.full((4, 2), np.nan),
    )


def test_rewards_are_quality_less_usd_and_absent_factors_of_weight_zero_do_not_enter(tiny: Log) -> None:
    reward = rewards(tiny, Weights(quality=2.0, usd=10.0, second=0.0))
    np.testing.assert_allclose(reward, [[1.9, 0.0], [0.9, 1.2], [0.3, 1.6], [0.7, 1.0]])


def test_oracles_by_hand(tiny: Log) -> None:
    reward = rewards(tiny, Weights(usd=0.0))
    assert per_class_best(tiny, reward).tolist() == [0, 0, 1, 1]
    assert best_single(tiny, reward).tolist() == [0, 0, 0, 0]
    assert per_prompt_best(tiny, reward).tolist() == [0, 1, 1, 1]


def test_a_usd_weight_moves_the_best_model(tiny: Log) -> None:
    assert best_single(tiny, rewards(tiny, Weights(usd=100.0))).tolist() == [1, 1, 1, 1]
